#ifndef PLAYLOG_COMMON_BASE_WATCHDOG_H_
#define PLAYLOG_COMMON_BASE_WATCHDOG_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace playlog {

// Ends what has run out of time: statements of a server that hangs, calls of a reader that stalls.
// One thread looks after all of it, so that a limit that is not reached, which nearly none is,
// costs no wake-up. Thread-safe.
class Watchdog {
 public:
  Watchdog();
  // Every Watch must be gone.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Entry {
    std::function<void()> end;
    SteadyTime deadline;
    bool fired = false;
  };

 public:
  // A limit of something, while it lives. `end` is called once when the deadline has passed, on the
  // watchdog's thread; it must not block and not destroy the watch. When the watch is gone, it is
  // not called any more.
  class Watch {
   public:
    Watch(Watchdog& watchdog, std::function<void()> end, absl::Time deadline);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // Sets another deadline; absl::InfiniteFuture() for none.
    void Move(absl::Time deadline);
    // Whether the deadline has passed.
    bool fired() const;

   private:
    Watchdog& watchdog_;
    std::list<Entry>::iterator entry_;
  };

 private:
  void Patrol();
  // Needs the mutex.
  void LookAt(SteadyTime due);

  // The mutex guards all that follows. Not Abseil's, whose waits end at a time of day: a clock that
  // is set back would put off every look by as much.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Entry> entries_;
  // When the thread next looks. A new entry wakes it only if it is due earlier, so that a busy pool
  // costs one wake-up a deadline and not one a statement.
  SteadyTime next_look_ = SteadyTime::max();
  bool rescheduled_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_WATCHDOG_H_
