#ifndef PLAYLOG_TESTS_BENCH_WORLD_H_
#define PLAYLOG_TESTS_BENCH_WORLD_H_

#include <memory>
#include <string>

#include "tests/bench/django_reference.h"
#include "tests/bench/options.h"
#include "tests/bench/system.h"

namespace playlog::bench {

inline constexpr int kSmallHistory = 50;
inline constexpr int kBigHistory = 100'000;

// What an answer has of each play.
inline constexpr char kAnswerColumns[] =
    "id, title, artist, album, played_at, album_thumbnail, track_url, artists_url, duration_ms, "
    "source, artist_lastfm_url, track_mbid, artist_mbid, album_mbid, loved, streamable, "
    "album_thumbnail_small, album_thumbnail_medium, album_thumbnail_large, "
    "album_thumbnail_extralarge";

// What several scenarios measure and measure against, seeded alike: a system of ours, and the
// Django reference on another database. A user has 50 songs, one 100,000, and 200 others have
// 10,000. Everything that fails throws std::runtime_error.
class World {
 public:
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const Options& options() const { return options_; }
  System& system() { return system_; }
  harness::Stack& stack() { return system_.stack(); }
  Sql& sql() { return system_.sql(); }
  const std::string& url() const { return system_.url(); }
  // Null where it is missing; then `missing` says what is.
  const DjangoReference* django() const { return django_.get(); }
  const std::string& missing() const { return missing_; }

  const Account& small() const { return small_; }
  const Account& big() const { return big_; }
  // A fresh access token.
  std::string Token(const Account& account) const { return system_.Token(account); }

 private:
  void Seed();

  const Options options_;
  System system_;
  Account small_;
  Account big_;
  std::string missing_;
  std::unique_ptr<DjangoReference> django_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_WORLD_H_
