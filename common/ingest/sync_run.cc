#include "common/ingest/sync_run.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

// What Spotify shows at all, and the page of Last.fm that does not fail more often than a smaller.
constexpr int kWindow = 50;
constexpr int kPage = 200;
// A source may or may not count the ends of a span as parts of it.
constexpr absl::Duration kEndMargin = absl::Seconds(1);
// A key that was refused may have been refused by mistake, so it is tried again soon at first.
constexpr absl::Duration kFirstPauseOfRefused = absl::Hours(1);
// What fails among ourselves costs the source nothing, and ends soon: a process is started again.
constexpr absl::Duration kFirstPauseOfOurs = absl::Seconds(10);
constexpr int kMaxDoublings = 10;
constexpr absl::Duration kCoverageTimeout = absl::Seconds(1);

absl::Time WholeSecond(absl::Time time) { return absl::FromUnixSeconds(absl::ToUnixSeconds(time)); }

std::vector<absl::Time> TimesOf(const std::vector<songs::v1::Play>& plays) {
  std::vector<absl::Time> times;
  times.reserve(plays.size());
  for (const songs::v1::Play& play : plays) times.push_back(PlayedAtOf(play));
  return times;
}

// Leaves a span unread that takes in this one and what was unread before.
void AddUnread(const Span& span, SyncProgress& progress) {
  Span& unread = progress.unread.has_value() ? *progress.unread : progress.unread.emplace(span);
  unread.from = std::min(unread.from, span.from);
  unread.to = std::max(unread.to, span.to);
}

}  // namespace

SyncRunOptions SyncRunOptionsFor(const SourceProfile& profile, double speedup) {
  SyncRunOptions options;
  options.polling = profile.tells_past ? AnchoredPolling() : WindowPolling(kWindow);
  options.newest = profile.tells_past ? kPage : kWindow;
  options.speedup = speedup;
  return options;
}

std::string_view OutcomeName(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kOk:
      return "ok";
    case RunOutcome::kRateLimited:
      return "rate_limited";
    case RunOutcome::kRefused:
      return "refused";
    case RunOutcome::kFailed:
      return "failed";
  }
  return "";
}

SyncRun::SyncRun(SyncRunParts parts, SyncRunOptions options)
    : parts_(std::move(parts)), options_(options) {}

std::optional<FinishedRun> SyncRun::Run(const rpc::Call& call, const ClaimedUser& user) {
  FinishedRun run;
  run.record.progress = user.progress;
  Work work{.call = call,
            .user_id = user.user_id,
            .at = parts_.clock.Now(),
            .record = run.record,
            .pages_left = options_.pages_max};
  const absl::Status status = FetchAll(work);
  if (!status.ok() && call.IsCancelled()) return std::nullopt;
  run.outcome = Conclude(status, user.failures, run.record);
  return run;
}

absl::Status SyncRun::FetchAll(Work& work) {
  PLAYLOG_RETURN_IF_ERROR(FetchNewest(work));
  if (!parts_.profile.tells_past) return absl::OkStatus();
  PLAYLOG_RETURN_IF_ERROR(ReadUnread(work));
  const SyncProgress& progress = work.record.progress;
  const absl::Time compared_at = progress.compared_at.value_or(absl::InfinitePast());
  // What is still unread would only be missing once more.
  if (progress.unread.has_value() ||
      work.at - compared_at < options_.compare_every / options_.speedup) {
    return absl::OkStatus();
  }
  PLAYLOG_RETURN_IF_ERROR(Compare(work));
  PLAYLOG_RETURN_IF_ERROR(ReadUnread(work));
  return CountAll(work);
}

absl::Status SyncRun::FetchNewest(Work& work) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Fetched fetched,
      parts_.engine.Fetch(work.call, work.user_id, options_.newest, Priority::kBackground));
  work.record.plays_added += fetched.counts.inserted;
  SyncProgress& progress = work.record.progress;
  progress.rhythm =
      Learn(progress.rhythm, TimesOf(fetched.plays), parts_.clock.Now(), options_.polling);
  work.total = fetched.total;
  const Look look = LookOf(fetched, options_.newest, fetched.asked_at);
  NoteCoverage(work, [&](CoverageRecorder& coverage, absl::Time deadline) {
    return coverage.RecordLook(work.user_id, look, deadline);
  });
  if (parts_.profile.tells_past) NoteNewest(fetched, work);
  return absl::OkStatus();
}

