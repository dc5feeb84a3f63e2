// The contract of ingest::CoverageStore and of its recorder, on PostgreSQL and in memory.

#include "common/ingest/coverage_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/ingest/coverage_recorder.h"
#include "common/ingest/fake_coverage_store.h"
#include "common/ingest/postgres_coverage_store.h"
#include "common/ingest/postgres_store.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kSchema[] = "spotify_ingest";
constexpr std::int64_t kUser = 7;

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }
absl::Time At(int minute) {
  return absl::FromUnixSeconds(1'700'000'000) + absl::Minutes(minute) + absl::Microseconds(3);
}
CoveredSpan Minutes(int from, int until) { return {At(from), At(until)}; }

class CoverageStoreContract : public ::testing::TestWithParam<bool> {
 protected:
  CoverageStoreContract() {
    if (!GetParam()) {
      auto fake = std::make_unique<FakeCoverageStore>();
      fake_ = fake.get();
      store_ = std::move(fake);
      return;
    }
    database_ = std::make_unique<playlog::testing::MigratedDatabase>(kSchema, StoreMigrations());
    store_ = std::make_unique<PostgresCoverageStore>(database_->pool());
  }

  void Erase(std::int64_t user_id) {
    if (fake_ != nullptr) {
      fake_->Erase(user_id);
    } else {
      EXPECT_THAT(PostgresStore(database_->pool()).EraseUser(user_id, Soon()), IsOk());
    }
  }
  bool Knows(std::int64_t user_id) {
    const auto known = store_->LoadCoverage(user_id, Soon());
    EXPECT_THAT(known, IsOk());
    return known->has_value();
  }
  KnownCoverage Known(std::int64_t user_id) {
    const auto known = store_->LoadCoverage(user_id, Soon());
    EXPECT_THAT(known, IsOk());
    EXPECT_TRUE(known->has_value());
    return known->value_or(KnownCoverage());
  }

  std::unique_ptr<playlog::testing::MigratedDatabase> database_;
  std::unique_ptr<CoverageStore> store_;
  FakeCoverageStore* fake_ = nullptr;
};

TEST_P(CoverageStoreContract, KeepsWhatItIsGiven) {
  EXPECT_FALSE(Knows(kUser));
  Coverage coverage{.spans = {{kBeginningOfHistory, At(1)}, Minutes(5, 5), Minutes(8, 9)},
                    .first_look_from = At(5),
                    .last_look_at = At(9)};
  EXPECT_THAT(store_->SaveCoverage(kUser, 0, coverage, Soon()), IsOkAndHolds(true));
  EXPECT_THAT(store_->SaveCoverage(8, 0, Coverage(), Soon()), IsOkAndHolds(true));
  EXPECT_EQ(Known(kUser).coverage, coverage);
  EXPECT_EQ(Known(kUser).count, std::nullopt);
  EXPECT_EQ(Known(8).coverage, Coverage());
  coverage = {.spans = {Minutes(2, 3)}};
  EXPECT_THAT(store_->SaveCoverage(kUser, Known(kUser).version, coverage, Soon()),
              IsOkAndHolds(true));
  EXPECT_EQ(Known(kUser).coverage, coverage);
}

TEST_P(CoverageStoreContract, RefusesWhatWasMadeFromAnOldVersion) {
  EXPECT_THAT(store_->SaveCoverage(kUser, 0, {.spans = {Minutes(1, 2)}}, Soon()),
              IsOkAndHolds(true));
  EXPECT_THAT(store_->SaveCoverage(kUser, 0, {.spans = {Minutes(3, 4)}}, Soon()),
              IsOkAndHolds(false));
  const std::int64_t version = Known(kUser).version;
  EXPECT_THAT(store_->SaveCoverage(kUser, version, {.spans = {Minutes(5, 6)}}, Soon()),
              IsOkAndHolds(true));
  EXPECT_THAT(store_->SaveCoverage(kUser, version, {.spans = {Minutes(7, 8)}}, Soon()),
              IsOkAndHolds(false));
  EXPECT_THAT(Known(kUser).coverage.spans, ElementsAre(Minutes(5, 6)));
}

TEST_P(CoverageStoreContract, KeepsTheLatestCountBesideTheCoverage) {
  const SourceCount count{.theirs = 100'000, .ours = 99'998, .counted_at = At(5)};
  EXPECT_THAT(store_->SaveCount(kUser, count, Soon()), IsOk());
  EXPECT_THAT(store_->SaveCount(kUser, {.theirs = 1, .ours = 1, .counted_at = At(4)}, Soon()),
              IsOk());
  EXPECT_EQ(Known(kUser).count, count);
  EXPECT_EQ(Known(kUser).version, 0);
  EXPECT_THAT(store_->SaveCoverage(kUser, 0, {.spans = {Minutes(1, 2)}}, Soon()),
              IsOkAndHolds(true));
  EXPECT_EQ(Known(kUser).count, count);
  const SourceCount later{.theirs = 0, .ours = 0, .counted_at = At(6)};
  EXPECT_THAT(store_->SaveCount(kUser, later, Soon()), IsOk());
  EXPECT_EQ(Known(kUser).count, later);
  EXPECT_THAT(Known(kUser).coverage.spans, ElementsAre(Minutes(1, 2)));
}

TEST_P(CoverageStoreContract, LosesNoSpanThatManyTellAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kSpans = 10;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      CoverageRecorder recorder(*store_);
      for (int i = 0; i < kSpans; ++i) {
        const int from = (i * kThreads + thread) * 2;
        EXPECT_THAT(recorder.AddCovered(kUser, Minutes(from, from + 1), Soon()), IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Known(kUser).coverage.spans, SizeIs(kThreads * kSpans));
}

TEST_P(CoverageStoreContract, RecordsLooksWalksAndImports) {
  CoverageRecorder recorder(*store_);
  const Look look{
      .at = At(9), .asked = 50, .items = 50, .already_stored = 3, .oldest_play_at = At(5)};
  EXPECT_THAT(recorder.RecordLook(kUser, look, Soon()), IsOk());
  const std::int64_t version = Known(kUser).version;
  EXPECT_THAT(recorder.RecordLook(kUser, look, Soon()), IsOk());
  EXPECT_EQ(Known(kUser).version, version);
  EXPECT_THAT(recorder.AddCovered(kUser, Minutes(0, 3), Soon()), IsOk());
  EXPECT_THAT(Known(kUser).coverage.spans, ElementsAre(Minutes(0, 3), Minutes(5, 9)));
  EXPECT_EQ(Known(kUser).coverage.first_look_from, At(5));
  EXPECT_THAT(recorder.RecordWalk(kUser, Minutes(2, 6), Soon()), IsOk());
  EXPECT_THAT(Known(kUser).coverage.spans, ElementsAre(Minutes(0, 9)));
  EXPECT_EQ(Known(kUser).coverage.first_look_from, At(2));
}

TEST_P(CoverageStoreContract, KeepsNothingOfAnErasedUser) {
  CoverageRecorder recorder(*store_);
  EXPECT_THAT(recorder.AddCovered(kUser, Minutes(0, 3), Soon()), IsOk());
  EXPECT_THAT(recorder.AddCovered(8, Minutes(0, 3), Soon()), IsOk());
  Erase(kUser);
  EXPECT_FALSE(Knows(kUser));
  EXPECT_THAT(recorder.AddCovered(kUser, Minutes(4, 5), Soon()), IsOk());
  EXPECT_THAT(recorder.RecordCount(kUser, {.counted_at = At(1)}, Soon()), IsOk());
  EXPECT_FALSE(Knows(kUser));
  EXPECT_THAT(Known(8).coverage.spans, ElementsAre(Minutes(0, 3)));
}

INSTANTIATE_TEST_SUITE_P(Stores, CoverageStoreContract, ::testing::Bool(),
                         [](const auto& parameter) {
                           return parameter.param ? "Postgres" : "Fake";
                         });

}  // namespace
}  // namespace playlog::ingest
