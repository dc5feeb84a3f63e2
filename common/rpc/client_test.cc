#include "common/rpc/client.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/rpc/status.h"
#include "common/testing/matchers.h"

namespace playlog::rpc {
namespace {

using ::playlog::testing::StatusIs;

class InvokeWithRetryTest : public ::testing::Test {
 protected:
  // How many attempts are made when they end with these, and then with OK.
  int AttemptsFor(const std::vector<grpc::Status>& ends, bool idempotent = true) {
    MethodPolicy policy;
    policy.idempotent = idempotent;
    std::size_t attempts = 0;
    InvokeWithRetry(policy, call_, absl::Now() + absl::Seconds(20), [&](grpc::ClientContext&) {
      const std::size_t attempt = attempts++;
      return attempt < ends.size() ? ends[attempt] : grpc::Status::OK;
    }).IgnoreError();
    return static_cast<int>(attempts);
  }

  Call call_;
};

TEST_F(InvokeWithRetryTest, RepeatsWhatNoServiceHasAnswered) {
  const grpc::Status unreachable(grpc::StatusCode::UNAVAILABLE, "");
  EXPECT_EQ(AttemptsFor({}), 1);
  EXPECT_EQ(AttemptsFor({unreachable}), 2);
  EXPECT_EQ(AttemptsFor({unreachable, unreachable, unreachable}), 3);
  EXPECT_EQ(AttemptsFor({unreachable}, /*idempotent=*/false), 1);
}

TEST_F(InvokeWithRetryTest, RepeatsWhatALeavingServerHasDropped) {
  EXPECT_EQ(AttemptsFor({grpc::Status::CANCELLED}), 2);
  EXPECT_EQ(AttemptsFor({grpc::Status::CANCELLED}, /*idempotent=*/false), 1);
}

// So that whoever asked may ask again, which what came too late forbids.
TEST_F(InvokeWithRetryTest, CallsWhatNobodyWaitsForCancelledAndNotLate) {
  const auto attempt = [](grpc::ClientContext&) { return grpc::Status::OK; };
  const absl::Time soon = absl::Now() + absl::Seconds(20);
  EXPECT_THAT(InvokeWithRetry({}, call_, absl::Now(), attempt),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  call_.cancelled = [] { return true; };
  EXPECT_THAT(InvokeWithRetry({}, call_, soon, attempt), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(InvokeWithRetryTest, RepeatsNothingThatAServiceHasSaid) {
  EXPECT_EQ(AttemptsFor({ToGrpc(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "Not now"))}), 1);
  EXPECT_EQ(AttemptsFor({grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "")}), 1);
}

}  // namespace
}  // namespace playlog::rpc
