#include "common/ingest/attempts.h"

#include <algorithm>
#include <string>

#include "absl/random/random.h"
#include "absl/strings/cord.h"
#include "common/base/crash_point.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace playlog::ingest {
namespace {

// How often a wait looks whether anybody still wants the result.
constexpr absl::Duration kWaitSlice = absl::Milliseconds(100);
// A rate limit of ten seconds is waited out for ten to twelve and a half.
constexpr double kSpread = 0.25;
constexpr char kCauseType[] = "playlog.ingest/cause";
constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
// A try that ends so shortly before the deadline was ended by it: timers count milliseconds.
constexpr absl::Duration kDeadlineSlack = absl::Milliseconds(20);

}  // namespace

Random RealRandom() {
  return [] {
    thread_local absl::InsecureBitGen generator;
    return absl::Uniform(generator, 0.0, 1.0);
  };
}

RateLimitSubject SubjectOf(std::int64_t user_id, const Credential& credential) {
  if (credential.IsRenewable()) return {.user_id = kAllSignedIn, .key_version = 0};
  return {.user_id = user_id, .key_version = credential.version};
}

Attempts::Attempts(const Tools& tools, const AttemptsOptions& options, const rpc::Call& call,
                   std::int64_t user_id, RateLimitSubject subject, absl::Time deadline)
    : tools_(tools),
      options_(options),
      call_(call),
      user_id_(user_id),
      subject_(subject),
      deadline_(deadline) {
  if (options_.retries != nullptr) options_.retries->CountWork(user_id_);
}

absl::StatusOr<std::variant<Page, UpstreamFailure>> Attempts::Ask(std::int64_t user_id,
                                                                  const Credential& credential,
                                                                  const Urgency& urgency,
                                                                  Question question) {
  PLAYLOG_ASSIGN_OR_RETURN(Budget::Place place, TakePlace(user_id, credential, urgency));
  PLAYLOG_CRASH_POINT("place_taken");
  question.deadline = deadline_;
  question.cancelled = call_.cancelled;
  std::variant<Page, UpstreamFailure> answer = tools_.source.FetchPage(credential, question);
  const UpstreamFailure* failure = std::get_if<UpstreamFailure>(&answer);
  place.End(failure == nullptr || failure->answered);
  Count(failure == nullptr ? "ok" : failure->cause);
  return answer;
}

absl::StatusOr<Budget::Place> Attempts::TakePlace(std::int64_t user_id,
                                                  const Credential& credential,
                                                  const Urgency& urgency) {
  const std::string subject = tools_.source.BudgetSubject(user_id, credential);
  for (;;) {
    PLAYLOG_RETURN_IF_ERROR(CheckStillWanted());
    PLAYLOG_ASSIGN_OR_RETURN(Budget::Place place,
                             tools_.budget.Take(call_, subject, user_id, urgency, deadline_));
    // While this one waited, the upstream may have told another to wait.
    const absl::StatusOr<absl::Duration> limit = KnownLimit();
    const absl::Status wanted = CheckStillWanted();
    if (limit.ok() && *limit == absl::ZeroDuration() && wanted.ok()) return place;
    place.GiveBack();
    PLAYLOG_RETURN_IF_ERROR(wanted);
    PLAYLOG_RETURN_IF_ERROR(limit.status());
    PLAYLOG_RETURN_IF_ERROR(WaitOut(*limit));
  }
}

absl::Status Attempts::CheckStillWanted() {
  if (call_.IsCancelled()) return absl::CancelledError("nobody waits for the fetch any more");
  if (tools_.clock.Now() >= deadline_) return TooLateError(tools_.source.profile());
  return absl::OkStatus();
}

void Attempts::Count(std::string_view outcome) {
  const char* name = tools_.source.profile().name;
  GetCounter("playlog_upstream_calls_total", "Calls to upstreams by what came of them.",
             {{"source", name}, {"outcome", std::string(outcome)}})
      .Increment();
  Log(Severity::kDebug, "upstream_call",
      {{"request_id", call_.request_id}, {"source", name}, {"outcome", outcome}});
}

absl::Status Attempts::AfterFailure(const UpstreamFailure& failure) {
  const SourceProfile& profile = tools_.source.profile();
  switch (failure.kind) {
    case UpstreamFailure::Kind::kRejected:
    case UpstreamFailure::Kind::kKeyEnded:
      return RejectedError(profile);
    case UpstreamFailure::Kind::kUnusable:
      return UnavailableError(profile);
    case UpstreamFailure::Kind::kRateLimited:
      return AfterRateLimit(failure);
    case UpstreamFailure::Kind::kTransient:
      break;
  }
  if (tools_.clock.Now() >= deadline_ - kDeadlineSlack) return TooLateError(profile);
  if (++failures_ >= options_.max_tries) return UnavailableError(profile);
  if (options_.retries != nullptr && !options_.retries->Take(user_id_))
    return UnavailableError(profile);
  const absl::Duration pause =
      options_.first_pause * (1 << (failures_ - 1)) * (0.5 + tools_.random());
  return Wait(pause) ? absl::OkStatus() : TooLateError(profile);
}

