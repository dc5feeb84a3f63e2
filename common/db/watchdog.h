#ifndef PLAYLOG_COMMON_DB_WATCHDOG_H_
#define PLAYLOG_COMMON_DB_WATCHDOG_H_

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

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

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_WATCHDOG_H_
