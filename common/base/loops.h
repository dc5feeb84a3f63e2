#ifndef PLAYLOG_COMMON_BASE_LOOPS_H_
#define PLAYLOG_COMMON_BASE_LOOPS_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/time/time.h"

namespace playlog {

struct LoopsOptions {
  // A loop that gives no sign of life for so long hangs.
  absl::Duration silence_max = absl::Minutes(3);
  // The pause before a loop that has ended begins again.
  absl::Duration restart_pause = absl::Seconds(1);
  // What is done about a loop that hangs: nothing means that the process ends with a line, and its
  // supervisor starts it again.
  std::function<void(std::string_view loop)> on_hang = {};
};

// Threads for work that never ends by itself. A loop that throws or returns is begun again, which
// is logged and counted (playlog_loop_restarts_total); one that hangs ends the process. Time is
// counted by the machine's steady clock, which nobody sets. Start before other threads use it; the
// rest is thread-safe.
class Loops {
 public:
  explicit Loops(LoopsOptions options = {});
  // Stops them and waits for them.
  ~Loops();
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  // What a loop has of its surroundings. For the loop's own thread.
  class Pulse {
   public:
    // Gives a sign of life; false once the loop is to return.
    bool Beat();
    // Waits until the time is over, or somebody calls Wake, or the loops are stopped.
    void Wait(absl::Duration time);

   private:
    friend class Loops;
    explicit Pulse(Loops& loops) : loops_(loops) {}
    Loops& loops_;
    // Guarded by the mutex of the loops.
    std::chrono::steady_clock::time_point last_beat_;
    std::uint64_t wakes_seen_ = 0;
  };
  using Body = std::function<void(Pulse&)>;

  // Runs `body` in a thread of its own. `name` is for logs and metrics.
  void Start(const std::string& name, Body body);
  // Lets every loop that waits look again at once.
  void Wake();
  // Tells the loops to return, and does not wait for them.
  void Stop();
  // Waits for them. Once; the destructor does it too.
  void Join();
  bool stopping() const;

 private:
  struct Loop {
    Loop(std::string n, Loops& loops) : name(std::move(n)), pulse(loops) {}
    const std::string name;
    Pulse pulse;
    std::thread thread;
  };

  void Run(Loop& loop, const Body& body);
  void Watch();

  const LoopsOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;    // Guarded by the mutex.
  std::uint64_t wakes_ = 0;  // Guarded by the mutex; how often Wake was called.
  std::list<Loop> loops_;    // Guarded by the mutex.
  std::thread watch_;
};

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_LOOPS_H_