absl::Status Attempts::AfterRateLimit(const UpstreamFailure& failure) {
  const SourceProfile& profile = tools_.source.profile();
  const absl::Duration asked =
      failure.retry_after.value_or(options_.default_retry_after * (1.0 + 0.1 * tools_.random()));
  const absl::Status noted = tools_.store.NoteRateLimit(
      subject_.user_id, subject_.key_version, tools_.clock.Now() + asked, StoreDeadline());
  if (!noted.ok()) {
    Log(Severity::kWarning, "rate_limit_not_noted",
        {{"request_id", call_.request_id}, {"error", std::string(noted.message())}});
  }
  if (++rate_limits_ >= options_.max_tries) return RateLimitedError(profile, asked);
  return WaitOut(asked);
}

absl::Status Attempts::WaitOutKnownLimit() {
  PLAYLOG_ASSIGN_OR_RETURN(const absl::Duration limit, KnownLimit());
  return limit == absl::ZeroDuration() ? absl::OkStatus() : WaitOut(limit);
}

absl::StatusOr<absl::Duration> Attempts::KnownLimit() {
  PLAYLOG_ASSIGN_OR_RETURN(
      const absl::Time until,
      tools_.store.RateLimitedUntil(subject_.user_id, subject_.key_version, StoreDeadline()));
  return std::max(until - tools_.clock.Now(), absl::ZeroDuration());
}

absl::Status Attempts::WaitOut(absl::Duration limit) {
  if (Wait(Spread(limit))) return absl::OkStatus();
  return RateLimitedError(tools_.source.profile(), limit);
}

absl::Duration Attempts::Spread(absl::Duration limit) {
  const absl::Duration spare = deadline_ - tools_.clock.Now() - limit;
  return limit + std::clamp(spare / 2, absl::ZeroDuration(), limit * kSpread) * tools_.random();
}

bool Attempts::Wait(absl::Duration duration) {
  const absl::Time end = tools_.clock.Now() + duration;
  if (end >= deadline_) return false;
  while (!call_.IsCancelled()) {
    const absl::Duration left = end - tools_.clock.Now();
    if (left <= absl::ZeroDuration()) break;
    tools_.clock.Sleep(std::min(left, kWaitSlice));
  }
  return true;
}

absl::Time Attempts::StoreDeadline() { return StoreDeadlineOf(call_, tools_.clock); }

absl::Status WithCause(absl::Status status, std::string_view cause) {
  if (!status.ok()) status.SetPayload(kCauseType, absl::Cord(ToAbsl(cause)));
  return status;
}

std::string CauseOf(const absl::Status& status) {
  const auto cause = status.GetPayload(kCauseType);
  return cause.has_value() ? std::string(*cause) : "";
}

absl::Status KeyMissingError(const SourceProfile& profile) {
  return Error(profile.key_missing_code, profile.key_missing_text, profile.key_missing_detail);
}

absl::Status RejectedError(const SourceProfile& profile) {
  return Error(profile.rejected_code, profile.failed_text, profile.rejected_detail);
}

absl::Status UnavailableError(const SourceProfile& profile) {
  return Error(profile.unavailable_code, profile.failed_text, "Try again later");
}

absl::Status TooLateError(const SourceProfile& profile) {
  return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, profile.failed_text, "Try again later");
}

absl::Status RateLimitedError(const SourceProfile& profile, absl::Duration retry_after) {
  return RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, profile.failed_text,
                        "Try again after the time that Retry-After tells", retry_after);
}

void ReportUse(const Tools& tools, const rpc::Call& call, std::int64_t user_id,
               const Credential& credential, KeyUse use) {
  const absl::Status reported = tools.vault.ReportUse(call, user_id, credential.version, use);
  if (reported.ok()) return;
  Log(Severity::kWarning, "key_use_not_reported",
      {{"request_id", call.request_id}, {"error", std::string(reported.message())}});
}

absl::Time StoreDeadlineOf(const rpc::Call& call, Clock& clock) {
  return std::min(call.deadline, clock.Now() + kStoreTimeout);
}

}  // namespace playlog::ingest
