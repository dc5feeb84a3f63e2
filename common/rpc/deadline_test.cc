#include "common/rpc/deadline.h"

#include <gtest/gtest.h>

namespace playlog::rpc {
namespace {

using SystemClock = std::chrono::system_clock;

constexpr absl::Duration kLongerThanATestPauses = absl::Seconds(20);

TEST(DeadlineTest, KeepsHowMuchTimeIsLeft) {
  const auto there = ToGrpcDeadline(absl::Now() + absl::Minutes(5));
  EXPECT_LE(there, SystemClock::now() + std::chrono::minutes(5));
  EXPECT_GT(there, SystemClock::now() + std::chrono::minutes(4));
  const absl::Duration left = FromGrpcDeadline(there) - absl::Now();
  EXPECT_LE(left, absl::Minutes(5) + absl::Seconds(1));
  EXPECT_GT(left, absl::Minutes(5) - kLongerThanATestPauses);
}

TEST(DeadlineTest, AnEndedOneHasEndedThereToo) {
  EXPECT_LE(ToGrpcDeadline(absl::Now() - absl::Hours(1)), SystemClock::now());
  EXPECT_LE(ToGrpcDeadline(absl::InfinitePast()), SystemClock::now());
}

TEST(DeadlineTest, NoDeadlineStaysFarAway) {
  EXPECT_EQ(FromGrpcDeadline(SystemClock::time_point::max()), absl::InfiniteFuture());
  EXPECT_GT(ToGrpcDeadline(absl::InfiniteFuture()), SystemClock::now() + std::chrono::hours(24));
}

}  // namespace
}  // namespace playlog::rpc
