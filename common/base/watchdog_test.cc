#include "common/base/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace playlog {
namespace {

TEST(Watchdog, EndsWhatHasRunOutOfTimeOnce) {
  Watchdog watchdog;
  std::atomic<int> ends = 0;
  absl::Notification ended;
  Watchdog::Watch watch(
      watchdog,
      [&] {
        ++ends;
        ended.Notify();
      },
      absl::Now() + absl::Milliseconds(1));
  ended.WaitForNotification();
  EXPECT_TRUE(watch.fired());
  // Others that are due after it make it look again.
  absl::Notification later;
  Watchdog::Watch other(
      watchdog, [&] { later.Notify(); }, absl::Now());
  later.WaitForNotification();
  EXPECT_EQ(ends, 1);
}

TEST(Watchdog, TakesAnEarlierDeadlineAndALaterOne) {
  Watchdog watchdog;
  absl::Notification ended;
  std::atomic<bool> ended_too_early = false;
  Watchdog::Watch never(
      watchdog, [&] { ended_too_early = true; }, absl::InfiniteFuture());
  Watchdog::Watch moved_away(
      watchdog, [&] { ended_too_early = true; }, absl::Now() + absl::Hours(1));
  moved_away.Move(absl::InfiniteFuture());
  Watchdog::Watch moved_near(
      watchdog, [&] { ended.Notify(); }, absl::Now() + absl::Hours(1));
  moved_near.Move(absl::Now());
  ended.WaitForNotification();
  EXPECT_FALSE(ended_too_early);
  EXPECT_FALSE(never.fired());
  EXPECT_FALSE(moved_away.fired());
}

TEST(Watchdog, LeavesWhatIsOver) {
  std::atomic<int> ends = 0;
  Watchdog watchdog;
  for (int i = 0; i < 1'000; ++i) {
    const auto alive = std::make_unique<std::atomic<bool>>(true);
    Watchdog::Watch watch(
        watchdog, [&ends, &alive] { ends += *alive ? 1 : 1'000'000; },
        absl::Now() + absl::Microseconds(i % 50));
  }
  EXPECT_LE(ends, 1'000);
}

}  // namespace
}  // namespace playlog
