#include "common/ingest/ingest_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ingest/fake_history_source.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/ingest/fake_store.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::testing::Optional;

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override {
    return absl::UnauthenticatedError("no tokens here");
  }
};

class IngestServiceTest : public ::testing::Test {
 protected:
  IngestServiceTest() {
    vault_.Put(7, Credential{.key = Secret("k"), .account = "ada", .version = 1});
    request_.set_user_id(7);
    call_.deadline = clock_.Now() + absl::Seconds(2);
  }
  std::optional<Schedule> Scheduled() { return *schedules_.Find(7, absl::InfiniteFuture()); }

  playlog::testing::FakeClock clock_;
  FakeHistorySource source_{/*tells_past=*/false};
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_{clock_};
  FakeScheduleStore schedules_{clock_};
  Engine engine_{source_, vault_, sink_, store_, clock_};
  KeyNotes notes_{schedules_, vault_};
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  IngestService service_{store_, engine_, notes_, dispatcher_};
  v1::TryKeyRequest request_;
  rpc::Call call_;
};

TEST_F(IngestServiceTest, SchedulesTheFirstRunOfAKeyThatItTries) {
  EXPECT_TRUE(service_.TryKey(call_, request_)->accepted());
  ASSERT_TRUE(Scheduled().has_value());
  EXPECT_GE(Scheduled()->next_run_at, clock_.Now() + absl::Seconds(60));
  EXPECT_THAT(Scheduled()->key_state, Optional(auth::v1::KEY_STATE_OK));
}

TEST_F(IngestServiceTest, SchedulesAKeyWhateverComesOfTheTry) {
  source_.FailWith({{.kind = UpstreamFailure::Kind::kRejected, .cause = "t"}});
  EXPECT_FALSE(service_.TryKey(call_, request_)->accepted());
  EXPECT_THAT(Scheduled()->key_state, Optional(auth::v1::KEY_STATE_REJECTED));
  source_.FailWith({{.kind = UpstreamFailure::Kind::kTransient, .cause = "t"}});
  EXPECT_FALSE(service_.TryKey(call_, request_)->has_accepted());
  EXPECT_THAT(Scheduled()->key_state, Optional(auth::v1::KEY_STATE_UNVERIFIED));
  vault_.FailWith(absl::UnavailableError("away"));
  request_.set_user_id(9);
  EXPECT_THAT(service_.TryKey(call_, request_), ::testing::Not(IsOk()));
  EXPECT_TRUE((*schedules_.Find(9, absl::InfiniteFuture())).has_value());
}

TEST_F(IngestServiceTest, SchedulesNobodyForARequestThatNamesNobody) {
  request_.set_user_id(0);
  EXPECT_EQ(FieldOf(service_.TryKey(call_, request_).status()), "user_id");
}

}  // namespace
}  // namespace playlog::ingest
