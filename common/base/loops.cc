#include "common/base/loops.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "common/base/log.h"
#include "common/base/metrics.h"

namespace playlog {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kExitWedged = 70;  // EX_SOFTWARE of sysexits.h.
// How often a loop that waits gives a sign of life.
constexpr std::chrono::milliseconds kWaitSlice{500};
constexpr std::chrono::milliseconds kWatchPause{1000};

std::chrono::nanoseconds ToChrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

void EndProcess(std::string_view loop) {
  std::fprintf(stderr, "the loop %.*s hangs\n", static_cast<int>(loop.size()), loop.data());
  std::fflush(stderr);
  std::_Exit(kExitWedged);
}

// Runs a body once; returns what it threw, "" if it returned.
std::string RunOnce(const Loops::Body& body, Loops::Pulse& pulse) {
  try {
    body(pulse);
    return "";
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace

Loops::Loops(LoopsOptions options) : options_(std::move(options)), watch_([this] { Watch(); }) {}

Loops::~Loops() {
  Stop();
  Join();
  watch_.join();
}

void Loops::Join() {
  for (Loop& loop : loops_) {
    if (loop.thread.joinable()) loop.thread.join();
  }
}

void Loops::Start(const std::string& name, Body body) {
  const std::lock_guard lock(mutex_);
  Loop& loop = loops_.emplace_back(name, *this);
  loop.pulse.last_beat_ = SteadyClock::now();
  loop.thread = std::thread([this, &loop, body = std::move(body)] { Run(loop, body); });
}

void Loops::Wake() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

void Loops::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

bool Loops::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool Loops::Pulse::Beat() {
  const std::lock_guard lock(loops_.mutex_);
  last_beat_ = SteadyClock::now();
  return !loops_.stopping_;
}

void Loops::Pulse::Wait(absl::Duration time) {
  const SteadyClock::time_point end = SteadyClock::now() + ToChrono(time);
  std::unique_lock lock(loops_.mutex_);
  while (!loops_.stopping_ && wakes_seen_ == loops_.wakes_) {
    last_beat_ = SteadyClock::now();
    if (last_beat_ >= end) break;
    loops_.changed_.wait_until(lock, std::min(end, last_beat_ + kWaitSlice));
  }
  last_beat_ = SteadyClock::now();
  wakes_seen_ = loops_.wakes_;
}

void Loops::Run(Loop& loop, const Body& body) {
  while (!stopping()) {
    const std::string thrown = RunOnce(body, loop.pulse);
    if (stopping()) return;
    Log(Severity::kError, "loop_restarted", {{"loop", loop.name}, {"thrown", thrown}});
    GetCounter("playlog_loop_restarts_total", "Loops that ended and were begun again.",
               {{"loop", loop.name}})
        .Increment();
    loop.pulse.Wait(options_.restart_pause);
  }
}

void Loops::Watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_for(
        lock, std::min<std::chrono::nanoseconds>(kWatchPause, ToChrono(options_.silence_max / 4)));
    for (Loop& loop : loops_) {
      if (SteadyClock::now() - loop.pulse.last_beat_ <= ToChrono(options_.silence_max)) continue;
      loop.pulse.last_beat_ = SteadyClock::now();
      options_.on_hang ? options_.on_hang(loop.name) : EndProcess(loop.name);
    }
  }
}

}  // namespace playlog
