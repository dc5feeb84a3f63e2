#ifndef PLAYLOG_COMMON_DB_WATCHDOG_H_
#define PLAYLOG_COMMON_DB_WATCHDOG_H_

#include <chrono>
#include <list>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace playlog::db {

// Shuts sockets down whose time is over. A server that hangs without dying heeds no time limit of
// its own and none of libpq's; only the end of the socket wakes the thread that waits on it.
// Thread-safe.
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
    int socket;
    SteadyTime deadline;
    bool fired = false;
  };

 public:
  // Guards a socket while it lives. It must die before the socket is closed, since the number of a
  // closed socket soon belongs to another.
  class Watch {
   public:
    Watch(Watchdog& watchdog, int socket, absl::Time deadline);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // Sets another deadline.
    void Move(absl::Time deadline);
    // Whether the socket was shut down.
    bool fired() const;

   private:
    Watchdog& watchdog_;
    std::list<Entry>::iterator entry_;
  };

 private:
  void Patrol();
  void LookAt(SteadyTime due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ShouldWake() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || rescheduled_; }

  absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // When the thread next looks. A new entry wakes it only if it is due earlier, so that a busy pool
  // costs one wake-up a deadline and not one a statement.
  SteadyTime next_look_ ABSL_GUARDED_BY(mutex_) = SteadyTime::max();
  bool rescheduled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_WATCHDOG_H_
