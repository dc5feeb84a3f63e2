#include "common/base/loops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string_view>

#include "absl/synchronization/notification.h"

namespace playlog {
namespace {

TEST(LoopsTest, BeginsALoopThatThrowsOrReturnsAgain) {
  std::atomic<int> runs = 0;
  absl::Notification third;
  Loops loops({.restart_pause = absl::ZeroDuration()});
  loops.Start("fragile", [&](Loops::Pulse&) {
    switch (++runs) {
      case 1:
        throw std::runtime_error("no more");
      case 2:
        throw 2;
      case 3:
        third.Notify();
        break;
      default:
        break;
    }
  });
  EXPECT_TRUE(third.WaitForNotificationWithTimeout(absl::Seconds(60)));
}

TEST(LoopsTest, LetsALoopWaitUntilItIsWokenOrStopped) {
  absl::Notification looked;
  absl::Notification woken;
  absl::Notification ended;
  {
    Loops loops;
    loops.Start("patient", [&](Loops::Pulse& pulse) {
      looked.Notify();
      pulse.Wait(absl::Hours(1));
      woken.Notify();
      while (pulse.Beat()) pulse.Wait(absl::Hours(1));
      ended.Notify();
    });
    looked.WaitForNotification();
    // A wake between looking and waiting is not lost.
    loops.Wake();
    EXPECT_TRUE(woken.WaitForNotificationWithTimeout(absl::Seconds(60)));
    EXPECT_FALSE(loops.stopping());
    loops.Stop();
    EXPECT_TRUE(loops.stopping());
  }
  EXPECT_TRUE(ended.HasBeenNotified());
}

TEST(LoopsTest, TellsOfALoopThatHangs) {
  absl::Notification told;
  absl::Notification release;
  Loops loops({.silence_max = absl::Seconds(1), .on_hang = [&](std::string_view loop) {
                 if (loop == "hangs" && !told.HasBeenNotified()) told.Notify();
               }});
  loops.Start("hangs", [&](Loops::Pulse& pulse) {
    release.WaitForNotification();
    while (pulse.Beat()) pulse.Wait(absl::Hours(1));
  });
  EXPECT_TRUE(told.WaitForNotificationWithTimeout(absl::Seconds(60)));
  release.Notify();
}

}  // namespace
}  // namespace playlog
