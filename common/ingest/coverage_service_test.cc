#include "common/ingest/coverage_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/time_format.h"
#include "common/ingest/coverage_recorder.h"
#include "common/ingest/fake_coverage_store.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::EqualsProto;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::StatusIs;

constexpr std::int64_t kUser = 7;

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

class CoverageServiceTest : public ::testing::Test {
 protected:
  CoverageServiceTest() { call_.user_id = kUser; }

  static absl::Time At(const char* text) { return *ParseRfc3339(text); }
  absl::StatusOr<v1::GetCoverageResponse> Get(const char* from = nullptr,
                                              const char* to = nullptr) {
    v1::GetCoverageRequest request;
    if (from != nullptr) request.set_from(from);
    if (to != nullptr) request.set_to(to);
    return service_.GetCoverage(call_, request);
  }
  // A full page that reaches back to `oldest`.
  void Look(const char* at, const char* oldest) {
    CoverageRecorder recorder(store_);
    EXPECT_THAT(recorder.RecordLook(kUser,
                                    {.at = At(at),
                                     .asked = 50,
                                     .items = 50,
                                     .already_stored = 0,
                                     .oldest_play_at = At(oldest)},
                                    absl::InfiniteFuture()),
                IsOk());
  }

  playlog::testing::FakeClock clock_{At("2024-03-02T12:00:00Z")};
  FakeCoverageStore store_;
  rpc::Call call_;
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  FakeScheduleStore schedules_{clock_};
  CoverageService service_{store_, schedules_, songs::v1::SOURCE_SPOTIFY, /*has_window=*/true,
                           clock_, dispatcher_};
};

TEST_F(CoverageServiceTest, ShowsEachDayTheNewestFirst) {
  Look("2024-02-28T20:00:00Z", "2024-02-27T00:00:00Z");
  Look("2024-03-02T11:00:00Z", "2024-03-01T00:00:00Z");
  EXPECT_THAT(Get("2024-02-26", "2024-03-02"), IsOkAndHolds(EqualsProto(R"pb(
                results { date: "2024-03-02" source: SOURCE_SPOTIFY state: COVERAGE_STATE_COMPLETE }
                results { date: "2024-03-01" source: SOURCE_SPOTIFY state: COVERAGE_STATE_COMPLETE }
                results {
                  date: "2024-02-29"
                  source: SOURCE_SPOTIFY
                  state: COVERAGE_STATE_POSSIBLE_GAP
                  reason: "full_page_without_overlap"
                }
                results {
                  date: "2024-02-28"
                  source: SOURCE_SPOTIFY
                  state: COVERAGE_STATE_POSSIBLE_GAP
                  reason: "full_page_without_overlap"
                }
                results { date: "2024-02-27" source: SOURCE_SPOTIFY state: COVERAGE_STATE_COMPLETE }
                results {
                  date: "2024-02-26"
                  source: SOURCE_SPOTIFY
                  state: COVERAGE_STATE_POSSIBLE_GAP
                  reason: "before_first_fetch"
                }
              )pb")));
}

TEST_F(CoverageServiceTest, ShowsTheLastThirtyDaysUnlessToldOtherwise) {
  Look("2024-03-02T11:00:00Z", "2024-03-01T00:00:00Z");
  auto response = Get();
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->results_size(), 31);
  EXPECT_EQ(response->results(0).date(), "2024-03-02");
  EXPECT_EQ(response->results(30).date(), "2024-02-01");
  response = Get(nullptr, "2024-02-10");
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->results(0).date(), "2024-02-10");
  EXPECT_EQ(response->results(30).date(), "2024-01-11");
  response = Get("2014-02-23", "2024-03-02");
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->results_size(), 3661);
}

TEST_F(CoverageServiceTest, LeavesOutDaysThatHaveNotBegun) {
  Look("2024-03-02T11:00:00Z", "2024-03-01T00:00:00Z");
  auto response = Get("2024-03-01", "2024-03-09");
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->results_size(), 2);
  EXPECT_EQ(response->results(0).date(), "2024-03-02");
  response = Get("2024-03-05", "2024-03-09");
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->results_size(), 0);
}

