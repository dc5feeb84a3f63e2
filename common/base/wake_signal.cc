#include "common/base/wake_signal.h"

#include <algorithm>
#include <chrono>

namespace playlog {
namespace {

// What stands for a time without an end; the steady clock cannot count to it.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365);

}  // namespace

void WakeSignal::Raise() {
  const std::lock_guard lock(mutex_);
  raised_ = true;
  changed_.notify_all();
}

void WakeSignal::Lower() {
  const std::lock_guard lock(mutex_);
  raised_ = false;
}

bool WakeSignal::raised() const {
  const std::lock_guard lock(mutex_);
  return raised_;
}

bool WakeSignal::WaitFor(absl::Duration time) {
  const auto end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(time, kLongestWait));
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, end, [this] { return raised_; });
}

}  // namespace playlog
