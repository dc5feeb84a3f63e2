#include "common/base/watchdog.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace playlog {
namespace {

using std::chrono::steady_clock;

// The steady clock takes over here, so that a step of the wall clock moves no deadline.
steady_clock::time_point ToSteady(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return steady_clock::time_point::max();
  const absl::Duration left = std::min(deadline - absl::Now(), absl::Hours(24));
  return steady_clock::now() + absl::ToChronoMilliseconds(left);
}

}  // namespace

Watchdog::Watchdog() : thread_([this] { Patrol(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Watchdog::Watch::Watch(Watchdog& watchdog, std::function<void()> end, absl::Time deadline)
    : watchdog_(watchdog) {
  const steady_clock::time_point due = ToSteady(deadline);
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.entries_.push_front(Entry{std::move(end), due});
  entry_ = watchdog_.entries_.begin();
  watchdog_.LookAt(due);
}

void Watchdog::Watch::Move(absl::Time deadline) {
  const steady_clock::time_point due = ToSteady(deadline);
  const std::lock_guard lock(watchdog_.mutex_);
  entry_->deadline = due;
  watchdog_.LookAt(due);
}

void Watchdog::LookAt(SteadyTime due) {
  if (due >= next_look_) return;
  next_look_ = due;
  rescheduled_ = true;
  changed_.notify_all();
}

Watchdog::Watch::~Watch() {
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.entries_.erase(entry_);
}

bool Watchdog::Watch::fired() const {
  const std::lock_guard lock(watchdog_.mutex_);
  return entry_->fired;
}

void Watchdog::Patrol() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const steady_clock::time_point now = steady_clock::now();
    next_look_ = SteadyTime::max();
    for (Entry& entry : entries_) {
      if (entry.fired) continue;
      if (entry.deadline <= now) {
        entry.fired = true;
        entry.end();
      } else {
        next_look_ = std::min(next_look_, entry.deadline);
      }
    }
    rescheduled_ = false;
    const auto should_wake = [this] { return stopping_ || rescheduled_; };
    if (next_look_ == SteadyTime::max()) {
      changed_.wait(lock, should_wake);
    } else {
      changed_.wait_until(lock, next_look_, should_wake);
    }
  }
}

}  // namespace playlog