void SyncRun::NoteCoverage(
    const Work& work,
    absl::FunctionRef<absl::Status(CoverageRecorder&, absl::Time deadline)> note) {
  if (parts_.coverage == nullptr) return;
  const absl::Status noted = note(*parts_.coverage, absl::Now() + kCoverageTimeout);
  if (noted.ok()) return;
  // A day looks less sure than it is until a later run.
  Log(Severity::kWarning, "coverage_not_noted",
      {{"request_id", work.call.request_id}, {"code", NameOf(CodeOf(noted))}});
}

void SyncRun::NoteNewest(const Fetched& fetched, Work& work) const {
  const std::vector<absl::Time> times = TimesOf(fetched.plays);
  if (times.empty()) return;
  const auto [oldest, newest] = std::minmax_element(times.begin(), times.end());
  std::optional<absl::Time>& watermark = work.record.progress.watermark;
  const bool shows_all = fetched.items < static_cast<std::size_t>(options_.newest);
  if (watermark.has_value() && !shows_all && *oldest > *watermark - options_.overlap) {
    AddUnread({.from = WholeSecond(*watermark - options_.overlap),
               .to = WholeSecond(*oldest + kEndMargin)},
              work.record.progress);
  }
  // A play that bears a time to come must not hide what is played until then.
  const absl::Time read_until = std::min(*newest, work.at);
  watermark = std::max(watermark.value_or(read_until), read_until);
}

absl::Status SyncRun::ReadUnread(Work& work) {
  const std::optional<Span> before = work.record.progress.unread;
  if (!before.has_value()) return absl::OkStatus();
  absl::Status status = ReadPages(work);
  const std::optional<Span>& after = work.record.progress.unread;
  const absl::Time reached = after.has_value() ? after->to : before->from;
  if (reached < before->to) {
    NoteCoverage(work, [&](CoverageRecorder& coverage, absl::Time deadline) {
      return coverage.RecordWalk(work.user_id, {reached, before->to}, deadline);
    });
  }
  return status;
}

absl::Status SyncRun::ReadPages(Work& work) {
  std::optional<Span>& unread = work.record.progress.unread;
  for (int page_number = 1; unread.has_value() && work.pages_left > 0; --work.pages_left) {
    PLAYLOG_RETURN_IF_ERROR(Open(work));
    PLAYLOG_ASSIGN_OR_RETURN(
        const Page page,
        parts_.engine.FetchPage(work.call, work.user_id, *work.credential,
                                {.limit = kPage, .page = page_number, .span = *unread},
                                Priority::kBackground));
    PLAYLOG_ASSIGN_OR_RETURN(const StoreCounts counts,
                             parts_.engine.StorePage(work.call, work.user_id, kSyncOrigin, page));
    work.record.plays_added += counts.inserted;
    if (page.plays.size() + page.rejected.size() < kPage) {
      unread.reset();
      break;
    }
    // The rest of the span is asked for by time rather than by page: what comes or goes meanwhile
    // moves no play past the reader.
    const std::vector<absl::Time> times = TimesOf(page.plays);
    const absl::Time rest =
        times.empty() ? unread->to
                      : WholeSecond(*std::min_element(times.begin(), times.end()) + kEndMargin);
    page_number = rest < unread->to ? 1 : page_number + 1;
    unread->to = std::min(unread->to, rest);
  }
  return absl::OkStatus();
}

absl::Status SyncRun::Compare(Work& work) {
  PLAYLOG_RETURN_IF_ERROR(Open(work));
  const Span span{.from = WholeSecond(work.at - options_.compared), .to = WholeSecond(work.at)};
  PLAYLOG_ASSIGN_OR_RETURN(
      const Page page, parts_.engine.FetchPage(work.call, work.user_id, *work.credential,
                                               {.limit = 1, .span = span}, Priority::kBackground));
  PLAYLOG_ASSIGN_OR_RETURN(const std::int64_t ours,
                           parts_.sink.Count(work.call, work.user_id, span));
  work.record.progress.compared_at = work.at;
  if (page.total.has_value() && *page.total == ours) {
    NoteCoverage(work, [&](CoverageRecorder& coverage, absl::Time deadline) {
      return coverage.RecordWalk(work.user_id, {span.from, span.to}, deadline);
    });
  } else if (page.total.has_value()) {
    AddUnread(span, work.record.progress);
  }
  return absl::OkStatus();
}

