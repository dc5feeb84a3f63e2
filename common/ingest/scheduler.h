#ifndef PLAYLOG_COMMON_INGEST_SCHEDULER_H_
#define PLAYLOG_COMMON_INGEST_SCHEDULER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/loops.h"
#include "common/ingest/key_notes.h"
#include "common/ingest/schedule_store.h"
#include "common/ingest/sync_run.h"

namespace playlog::ingest {

struct SchedulerOptions {
  // The runs that a process works on at once.
  int workers = 8;
  // The longest run.
  absl::Duration run_max = absl::Seconds(30);
  // How often it looks who is due where nobody was.
  absl::Duration look_pause = absl::Seconds(1);
  // After Stop, runs may end by themselves for so long; then they are given up.
  absl::Duration grace = absl::Seconds(3);
  // Between two parts of the list of keys, and after its last.
  absl::Duration part_pause = absl::Seconds(3);
  absl::Duration list_pause = absl::Seconds(30);
  // Between two measurements of who waits.
  absl::Duration measure_pause = absl::Seconds(5);
  // If somebody has been due for longer than this, something is wrong.
  absl::Duration overdue_max = absl::Minutes(15);
};

// What the scheduler works with; all of it lives longer.
struct SchedulerParts {
  ScheduleStore& store;
  SyncRun& run;
  KeyNotes& notes;
  Clock& clock;
  const char* source;  // Its name, for metrics.
  // Told once whether runs come in time, and again whenever that changes. May be empty.
  std::function<void(bool in_time)> on_health = {};
};

// Runs users' background fetches when they are due: claims them, runs them, writes down how that
// went. Any number of processes may do so with one store; no user is run by two at once, and what a
// dead process has claimed comes to another when the claim ends, which is twice the longest run.
class Scheduler {
 public:
  Scheduler(const SchedulerParts& parts, const SchedulerOptions& options);
  // Stops, waits for the runs under way, and gives back what was claimed and not run.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Begins to work, in threads of its own.
  void Start();
  // Claims nobody any more, and gives up the runs that take longer than the grace.
  void Stop();

  // What the threads do again and again.

  // Claims due users if there is room for as many as there are workers. Returns how many.
  absl::StatusOr<int> ClaimSome() ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs the user who was claimed first. False if there is none.
  bool RunNext() ABSL_LOCKS_EXCLUDED(mutex_);
  // Measures who waits.
  void Measure();

 private:
  struct Waiting {
    ClaimedUser user;
    absl::Time claimed_at;
  };

  void ClaimLoop(Loops::Pulse& pulse);
  void ListLoop(Loops::Pulse& pulse);
  std::optional<Waiting> TakeNext() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunClaimed(const ClaimedUser& user);
  void WriteDown(const rpc::Call& call, const ClaimedUser& user, const FinishedRun& run);
  void Release(const ClaimedUser& user, absl::Time deadline);
  void Count(std::string_view outcome);
  bool GivenUp() const;

  const SchedulerParts parts_;
  const SchedulerOptions options_;
  absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  bool more_ ABSL_GUARDED_BY(mutex_) = false;  // Others were due when there was no more room.
  // By the steady clock, in nanoseconds; 0 before Stop.
  std::atomic<std::int64_t> stopped_at_ = 0;
  // Of the loop that measures.
  absl::Time measured_at_;
  absl::Duration oldest_ = absl::ZeroDuration();
  std::optional<bool> in_time_;
  // Last, so that their threads end before what they use.
  Loops work_loops_;
  Loops other_loops_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SCHEDULER_H_
