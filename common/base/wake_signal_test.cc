#include "common/base/wake_signal.h"

#include <gtest/gtest.h>

#include <thread>

namespace playlog {
namespace {

TEST(WakeSignal, EndsAWaitWhenItIsRaised) {
  WakeSignal signal;
  std::thread raiser([&] { signal.Raise(); });
  EXPECT_TRUE(signal.WaitFor(absl::InfiniteDuration()));
  raiser.join();
}

TEST(WakeSignal, LetsNobodyWaitWhileItIsRaised) {
  WakeSignal signal;
  signal.Raise();
  EXPECT_TRUE(signal.WaitFor(absl::InfiniteDuration()));
  EXPECT_TRUE(signal.raised());
}

TEST(WakeSignal, SaysThatTheTimeIsOver) {
  WakeSignal signal;
  EXPECT_FALSE(signal.WaitFor(absl::Milliseconds(1)));
  EXPECT_FALSE(signal.WaitFor(absl::ZeroDuration()));
  EXPECT_FALSE(signal.WaitFor(-absl::Seconds(1)));
}

TEST(WakeSignal, IsAsBeforeWhenItIsLowered) {
  WakeSignal signal;
  signal.Raise();
  signal.Lower();
  EXPECT_FALSE(signal.raised());
  EXPECT_FALSE(signal.WaitFor(absl::Milliseconds(1)));
}

}  // namespace
}  // namespace playlog
