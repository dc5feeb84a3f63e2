#include "common/ingest/budget.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/ingest/attempts.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
// How often a wait looks whether anybody still wants the call, and how urgently.
constexpr absl::Duration kWaitSlice = absl::Milliseconds(100);
// Who waits asks no more often than this.
constexpr absl::Duration kShortestPause = absl::Milliseconds(2);
// The longest call (http::Request::deadline), and what it may take to begin it.
constexpr absl::Duration kLongestCall = absl::Seconds(10);
constexpr absl::Duration kBeforeCall = absl::Seconds(2);
// How long a request that was given up may still be on its way to the upstream.
constexpr absl::Duration kStraggling = absl::Seconds(1);
// The upstream's clock and the database's do not run equally fast: each window is longer by this
// part.
constexpr double kDrift = 0.001;

std::vector<CallLimit> Widened(std::vector<CallLimit> limits) {
  for (CallLimit& limit : limits) limit.window *= 1 + kDrift;
  return limits;
}

MetricLabels LabelsOf(const SourceProfile& profile, bool interactive) {
  return {{"source", profile.name}, {"priority", interactive ? "interactive" : "background"}};
}

void LogFailure(std::string_view event, const absl::Status& status) {
  if (status.ok()) return;
  Log(Severity::kWarning, event, {{"error", std::string(status.message())}});
}

}  // namespace

void Budget::Place::End(bool answered) {
  Budget* const budget = std::exchange(budget_, nullptr);
  if (budget == nullptr) return;
  // If that fails, the lease ends the call.
  LogFailure("budget_call_not_ended",
             budget->store_->End(name_, answered ? absl::ZeroDuration() : kStraggling,
                                 budget->StoreDeadline()));
}

void Budget::Place::GiveBack() {
  Budget* const budget = std::exchange(budget_, nullptr);
  if (budget == nullptr) return;
  LogFailure("budget_place_not_given_back", budget->store_->Leave(name_, budget->StoreDeadline()));
}

Budget::Budget(BudgetStore* store, const SourceProfile& profile, std::vector<CallLimit> limits,
               Clock& clock)
    : store_(store),
      profile_(profile),
      limits_(std::move(limits)),
      kept_limits_(Widened(limits_)),
      clock_(clock) {
  for (const CallLimit& limit : limits_) {
    GetGauge("playlog_budget_limit", "The most calls to an upstream within a window, by subject.",
             {{"source", profile_.name},
              {"window_seconds", absl::StrCat(absl::ToInt64Seconds(limit.window))}})
        .Set(limit.calls);
  }
}

absl::StatusOr<Budget::Place> Budget::Take(const rpc::Call& call, const std::string& subject,
                                           std::int64_t user_id, const Urgency& urgency,
                                           absl::Time deadline) {
  if (limits_.empty()) return Place();
  PlaceRequest request{.name = RandomBytes(kCallNameBytes),
                       .subject = subject,
                       .user_id = user_id,
                       .limits = kept_limits_};
  const absl::Time begin = clock_.Now();
  for (;;) {
    request.interactive = urgency() == Priority::kInteractive;
    request.max_wait = std::max(deadline - clock_.Now(), absl::ZeroDuration());
    request.lease = std::min(request.max_wait, kLongestCall) + kBeforeCall;
    PLAYLOG_ASSIGN_OR_RETURN(const PlaceAnswer answer, store_->Take(request, StoreDeadline()));
    switch (answer.kind) {
      case PlaceAnswer::Kind::kGranted:
        CountTaken(request.interactive, clock_.Now() - begin);
        return Place(this, request.name);
      case PlaceAnswer::Kind::kRefused:
        CountRefused(request.interactive);
        return RateLimitedError(profile_, answer.wait);
      case PlaceAnswer::Kind::kWait:
        break;
    }
    if (!Pause(call, answer.wait, urgency, request.interactive)) {
      LogFailure("budget_line_not_left", store_->Leave(request.name, StoreDeadline()));
      return absl::CancelledError("nobody waits for the call any more");
    }
  }
}

bool Budget::Pause(const rpc::Call& call, absl::Duration wait, const Urgency& urgency,
                   bool interactive) {
  const absl::Time end = clock_.Now() + std::max(wait, kShortestPause);
  while (!call.IsCancelled()) {
    const absl::Duration left = end - clock_.Now();
    const bool lifted = !interactive && urgency() == Priority::kInteractive;
    if (left <= absl::ZeroDuration() || lifted) return true;
    clock_.Sleep(std::min(left, kWaitSlice));
  }
  return false;
}

absl::StatusOr<std::vector<LimitUse>> Budget::Use(std::int64_t user_id, absl::Time deadline) {
  if (limits_.empty()) return std::vector<LimitUse>();
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<int> used,
                           store_->CountUsed(user_id, limits_, deadline));
  std::vector<LimitUse> uses;
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    uses.push_back({.limit = limits_[i], .used = used[i]});
  }
  return uses;
}

void Budget::CountTaken(bool interactive, absl::Duration waited) {
  const MetricLabels labels = LabelsOf(profile_, interactive);
  GetCounter("playlog_budget_calls_total", "Calls that the budgets of an upstream allowed.", labels)
      .Increment();
  GetHistogram("playlog_budget_wait_seconds", "How long calls waited for a budget.", labels)
      .Observe(absl::ToDoubleSeconds(waited));
}

void Budget::CountRefused(bool interactive) {
  GetCounter("playlog_budget_refusals_total",
             "Calls that no budget would have allowed before their deadline.",
             LabelsOf(profile_, interactive))
      .Increment();
}

absl::Time Budget::StoreDeadline() { return clock_.Now() + kStoreTimeout; }

}  // namespace playlog::ingest
