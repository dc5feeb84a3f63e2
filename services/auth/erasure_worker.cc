#include "services/auth/erasure_worker.h"

#include <algorithm>
#include <optional>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

constexpr absl::Duration kStoreTime = absl::Seconds(2);
// Longer than an attempt takes. Whoever dies in the middle of one holds the erasure up for so long.
constexpr absl::Duration kClaimTime = absl::Seconds(20);
// Everything is to be gone within a minute, so that one who comes back is asked again soon.
constexpr absl::Duration kFirstPause = absl::Milliseconds(250);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
constexpr int kDoublingsMax = 8;
constexpr absl::Duration kLookPause = absl::Seconds(1);
// What was promised.
constexpr absl::Duration kAgeMax = absl::Minutes(1);

double Jitter() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform(random, 0.5, 1.0);
}

absl::Duration PauseAfter(int attempts) {
  const absl::Duration pause = kFirstPause * (1 << std::min(attempts - 1, kDoublingsMax));
  return std::min(pause, kLongestPause) * Jitter();
}

void Count(const char* outcome) {
  GetCounter("playlog_erasures_total", "Attempts to erase deleted users in the other services.",
             {{"outcome", outcome}})
      .Increment();
}

}  // namespace

absl::StatusOr<bool> ErasureStep::Run() {
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Erasure> erasure,
                           store_.Claim(absl::Now() + kStoreTime, kClaimTime));
  if (!erasure.has_value()) return false;
  rpc::Call call;
  call.request_id = absl::StrCat("erasure-", erasure->user_id);
  call.cancelled = cancelled_;
  const absl::Status erased = erasers_.EraseUser(call, erasure->user_id);
  if (erased.ok()) {
    PLAYLOG_RETURN_IF_ERROR(store_.Finish(absl::Now() + kStoreTime, erasure->user_id));
    Count("done");
    Log(Severity::kInfo, "user_erased",
        {{"user_id", erasure->user_id},
         {"attempts", erasure->attempts},
         {"age_ms", absl::ToInt64Milliseconds(erasure->age)}});
    return true;
  }
  Count("postponed");
  Log(erasure->age > kAgeMax ? Severity::kError : Severity::kWarning, "erasure_postponed",
      {{"user_id", erasure->user_id},
       {"attempts", erasure->attempts},
       {"age_ms", absl::ToInt64Milliseconds(erasure->age)},
       {"code", NameOf(CodeOf(erased))}});
  PLAYLOG_RETURN_IF_ERROR(
      store_.Postpone(absl::Now() + kStoreTime, erasure->user_id, PauseAfter(erasure->attempts)));
  return true;
}

ErasureWorker::ErasureWorker(ErasureStore& store, Erasers& erasers)
    : step_(store, erasers, [this] { return stopping_.load(); }), thread_([this] { Work(); }) {}

ErasureWorker::~ErasureWorker() {
  stopping_ = true;
  Wake();
  thread_.join();
}

void ErasureWorker::Work() {
  while (!stopping_) {
    const absl::StatusOr<bool> worked = step_.Run();
    if (worked.ok() && *worked) continue;
    // With its database away it looks no more often than with nothing to do.
    awake_.WaitFor(kLookPause * Jitter());
    awake_.Lower();
  }
}

}  // namespace playlog::auth
