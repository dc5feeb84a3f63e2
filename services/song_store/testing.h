#ifndef PLAYLOG_SERVICES_SONG_STORE_TESTING_H_
#define PLAYLOG_SERVICES_SONG_STORE_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/testing/postgres.h"
#include "services/song_store/plays.h"
#include "services/song_store/postgres_store.h"

namespace playlog::song_store {

inline absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

// Makes a play by `Artist` at a time in microseconds since 1970.
songs::v1::Play PlayAt(std::int64_t played_at_us, const std::string& title);

// A batch with the request that it needs.
struct TestBatch {
  std::unique_ptr<songs::v1::UpsertSongsRequest> request;
  Batch batch;
  operator const Batch&() const { return batch; }  // NOLINT(google-explicit-constructor)
};

// Makes a valid batch; ends the test program if the plays are not valid.
TestBatch BatchOf(const std::vector<songs::v1::Play>& plays, std::int64_t user_id,
                  songs::v1::Source source);

// Makes messages of songs that were read.
std::vector<songs::v1::Song> MessagesOf(const SongRun& songs);

// Lists what is in the queue; ends the test program if that fails.
void FillListing(db::Pool& pool);

// A migrated database of its own with a store on it.
class PostgresFixture {
 public:
  // Where TestDatabase's own default is, or in another cluster.
  PostgresFixture() : PostgresFixture(std::make_unique<testing::TestDatabase>()) {}
  explicit PostgresFixture(testing::PostgresCluster& cluster)
      : PostgresFixture(std::make_unique<testing::TestDatabase>(cluster)) {}

  SongStore& store() { return *store_; }
  // Makes a store as another process has one on the same database, which remembers nothing. It does
  // not outlive the fixture.
  std::unique_ptr<SongStore> OtherStore() { return std::make_unique<PostgresSongStore>(*pool_); }
  db::Pool& pool() { return *pool_; }
  testing::TestDatabase& database() { return *database_; }

 private:
  explicit PostgresFixture(std::unique_ptr<testing::TestDatabase> database);

  std::unique_ptr<testing::TestDatabase> database_;
  std::unique_ptr<db::Pool> pool_;
  std::unique_ptr<PostgresSongStore> store_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_TESTING_H_