absl::Status SyncRun::CountAll(Work& work) {
  if (!work.total.has_value()) return absl::OkStatus();
  PLAYLOG_ASSIGN_OR_RETURN(const std::int64_t ours, parts_.sink.Count(work.call, work.user_id, {}));
  const SourceCount count{.theirs = *work.total, .ours = ours, .counted_at = work.at};
  NoteCoverage(work, [&](CoverageRecorder& coverage, absl::Time deadline) {
    return coverage.RecordCount(work.user_id, count, deadline);
  });
  return absl::OkStatus();
}

absl::Status SyncRun::Open(Work& work) {
  if (work.credential.has_value()) return absl::OkStatus();
  PLAYLOG_ASSIGN_OR_RETURN(work.credential, parts_.engine.OpenKey(work.call, work.user_id));
  return absl::OkStatus();
}

RunOutcome SyncRun::Conclude(const absl::Status& status, int failures_before, RunRecord& record) {
  const PollOptions& polling = options_.polling;
  const PlayRhythm& rhythm = record.progress.rhythm;
  const absl::Time now = parts_.clock.Now();
  const double jitter = parts_.random();
  if (status.ok()) {
    record.succeeded = true;
    record.key = RunRecord::Key::kOk;
    record.progress.interval = PauseAfterSuccess(rhythm, now, jitter, polling) / options_.speedup;
    record.next_run_in = record.progress.interval;
    return RunOutcome::kOk;
  }
  record.error = WordsFor(status);
  const absl::Duration pause =
      PauseAfterFailure(rhythm, now, failures_before + 1, jitter, polling) / options_.speedup;
  if (absl::IsFailedPrecondition(status)) {
    if (CodeOf(status) == parts_.profile.key_missing_code) record.key = RunRecord::Key::kMissing;
    if (CodeOf(status) == parts_.profile.rejected_code) record.key = RunRecord::Key::kRejected;
    const absl::Duration patience =
        kFirstPauseOfRefused * (1 << std::min(failures_before, kMaxDoublings));
    record.next_run_in =
        std::min(PauseAfterFinalFailure(jitter, polling), patience) / options_.speedup;
    return RunOutcome::kRefused;
  }
  if (CodeOf(status) != errors::v1::ERROR_CODE_RATE_LIMITED) {
    const absl::Duration ours = kFirstPauseOfOurs *
                                (1 << std::min(failures_before, kMaxDoublings)) * (1.0 + jitter) /
                                options_.speedup;
    record.next_run_in = IsOfTheSource(status) ? pause : std::min(pause, ours);
    return RunOutcome::kFailed;
  }
  record.limited_for = RetryAfterOf(status);
  // A little later than asked, so that all who wait do not come back at once.
  const absl::Duration asked = RetryAfterOf(status).value_or(pause);
  record.next_run_in = std::max(pause, asked * (1.0 + 0.1 * jitter));
  return RunOutcome::kRateLimited;
}

bool SyncRun::IsOfTheSource(const absl::Status& status) const {
  return status.message() == parts_.profile.failed_text;
}

std::string SyncRun::WordsFor(const absl::Status& status) const {
  const std::string message(status.message());
  if (absl::IsFailedPrecondition(status)) return absl::StrCat(message, ". ", DetailOf(status));
  if (CodeOf(status) == errors::v1::ERROR_CODE_RATE_LIMITED) {
    return absl::StrCat(parts_.profile.failed_text, ". It asks to be left alone for a while");
  }
  if (IsOfTheSource(status)) {
    return absl::StrCat(parts_.profile.failed_text, ". It is asked again by itself");
  }
  return "Playlog could not finish its work. It tries again by itself";
}

}  // namespace playlog::ingest
