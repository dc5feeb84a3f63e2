#include "common/ingest/scheduler.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
constexpr absl::Duration kListTimeout = absl::Seconds(5);
// What a run leaves behind is worth more than one attempt to write it down.
constexpr int kFinishTries = 3;
// How long giving back may take at the end.
constexpr absl::Duration kReleaseTime = absl::Seconds(1);
// A worker gives a sign of life after each run.
constexpr absl::Duration kSilenceMax = absl::Minutes(3);
constexpr int kRunsOfSilence = 4;

std::string NewName(std::string_view prefix) {
  thread_local absl::BitGen random;
  return absl::StrFormat("%s-%012x", prefix,
                         absl::Uniform<std::uint64_t>(random, 0, std::uint64_t{1} << 48));
}

// Processes that started together do not look at the same moments.
double Jitter() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform(random, 0.5, 1.0);
}

std::int64_t SteadyNow() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

LoopsOptions LoopsOptionsFor(const SchedulerOptions& options) {
  return {.silence_max = std::max(kSilenceMax, kRunsOfSilence * options.run_max)};
}

}  // namespace

Scheduler::Scheduler(const SchedulerParts& parts, const SchedulerOptions& options)
    : parts_(parts),
      options_(options),
      measured_at_(parts.clock.Now()),
      work_loops_(LoopsOptionsFor(options)),
      other_loops_(LoopsOptionsFor(options)) {}

Scheduler::~Scheduler() {
  Stop();
  other_loops_.Join();
  work_loops_.Join();
  const absl::Time deadline = absl::Now() + kReleaseTime;
  while (const std::optional<Waiting> next = TakeNext()) Release(next->user, deadline);
}

void Scheduler::Start() {
  for (int i = 0; i < options_.workers; ++i) {
    work_loops_.Start("sync_worker", [this](Loops::Pulse& pulse) {
      while (pulse.Beat()) {
        if (!RunNext()) pulse.Wait(options_.look_pause);
      }
    });
  }
  work_loops_.Start("sync_claims", [this](Loops::Pulse& pulse) { ClaimLoop(pulse); });
  other_loops_.Start("sync_key_list", [this](Loops::Pulse& pulse) { ListLoop(pulse); });
  other_loops_.Start("sync_measures", [this](Loops::Pulse& pulse) {
    while (pulse.Beat()) {
      Measure();
      pulse.Wait(options_.measure_pause);
    }
  });
}

void Scheduler::Stop() {
  std::int64_t running = 0;
  stopped_at_.compare_exchange_strong(running, SteadyNow());
  work_loops_.Stop();
  other_loops_.Stop();
}

bool Scheduler::GivenUp() const {
  const std::int64_t stopped_at = stopped_at_;
  return stopped_at != 0 && SteadyNow() - stopped_at > absl::ToInt64Nanoseconds(options_.grace);
}

void Scheduler::ClaimLoop(Loops::Pulse& pulse) {
  while (pulse.Beat()) {
    const absl::StatusOr<int> claimed = ClaimSome();
    if (claimed.ok() && *claimed > 0) {
      work_loops_.Wake();
      // It was this that woke us too.
      pulse.Wait(absl::ZeroDuration());
      continue;
    }
    if (!claimed.ok()) {
      Log(Severity::kWarning, "sync_users_not_claimed",
          {{"code", NameOf(CodeOf(claimed.status()))}});
    }
    pulse.Wait(options_.look_pause * Jitter());
  }
}

void Scheduler::ListLoop(Loops::Pulse& pulse) {
  while (pulse.Beat()) {
    rpc::Call call;
    call.request_id = NewName("keys");
    call.deadline = absl::Now() + kListTimeout;
    call.cancelled = [this] { return other_loops_.stopping(); };
    const absl::StatusOr<bool> last = parts_.notes.NoteNextPart(call);
    if (!last.ok() && !other_loops_.stopping()) {
      Log(Severity::kWarning, "keys_not_listed",
          {{"request_id", call.request_id}, {"code", NameOf(CodeOf(last.status()))}});
    }
    const bool ended = last.ok() && *last;
    pulse.Wait((ended ? options_.list_pause : options_.part_pause) * Jitter());
  }
}

absl::StatusOr<int> Scheduler::ClaimSome() {
  // As many again wait as are worked on, so that no worker does.
  const std::size_t room_max = 2 * static_cast<std::size_t>(options_.workers);
  std::size_t room = 0;
  {
    const absl::MutexLock lock(&mutex_);
    room = room_max - std::min(room_max, waiting_.size());
  }
  if (room < static_cast<std::size_t>(options_.workers)) return 0;
  const absl::Time now = parts_.clock.Now();
  PLAYLOG_ASSIGN_OR_RETURN(
      std::vector<ClaimedUser> claimed,
      parts_.store.Claim(NewName("sync"), static_cast<int>(room),
                         2 * options_.run_max + 2 * kStoreTimeout, absl::Now() + kStoreTimeout));
  const absl::MutexLock lock(&mutex_);
  more_ = claimed.size() == room;
  for (ClaimedUser& user : claimed) {
    waiting_.push_back({.user = std::move(user), .claimed_at = now});
  }
  return static_cast<int>(claimed.size());
}