TEST_F(CoverageServiceTest, RefusesDatesThatAreNone) {
  for (const char* text :
       {"", "2024-2-3", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00",
        "0000-01-01", "24-01-01", "2024/01/01", "2024-01-01Z", " 2024-01-01", "2024-01-01 ",
        "+024-01-01", "2024-01-1x", "2024-01-01T00:00:00Z", "today", "99999-01-01"}) {
    const auto from = Get(text, "2024-03-01");
    EXPECT_THAT(from, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << text;
    EXPECT_EQ(FieldOf(from.status()), "from") << text;
    const auto to = Get("2024-01-01", text);
    EXPECT_THAT(to, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << text;
    EXPECT_EQ(FieldOf(to.status()), "to") << text;
  }
  EXPECT_THAT(Get("2024-02-29", "2024-02-29"), IsOk());
}

TEST_F(CoverageServiceTest, RefusesSpansThatAreTurnedRoundOrTooLong) {
  const auto turned = Get("2024-02-02", "2024-02-01");
  EXPECT_THAT(turned, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_EQ(FieldOf(turned.status()), "from");
  const auto long_span = Get("2014-02-22", "2024-03-02");
  EXPECT_THAT(long_span, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_EQ(FieldOf(long_span.status()), "to");
  EXPECT_THAT(Get("2024-03-03"), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
}

TEST_F(CoverageServiceTest, SaysNothingOfOtherSourcesAndOfUsersWithoutHistory) {
  EXPECT_THAT(Get(), IsOkAndHolds(EqualsProto("")));
  Look("2024-03-02T11:00:00Z", "2024-03-01T00:00:00Z");
  v1::GetCoverageRequest request;
  request.set_source(songs::v1::SOURCE_LASTFM);
  EXPECT_THAT(service_.GetCoverage(call_, request), IsOkAndHolds(EqualsProto("")));
  request.set_source(songs::v1::SOURCE_SPOTIFY);
  const auto response = service_.GetCoverage(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->results_size(), 31);
  call_.user_id = 8;
  EXPECT_THAT(Get(), IsOkAndHolds(EqualsProto("")));
}

TEST_F(CoverageServiceTest, KnowsOfNoDayBeforeTheFirstFetchWithAKey) {
  EXPECT_THAT(schedules_.NoteKey({.user_id = kUser, .version = 1}, absl::Minutes(1),
                                 absl::InfiniteFuture()),
              IsOk());
  const auto response = Get("2024-03-01", "2024-03-02");
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->results_size(), 2);
  for (const v1::DayCoverage& day : response->results()) {
    EXPECT_EQ(day.state(), v1::COVERAGE_STATE_POSSIBLE_GAP);
    EXPECT_EQ(day.reason(), "before_first_fetch");
  }
}

TEST_F(CoverageServiceTest, ShowsWhatTheSourceCounts) {
  EXPECT_THAT(
      store_.SaveCount(
          kUser,
          {.theirs = 100, .ours = 99, .counted_at = absl::FromUnixMicros(1'700'000'000'000'007)},
          absl::InfiniteFuture()),
      IsOk());
  EXPECT_THAT(Get("2024-03-01", "2024-03-01"), IsOkAndHolds(EqualsProto(R"pb(
                results {
                  date: "2024-03-01"
                  source: SOURCE_SPOTIFY
                  state: COVERAGE_STATE_POSSIBLE_GAP
                  reason: "before_first_fetch"
                }
                counts {
                  source: SOURCE_SPOTIFY
                  theirs: 100
                  ours: 99
                  counted_at { seconds: 1700000000 nanos: 7000 }
                }
              )pb")));
}

TEST_F(CoverageServiceTest, PassesOnThatTheStoreIsAway) {
  store_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(Get(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace playlog::ingest
