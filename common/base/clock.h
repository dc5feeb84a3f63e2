#ifndef PLAYLOG_COMMON_BASE_CLOCK_H_
#define PLAYLOG_COMMON_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace playlog {

// Where plain classes take the time from, so that tests can set it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // The time of day.
  virtual absl::Time Now() = 0;
  // Waits. A fake moves its own time instead.
  virtual void Sleep(absl::Duration duration) = 0;

  // The machine's clock, which lives for ever.
  static Clock& System();
};

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_CLOCK_H_
