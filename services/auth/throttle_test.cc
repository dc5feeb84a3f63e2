#include "services/auth/throttle.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "services/auth/fake_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;

TEST(NetworkOf, IsTheWholeAddressOfIpv4) {
  EXPECT_EQ(NetworkOf("192.0.2.7"), "192.0.2.7");
  EXPECT_NE(NetworkOf("192.0.2.7"), NetworkOf("192.0.2.8"));
  EXPECT_EQ(NetworkOf("::ffff:192.0.2.7"), "192.0.2.7");
}

TEST(NetworkOf, IsTheFirst64BitsOfIpv6) {
  EXPECT_EQ(NetworkOf("2001:db8:1:2::1"), NetworkOf("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(NetworkOf("2001:db8:1:2::1"), NetworkOf("2001:0DB8:0001:0002:0:0:0:9"));
  EXPECT_NE(NetworkOf("2001:db8:1:2::1"), NetworkOf("2001:db8:1:3::1"));
}

TEST(NetworkOf, IsTheTextOfWhatIsNoAddress) { EXPECT_EQ(NetworkOf("garbage"), "garbage"); }

TEST(ThrottleRule, KeepsApartWhatIsCounted) {
  const std::string name = "192.0.2.7";
  EXPECT_NE(Throttle::ForAccount(name).subject, Throttle::ForAddress(name).subject);
  EXPECT_NE(Throttle::ForAddress(name).subject, Throttle::ForRegistrations(name).subject);
  EXPECT_EQ(Throttle::ForAccount("Name").subject, Throttle::ForAccount("nAME").subject);
}

class ThrottleTest : public ::testing::Test {
 protected:
  absl::StatusOr<int> Check() { return throttle_.Check(absl::InfiniteFuture(), kRule, "Too many"); }
  void Add() { ASSERT_THAT(throttle_.Add(absl::InfiniteFuture(), kRule), IsOk()); }

  const ThrottleRule kRule = {.subject = std::string(32, 's'), .limit = 3};
  testing::FakeClock clock_;
  FakeStore store_;
  Throttle throttle_{store_, clock_};
};

TEST_F(ThrottleTest, LetsSoManyThroughInAWindowThatSlides) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Check(), IsOkAndHolds(i));
    Add();
    clock_.Advance(absl::Minutes(1));
  }
  const absl::StatusOr<int> refused = Check();
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(refused.status().message(), "Too many");
  EXPECT_EQ(RetryAfterOf(refused.status()), absl::Minutes(2));
  clock_.Advance(absl::Minutes(2));
  EXPECT_THAT(Check(), IsOkAndHolds(2));
}

TEST_F(ThrottleTest, ForgetsWhatItIsToldTo) {
  for (int i = 0; i < 3; ++i) Add();
  EXPECT_THAT(throttle_.Forget(absl::InfiniteFuture(), kRule), IsOk());
  EXPECT_THAT(Check(), IsOkAndHolds(0));
}

}  // namespace
}  // namespace playlog::auth
