#include "services/auth/open_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

class OpenLimitsTest : public ::testing::Test {
 protected:
  absl::Status Open(std::int64_t user_id, const std::string& service_name = "spotify") {
    return limits_.Count(service_name + "_ingest", user_id, service_name);
  }
  // Opens keys of as many users and returns what went to the log.
  std::string LogOfOpening(int keys) {
    ::testing::internal::CaptureStderr();
    for (int i = 0; i < keys; ++i) EXPECT_THAT(Open(++last_user_), IsOk());
    return ::testing::internal::GetCapturedStderr();
  }

  testing::FakeClock clock_;
  OpenLimits limits_{clock_};
  std::int64_t last_user_ = 0;
};

TEST_F(OpenLimitsTest, RefusesOneKeyThatIsOpenedTooOften) {
  for (int i = 0; i < OpenLimits::kOfOneKeyMax; ++i) ASSERT_THAT(Open(7), IsOk());
  clock_.Advance(absl::Seconds(20));
  const absl::Status refused = Open(7);
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(refused), absl::Seconds(40));
  EXPECT_THAT(Open(7, "lastfm"), IsOk());
  EXPECT_THAT(Open(8), IsOk());
  clock_.Advance(absl::Seconds(40));
  EXPECT_THAT(Open(7), IsOk());
}

TEST_F(OpenLimitsTest, RaisesOneAlarmAMinute) {
  EXPECT_THAT(LogOfOpening(OpenLimits::kAlarmAbove), Not(HasSubstr("many_keys_opened")));
  const std::string alarm = LogOfOpening(1);
  EXPECT_THAT(alarm, HasSubstr("many_keys_opened"));
  EXPECT_THAT(alarm, HasSubstr("spotify_ingest"));
  EXPECT_THAT(LogOfOpening(500), Not(HasSubstr("many_keys_opened")));
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(LogOfOpening(OpenLimits::kAlarmAbove), Not(HasSubstr("many_keys_opened")));
  EXPECT_THAT(LogOfOpening(1), HasSubstr("many_keys_opened"));
}

TEST_F(OpenLimitsTest, CountsABoundedNumberOfKeys) {
  LogOfOpening(static_cast<int>(OpenLimits::kKeysMax));
  EXPECT_THAT(Open(last_user_ + 1), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(Open(last_user_), IsOk());
}

TEST_F(OpenLimitsTest, SurvivesAClockThatIsSetBack) {
  for (int i = 0; i < OpenLimits::kOfOneKeyMax; ++i) ASSERT_THAT(Open(7), IsOk());
  clock_.Advance(-absl::Hours(1));
  EXPECT_THAT(Open(7), IsOk());
}

}  // namespace
}  // namespace playlog::auth
