#ifndef PLAYLOG_SERVICES_SONG_STORE_CONTRACT_TEST_H_
#define PLAYLOG_SERVICES_SONG_STORE_CONTRACT_TEST_H_

// For tests.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "services/song_store/fake_store.h"
#include "services/song_store/testing.h"

namespace playlog::song_store {

// A test that every SongStore passes: with the parameter true it runs on PostgreSQL, else on the
// fake, so that tests on the fake can be believed.
class ContractTest : public ::testing::TestWithParam<bool> {
 public:
  static const char* NameOf(const ::testing::TestParamInfo<bool>& store) {
    return store.param ? "Postgres" : "Fake";
  }

 protected:
  ContractTest() {
    if (GetParam()) {
      postgres_ = std::make_unique<PostgresFixture>();
    } else {
      fake_ = std::make_unique<FakeSongStore>();
    }
  }

  SongStore& store() { return postgres_ != nullptr ? postgres_->store() : *fake_; }

  absl::StatusOr<UpsertCounts> Upsert(const std::vector<songs::v1::Play>& plays,
                                      std::int64_t user_id = 1,
                                      songs::v1::Source source = songs::v1::SOURCE_SPOTIFY) {
    return store().Upsert(BatchOf(plays, user_id, source), Soon());
  }

 private:
  std::unique_ptr<PostgresFixture> postgres_;
  std::unique_ptr<FakeSongStore> fake_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_CONTRACT_TEST_H_
