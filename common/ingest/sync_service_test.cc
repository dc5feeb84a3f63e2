#include "common/ingest/sync_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include "common/ingest/fake_budget_store.h"
#include "common/ingest/fake_history_source.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/ingest/fake_store.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::EqualsProto;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override {
    return absl::UnauthenticatedError("no tokens here");
  }
};

class SyncServiceTest : public ::testing::Test {
 protected:
  SyncServiceTest() { call_.user_id = 7; }
  static EngineOptions Options() {
    EngineOptions options;
    options.limits = {{.calls = 5, .window = absl::Seconds(1)},
                      {.calls = 300, .window = absl::Seconds(60)}};
    return options;
  }
  void Note(absl::Duration first_run_in) {
    EXPECT_THAT(store_.NoteKey({.user_id = 7, .version = 1}, first_run_in, absl::InfiniteFuture()),
                IsOk());
  }
  v1::GetSyncResponse Get() {
    const auto response = service_.GetSync(call_, {});
    EXPECT_THAT(response, IsOk());
    return response.value_or(v1::GetSyncResponse());
  }
  absl::StatusOr<v1::SetSyncResponse> Set(songs::v1::Source source, std::optional<bool> enabled) {
    v1::SetSyncRequest request;
    request.set_source(source);
    if (enabled.has_value()) request.set_enabled(*enabled);
    return service_.SetSync(call_, request);
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  FakeScheduleStore store_{clock_};
  FakeHistorySource source_{/*tells_past=*/true};
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore fetches_{clock_};
  FakeBudgetStore budgets_{clock_};
  Engine engine_{source_, vault_, sink_, fetches_, clock_, {}, Options(), &budgets_};
  SyncService service_{store_, engine_, source_.profile(), clock_, dispatcher_};
  rpc::Call call_;
};

TEST_F(SyncServiceTest, ShowsNothingToWhoNeverStoredAKey) { EXPECT_THAT(Get(), EqualsProto("")); }

TEST_F(SyncServiceTest, ShowsTheFirstRunToCome) {
  Note(absl::Seconds(60));
  EXPECT_THAT(Get(), EqualsProto(R"pb(
                results {
                  source: SOURCE_LASTFM
                  enabled: true
                  next_run_at { seconds: 1700000060 }
                  credential_state: KEY_STATE_UNVERIFIED
                  budgets { window_s: 1 limit: 5 }
                  budgets { window_s: 60 limit: 300 }
                }
              )pb"));
}

TEST_F(SyncServiceTest, ShowsHowRunsFared) {
  Note(absl::ZeroDuration());
  const ClaimedUser claimed =
      (*store_.Claim("a", 1, absl::Minutes(1), absl::InfiniteFuture())).front();
  EXPECT_THAT(store_.Finish(claimed,
                            {.error = "It failed. Add another",
                             .plays_added = 12,
                             .key = RunRecord::Key::kRejected,
                             .next_run_in = absl::Hours(1),
                             .progress = {.interval = absl::Seconds(300)}},
                            absl::InfiniteFuture()),
              IsOk());
  EXPECT_THAT(Get(), EqualsProto(R"pb(
                results {
                  source: SOURCE_LASTFM
                  enabled: true
                  last_run_at { seconds: 1700000000 }
                  next_run_at { seconds: 1700003600 }
                  interval_s: 300
                  plays_added: 12
                  last_error: "It failed. Add another"
                  credential_state: KEY_STATE_REJECTED
                  budgets { window_s: 1 limit: 5 }
                  budgets { window_s: 60 limit: 300 }
                }
              )pb"));
}

TEST_F(SyncServiceTest, ShowsWhatIsUsedOfTheLimitsAndUntilWhenTheyHold) {
  Note(absl::ZeroDuration());
  vault_.Put(7, Credential{.key = Secret("k"), .account = "ada", .version = 1});
  call_.deadline = clock_.Now() + absl::Seconds(30);
  EXPECT_THAT(engine_.Fetch(call_, 7, 50, Priority::kBackground), IsOk());
  EXPECT_EQ(Get().results(0).budgets(1).used(), 1);
  const ClaimedUser claimed =
      (*store_.Claim("a", 1, absl::Minutes(1), absl::InfiniteFuture())).front();
  EXPECT_THAT(store_.Finish(claimed,
                            {.error = "It failed. It asks to be left alone for a while",
                             .limited_for = absl::Seconds(90),
                             .next_run_in = absl::Seconds(95)},
                            absl::InfiniteFuture()),
              IsOk());
  EXPECT_EQ(Get().results(0).rate_limited_until().seconds(), 1'700'000'090);
  clock_.Advance(absl::Seconds(91));
  EXPECT_FALSE(Get().results(0).has_rate_limited_until());
}

TEST_F(SyncServiceTest, TurnsOffAndOn) {
  Note(absl::Seconds(60));
  EXPECT_THAT(*Set(songs::v1::SOURCE_LASTFM, false), EqualsProto("source: SOURCE_LASTFM"));
  EXPECT_FALSE(Get().results(0).enabled());
  EXPECT_FALSE(Get().results(0).has_next_run_at());
  EXPECT_THAT(*Set(songs::v1::SOURCE_LASTFM, true), EqualsProto(R"pb(
    source: SOURCE_LASTFM
    enabled: true
    next_run_at { seconds: 1700000060 }
  )pb"));
  EXPECT_TRUE(Get().results(0).enabled());
}

TEST_F(SyncServiceTest, TurnsNothingOnWithoutAKey) {
  EXPECT_THAT(Set(songs::v1::SOURCE_LASTFM, true),
              ErrorIs(errors::v1::ERROR_CODE_LASTFM_KEY_MISSING));
}

TEST_F(SyncServiceTest, NamesTheFieldThatIsWrong) {
  Note(absl::Seconds(60));
  EXPECT_EQ(FieldOf(Set(songs::v1::SOURCE_SPOTIFY, true).status()), "source");
  EXPECT_EQ(FieldOf(Set(songs::v1::SOURCE_LASTFM, std::nullopt).status()), "enabled");
}

}  // namespace
}  // namespace playlog::ingest
