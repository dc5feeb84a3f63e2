#ifndef PLAYLOG_TESTS_BENCH_WORLD_H_
#define PLAYLOG_TESTS_BENCH_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/bench/django_reference.h"
#include "tests/bench/report.h"
#include "tests/bench/sql.h"
#include "tests/bench/upsert_client.h"
#include "tests/harness/stack.h"

namespace playlog::bench {

struct Options {
  int pairs = 5;              // Of slices, ours and the peer's in turn.
  absl::Duration slice;       // Of the scenarios that are measured for a time.
  std::string django_folder;  // The reference; may be absent.
  int sync_users = 10'000;    // Of the scenario `sync`.
};

inline constexpr int kSmallHistory = 50;
inline constexpr int kBigHistory = 100'000;

// What an answer has of each play.
inline constexpr char kAnswerColumns[] =
    "id, title, artist, album, played_at, album_thumbnail, track_url, artists_url, duration_ms, "
    "source, artist_lastfm_url, track_mbid, artist_mbid, album_mbid, loved, streamable, "
    "album_thumbnail_small, album_thumbnail_medium, album_thumbnail_large, "
    "album_thumbnail_extralarge";

// A user of ours.
struct Account {
  std::int64_t id = 0;
  std::string credentials;  // The JSON that registers and signs in.
};

// What is measured and what it is measured against, seeded alike: a private PostgreSQL with the
// settings of deploy/up (fsync on, checksums on), our five processes on one database, and the
// Django reference on another. A user has 50 songs, one 100,000, and 200 others have 10,000.
// Everything that fails throws std::runtime_error.
class World {
 public:
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const Options& options() const { return options_; }
  harness::Stack& stack() { return *stack_; }
  const UpsertClient& upserts() const { return *upserts_; }
  // The superuser of our database.
  Sql& sql() { return *sql_; }
  const std::string& url() const { return stack_->database().url(); }
  // Null where it is missing; then `missing` says what is.
  const DjangoReference* django() const { return django_.get(); }
  const std::string& missing() const { return missing_; }

  const Account& small() const { return small_; }
  const Account& big() const { return big_; }
  // A fresh access token.
  std::string Token(const Account& account) const;

  // Throws if a process of ours has died or has complained.
  void CheckHealth();

 private:
  Account Register(const std::string& name) const;
  void Seed();

  const Options options_;
  std::unique_ptr<harness::Stack> stack_;
  std::unique_ptr<UpsertClient> upserts_;
  std::unique_ptr<Sql> sql_;
  Account small_;
  Account big_;
  std::string missing_;
  std::unique_ptr<DjangoReference> django_;
};

// The scenarios. Each adds its rows to the report.
void MeasureHistory(World& world, Report& report);
void MeasureStoredSongs(World& world, Report& report);
void MeasureTokens(World& world, Report& report);
void MeasureUpsert(World& world, Report& report);
void MeasureBackfill(World& world, Report& report);
void MeasureSync(World& world, Report& report);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_WORLD_H_
