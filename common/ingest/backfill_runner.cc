#include "common/ingest/backfill_runner.h"

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/crypto.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/ingest/job_trouble.h"
#include "common/ingest/page_feed.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
// For a call to a neighbour.
constexpr absl::Duration kCallTimeout = absl::Seconds(10);

// Names the one who claims a job, this time.
std::string MakeHolder() { return absl::BytesToHexString(RandomBytes(16)); }

std::size_t ItemsOf(const Page& page) { return page.plays.size() + page.rejected.size(); }

void CountEnd(const char* source, const char* state) {
  GetCounter("playlog_jobs_ended_total", "Jobs that have ended, by how.",
             {{"source", source}, {"state", state}})
      .Increment();
}

}  // namespace

// One job in the hands of one runner.
class BackfillRunner::Slice {
 public:
  Slice(BackfillRunner& runner, const GoesOn& goes_on, Job job, std::string holder)
      : runner_(runner),
        goes_on_(goes_on),
        holder_(std::move(holder)),
        end_(runner.clock_.Now() + runner.options_.slice),
        worked_until_(runner.clock_.Now()),
        job_(std::move(job)) {}

  // An error is that of the job store alone: somebody will claim the job when the claim is over.
  absl::Status Run() {
    absl::StatusOr<Credential> credential =
        runner_.engine_.OpenKey(MakeCall(kCallTimeout), job_.user_id);
    if (!credential.ok()) return EndTroubled(credential.status());
    KeepRenewed(*credential);
    while (outcome_ == Outcome::kGoesOn) PLAYLOG_RETURN_IF_ERROR(WalkOn());
    return absl::OkStatus();
  }

 private:
  enum class Outcome { kGoesOn, kEnded };

  rpc::Call MakeCall(absl::Duration time) {
    rpc::Call call;
    call.deadline = runner_.clock_.Now() + time;
    call.request_id = absl::StrCat("job-", name(), "-", job_.number);
    call.cancelled = [this] { return cancelled_.load(); };
    return call;
  }
  const char* name() const { return runner_.source_.profile().name; }
  bool IsOver() const { return cancelled_ || runner_.clock_.Now() >= end_; }

  // Goes on with the present walk until that or the slice is over.
  absl::Status WalkOn() {
    PageFeed feed(job_.walk, runner_.options_.in_flight,
                  [this](const Ask& ask) { return Fetch(ask); });
    for (;;) {
      if (!goes_on_()) cancelled_ = true;
      if (IsOver()) feed.Stop();
      const PageFeed::Taken taken = feed.Take(runner_.options_.heartbeat);
      const absl::Status stored = Keep(taken);
      if (!stored.ok()) return Abandon(EndTroubled(stored));
      if (taken.over && !taken.status.ok()) return EndTroubled(taken.status);
      if (taken.over) break;
      PLAYLOG_ASSIGN_OR_RETURN(const bool held, Save({.time = runner_.options_.claim}));
      if (!held) return Abandon(absl::OkStatus());
    }
    if (Walker(job_.walk).AtEnd()) return EndWalk();
    return GiveBack(absl::ZeroDuration());
  }

  // The feed may be in the middle of pages that nobody wants any more.
  absl::Status Abandon(absl::Status status) {
    cancelled_ = true;
    outcome_ = Outcome::kEnded;
    return status;
  }

