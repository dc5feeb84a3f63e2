#ifndef PLAYLOG_COMMON_BASE_WAKE_SIGNAL_H_
#define PLAYLOG_COMMON_BASE_WAKE_SIGNAL_H_

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace playlog {

// Something that a thread waits for with a limit, and that others bring about. The limit is counted
// by the machine's steady clock. absl::Mutex and absl::Notification wait for a time of day instead:
// a wait of a second becomes one of an hour if the clock is set back by an hour meanwhile, and a
// loop that waits so stands still as long. Thread-safe.
class WakeSignal {
 public:
  // Ends every wait, and those to come until Lower.
  void Raise();
  // Lets waits wait again.
  void Lower();
  bool raised() const;
  // Waits until the signal is raised, for at most `time`. Returns whether it is.
  bool WaitFor(absl::Duration time);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool raised_ = false;  // Guarded by the mutex.
};

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_WAKE_SIGNAL_H_
