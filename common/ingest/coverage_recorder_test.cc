#include "common/ingest/coverage_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "common/ingest/engine.h"
#include "common/ingest/fake_coverage_store.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::StatusIs;

constexpr std::int64_t kUser = 7;
const absl::Time kAsked = absl::FromUnixSeconds(1'700'000'000);

songs::v1::Play PlayThatEnded(absl::Duration before) {
  songs::v1::Play play;
  play.set_title("a");
  SetPlayedAt(kAsked - before, play);
  return play;
}

TEST(CoverageRecorder, ReadsALookOffAFetch) {
  Fetched fetched;
  fetched.plays = {PlayThatEnded(absl::Minutes(3)), PlayThatEnded(absl::Hours(5)),
                   PlayThatEnded(absl::Hours(2))};
  fetched.items = 5;
  fetched.counts = {.inserted = 1, .updated = 1, .unchanged = 1};
  const Look look = LookOf(fetched, 50, kAsked);
  // What has just ended may not have been shown yet.
  EXPECT_EQ(look.at, kAsked - kReportedWithin);
  EXPECT_EQ(look.asked, 50);
  EXPECT_EQ(look.items, 5);
  EXPECT_EQ(look.already_stored, 2);
  EXPECT_EQ(look.oldest_play_at, kAsked - absl::Hours(5));
  EXPECT_EQ(LookOf({}, 50, kAsked).oldest_play_at, std::nullopt);
}

// A store in which somebody else is always faster.
class BusyStore final : public CoverageStore {
 public:
  absl::StatusOr<std::optional<KnownCoverage>> LoadCoverage(std::int64_t user_id,
                                                            absl::Time deadline) override {
    return store_.LoadCoverage(user_id, deadline);
  }
  absl::StatusOr<bool> SaveCoverage(std::int64_t user_id, std::int64_t version,
                                    const Coverage& coverage, absl::Time deadline) override {
    if (others_ > 0) {
      --others_;
      Coverage other;
      other.spans = {{kAsked + absl::Hours(others_), kAsked + absl::Hours(others_ + 0.5)}};
      EXPECT_THAT(store_.SaveCoverage(user_id, version, other, deadline), IsOk());
    }
    return store_.SaveCoverage(user_id, version, coverage, deadline);
  }
  absl::Status SaveCount(std::int64_t user_id, const SourceCount& count,
                         absl::Time deadline) override {
    return store_.SaveCount(user_id, count, deadline);
  }
  void LetOthersComeFirst(int times) { others_ = times; }

 private:
  FakeCoverageStore store_;
  int others_ = 0;
};

TEST(CoverageRecorder, AddsToWhatOthersSavedMeanwhile) {
  BusyStore store;
  store.LetOthersComeFirst(3);
  CoverageRecorder recorder(store);
  const CoveredSpan span{kAsked - absl::Hours(1), kAsked - absl::Minutes(1)};
  EXPECT_THAT(recorder.AddCovered(kUser, span, absl::InfiniteFuture()), IsOk());
  const Coverage coverage = (*store.LoadCoverage(kUser, absl::InfiniteFuture()))->coverage;
  ASSERT_EQ(coverage.spans.size(), 2U);
  EXPECT_EQ(coverage.spans[0], span);
  EXPECT_EQ(coverage.spans[1].from, kAsked);
}

TEST(CoverageRecorder, GivesUpWhereOthersAreFasterForEver) {
  BusyStore store;
  store.LetOthersComeFirst(1000);
  CoverageRecorder recorder(store);
  EXPECT_THAT(recorder.AddCovered(kUser, {kAsked, kAsked}, absl::InfiniteFuture()),
              StatusIs(absl::StatusCode::kInternal));
}

TEST(CoverageRecorder, PassesOnThatTheStoreIsAway) {
  FakeCoverageStore store;
  store.FailWith(absl::UnavailableError("away"));
  CoverageRecorder recorder(store);
  EXPECT_THAT(recorder.AddCovered(kUser, {kAsked, kAsked}, absl::InfiniteFuture()),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(recorder.RecordCount(kUser, {}, absl::InfiniteFuture()),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace playlog::ingest
