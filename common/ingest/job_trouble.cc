#include "common/ingest/job_trouble.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/strings.h"
#include "common/ingest/attempts.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kFirstPause = absl::Seconds(5);
constexpr absl::Duration kLongestPause = absl::Hours(1);
// What a rate limit means that does not say how long to wait.
constexpr absl::Duration kRateLimitPause = absl::Seconds(30);

absl::Duration PauseAfter(int failures) {
  return std::min(kFirstPause * (1 << std::min(failures, 20)), kLongestPause);
}

// Errors 6 and 7 of Last.fm: there is no such user.
bool IsDenial(const absl::Status& status) {
  const std::string cause = CauseOf(status);
  return cause == "error_6" || cause == "error_7";
}

}  // namespace

TroubleVerdict JudgeTrouble(const absl::Status& status, const Job& job) {
  if (CodeOf(status) == errors::v1::ERROR_CODE_RATE_LIMITED) {
    return {.pause = RetryAfterOf(status).value_or(kRateLimitPause)};
  }
  // The work was stopped, and nothing went wrong.
  if (absl::IsCancelled(status)) return {.pause = absl::ZeroDuration()};
  const bool refused = absl::IsFailedPrecondition(status) || absl::IsUnauthenticated(status);
  const bool denied_after_all = IsDenial(status) && job.read > 0 && job.failures < kDenialsMax;
  if ((refused && !denied_after_all) || job.failures + 1 >= kJobFailuresMax) {
    return {.give_up = true, .is_failure = true, .pause = absl::ZeroDuration()};
  }
  return {.is_failure = true, .pause = PauseAfter(job.failures)};
}

bool MayBeTooLarge(const absl::Status& status) {
  const std::string cause = CauseOf(status);
  return cause == "error_8" || cause == "timeout" || cause == "garbled" || cause == "not_a_page" ||
         cause == "too_large" || absl::StartsWith(cause, "http_5");
}

std::string WordsOf(const absl::Status& status, const Source& source) {
  const std::string cause = CauseOf(status);
  std::string advice(source.AdviceOn(cause));
  if (advice.empty()) advice = DetailOf(status);
  std::string words(status.message());
  if (!cause.empty()) absl::StrAppend(&words, " (", cause, ")");
  if (!advice.empty()) absl::StrAppend(&words, ". ", advice);
  return words;
}

}  // namespace playlog::ingest