  // In threads of the feed's.
  absl::StatusOr<Page> Fetch(const Ask& ask) ABSL_LOCKS_EXCLUDED(mutex_) {
    Credential credential = CurrentCredential();
    absl::StatusOr<Page> page = runner_.engine_.FetchPage(
        MakeCall(runner_.options_.page), job_.user_id, credential,
        {.limit = ask.limit, .page = ask.page, .span = job_.span}, Priority::kBackground);
    KeepRenewed(credential);
    if (page.ok() && !reported_.exchange(true)) {
      runner_.engine_.ReportSuccess(MakeCall(kCallTimeout), job_.user_id, credential);
    }
    return page;
  }
  Credential CurrentCredential() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    return credential_;
  }
  // A fetch may have renewed it.
  void KeepRenewed(const Credential& credential) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    if (credential.version >= credential_.version) credential_ = credential;
  }

  // Stores what was read, and adds it up in the job.
  absl::Status Keep(const PageFeed::Taken& taken) {
    StoreCounts counts;
    if (ItemsOf(taken.page) > 0) {
      PLAYLOG_ASSIGN_OR_RETURN(
          counts, runner_.engine_.StorePage(MakeCall(kCallTimeout), job_.user_id, kBackfillOrigin,
                                            taken.page));
      job_.failures = 0;
    }
    const auto plays = static_cast<std::int64_t>(taken.page.plays.size());
    const std::int64_t distinct = counts.inserted + counts.updated + counts.unchanged;
    job_.told_twice += plays - distinct + PassSeam(taken.page.plays, job_.seam);
    job_.walk_added += counts.inserted;
    job_.added += counts.inserted;
    job_.read += static_cast<std::int64_t>(ItemsOf(taken.page));
    for (const RejectedItem& item : taken.page.rejected) ++job_.rejected[item.reason];
    job_.walk = taken.walk;
    GetCounter("playlog_backfill_items_total", "Items that backfills have read.",
               {{"source", name()}})
        .Increment(static_cast<double>(ItemsOf(taken.page)));
    return absl::OkStatus();
  }

  // The walk is at its end: the job is done, or walks once more.
  absl::Status EndWalk() {
    const absl::StatusOr<std::int64_t> stored =
        runner_.sink_.Count(MakeCall(kCallTimeout), job_.user_id, job_.span);
    if (!stored.ok()) return EndTroubled(stored.status());
    const WalkVerdict verdict = JudgeWalk({.total = job_.walk.total.value_or(0),
                                           .stored = *stored,
                                           .told_twice = job_.told_twice,
                                           .rejected = job_.rejected,
                                           .added = job_.walk_added,
                                           .steady = job_.walk.steady,
                                           .walks = job_.walks + 1,
                                           .excess = job_.excess});
    if (verdict.walk_again) return WalkAgain(verdict);
    const absl::Status told = runner_.on_whole_(job_, *stored);
    if (!told.ok()) return EndTroubled(told);
    ++job_.walks;
    job_.excess = verdict.excess;
    job_.differences = verdict.differences;
    return End(Job::State::kDone);
  }

  absl::Status WalkAgain(const WalkVerdict& verdict) {
    ++job_.walks;
    job_.excess = verdict.excess;
    job_.walk = NextWalk(job_.walk);
    job_.told_twice = 0;
    job_.seam = {};
    job_.rejected.clear();
    job_.walk_added = 0;
    if (IsOver()) return GiveBack(absl::ZeroDuration());
    PLAYLOG_ASSIGN_OR_RETURN(const bool held, Save({.time = runner_.options_.claim}));
    if (!held) outcome_ = Outcome::kEnded;
    return absl::OkStatus();
  }

  absl::Status EndTroubled(const absl::Status& status) {
    const TroubleVerdict verdict = JudgeTrouble(status, job_);
    // Our own limits are none of an error, and neither is the end of the process.
    const bool waits = CodeOf(status) == errors::v1::ERROR_CODE_RATE_LIMITED;
    if (!absl::IsCancelled(status) && !(waits && CauseOf(status).empty())) {
      job_.last_error = WordsOf(status, runner_.source_);
      Log(Severity::kInfo, "job_troubled",
          {{"source", name()},
           {"job", job_.number},
           {"error", job_.last_error},
           {"pause_s", absl::ToInt64Seconds(verdict.pause)}});
    }
    if (verdict.give_up) return End(Job::State::kFailed);
    if (verdict.is_failure) ++job_.failures;
    return GiveBack(verdict.pause);
  }

  absl::Status End(Job::State state) {
    job_.state = state;
    outcome_ = Outcome::kEnded;
    PLAYLOG_ASSIGN_OR_RETURN(const bool saved, Save({.kind = JobFate::Kind::kEnd}));
    if (saved) CountEnd(name(), state == Job::State::kDone ? "done" : "failed");
    return absl::OkStatus();
  }

  absl::Status GiveBack(absl::Duration pause) {
    outcome_ = Outcome::kEnded;
    return Save({.kind = JobFate::Kind::kGiveBack, .time = pause}).status();
  }

  absl::StatusOr<bool> Save(const JobFate& fate) {
    const absl::Time now = runner_.clock_.Now();
    job_.worked += now - std::exchange(worked_until_, now);
    return runner_.jobs_.Save(job_, holder_, fate, now + kStoreTimeout);
  }

  BackfillRunner& runner_;
  const GoesOn& goes_on_;
  const std::string holder_;
  const absl::Time end_;
  absl::Time worked_until_;
  Job job_;
  absl::Mutex mutex_;
  Credential credential_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> reported_ = false;
  Outcome outcome_ = Outcome::kGoesOn;
  std::atomic<bool> cancelled_ = false;
};

BackfillRunner::BackfillRunner(Source& source, Engine& engine, PlaySink& sink, JobStore& jobs,
                               Clock& clock, OnWhole on_whole, BackfillOptions options)
    : source_(source),
      engine_(engine),
      sink_(sink),
      jobs_(jobs),
      clock_(clock),
      on_whole_(std::move(on_whole)),
      options_(options) {}

absl::StatusOr<bool> BackfillRunner::RunOne(const GoesOn& goes_on) {
  std::string holder = MakeHolder();
  PLAYLOG_ASSIGN_OR_RETURN(std::optional<Job> job,
                           jobs_.Claim(holder, options_.claim, clock_.Now() + kStoreTimeout));
  if (!job.has_value()) return false;
  Slice slice(*this, goes_on, *std::move(job), std::move(holder));
  PLAYLOG_RETURN_IF_ERROR(slice.Run());
  return true;
}

}  // namespace playlog::ingest