std::optional<Scheduler::Waiting> Scheduler::TakeNext() {
  const absl::MutexLock lock(&mutex_);
  if (waiting_.empty()) return std::nullopt;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  return next;
}

bool Scheduler::RunNext() {
  const std::optional<Waiting> next = TakeNext();
  if (!next.has_value()) return false;
  // Another may have it by the time that a run could take.
  const bool stale = parts_.clock.Now() - next->claimed_at > options_.run_max;
  if (stale) {
    Count("stale");
    Release(next->user, absl::Now() + kStoreTimeout);
  } else {
    RunClaimed(next->user);
  }
  bool claim_more = false;
  {
    const absl::MutexLock lock(&mutex_);
    claim_more = more_ && waiting_.size() <= static_cast<std::size_t>(options_.workers);
    if (claim_more) more_ = false;
  }
  if (claim_more) work_loops_.Wake();
  return true;
}

void Scheduler::RunClaimed(const ClaimedUser& user) {
  rpc::Call call;
  call.request_id = absl::StrCat(user.holder, "-", user.user_id);
  call.deadline = parts_.clock.Now() + options_.run_max;
  call.cancelled = [this] { return GivenUp(); };
  const std::optional<FinishedRun> run = parts_.run.Run(call, user);
  if (run.has_value()) return WriteDown(call, user, *run);
  Count("given_up");
  Release(user, absl::Now() + kReleaseTime);
}

void Scheduler::WriteDown(const rpc::Call& call, const ClaimedUser& user, const FinishedRun& run) {
  absl::StatusOr<bool> written = false;
  for (int tries = 0; tries < kFinishTries; ++tries) {
    written = parts_.store.Finish(user, run.record, absl::Now() + kStoreTimeout);
    if (written.ok()) break;
  }
  PLAYLOG_CRASH_POINT("run_written");
  const bool lost = !written.ok() || !*written;
  Count(lost ? "lost" : OutcomeName(run.outcome));
  GetCounter("playlog_sync_plays_added_total", "Plays that were new in background runs.",
             {{"source", parts_.source}})
      .Increment(static_cast<double>(run.record.plays_added));
  const bool quiet = run.outcome == RunOutcome::kOk && !lost;
  Log(quiet ? Severity::kDebug : Severity::kInfo, "sync_run",
      {{"request_id", call.request_id},
       {"user_id", user.user_id},
       {"outcome", OutcomeName(run.outcome)},
       {"written", !lost},
       {"added", run.record.plays_added},
       {"late_ms", absl::ToInt64Milliseconds(user.late)},
       {"next_in_ms", absl::ToInt64Milliseconds(run.record.next_run_in)}});
}

void Scheduler::Release(const ClaimedUser& user, absl::Time deadline) {
  const absl::Status released = parts_.store.Release(user.user_id, user.holder, deadline);
  if (released.ok()) return;
  // It ends by itself.
  Log(Severity::kInfo, "sync_claim_not_released", {{"code", NameOf(CodeOf(released))}});
}

void Scheduler::Count(std::string_view outcome) {
  GetCounter("playlog_sync_runs_total", "Background runs by what came of them.",
             {{"source", parts_.source}, {"outcome", std::string(outcome)}})
      .Increment();
}

void Scheduler::Measure() {
  const MetricLabels labels{{"source", parts_.source}};
  const absl::Time now = parts_.clock.Now();
  const absl::StatusOr<DueUsers> due = parts_.store.CountDue(absl::Now() + kStoreTimeout);
  if (due.ok()) {
    oldest_ = due->oldest;
    GetGauge("playlog_sync_due_users", "Users who are due for a background run.", labels)
        .Set(static_cast<double>(due->count));
  } else {
    // Whoever waited goes on waiting, and nobody is run meanwhile.
    oldest_ += std::max(now - measured_at_, absl::ZeroDuration());
  }
  measured_at_ = now;
  GetGauge("playlog_sync_overdue_seconds", "How long the user has been due who is so for longest.",
           labels)
      .Set(absl::ToDoubleSeconds(oldest_));
  const bool in_time = oldest_ <= options_.overdue_max;
  if (in_time_ == in_time) return;
  in_time_ = in_time;
  if (parts_.on_health) parts_.on_health(in_time);
  Log(in_time ? Severity::kInfo : Severity::kError, in_time ? "sync_in_time" : "sync_overdue",
      {{"overdue_s", absl::ToInt64Seconds(oldest_)}});
}

}  // namespace playlog::ingest
