#include "common/ingest/engine.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <variant>

#include "absl/cleanup/cleanup.h"
#include "common/base/crash_point.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

std::vector<CallLimit> LimitsOf(const Source& source, const EngineOptions& options,
                                const BudgetStore* budgets) {
  if (budgets == nullptr) return {};
  if (options.limits.has_value()) return *options.limits;
  const std::span<const CallLimit> limits = source.profile().limits;
  return {limits.begin(), limits.end()};
}

EngineOptions WithRetries(EngineOptions options, RetryBudget& retries) {
  options.attempts.retries = &retries;
  return options;
}

void KeepFirst(std::vector<songs::v1::Play>& plays, int limit) {
  if (plays.size() > static_cast<std::size_t>(limit)) {
    plays.resize(static_cast<std::size_t>(limit));
  }
}

}  // namespace

// A fetch that is running and those who wait for it.
struct Engine::Flight {
  int limit = 0;
  // Whether a person waits for it, whoever began it.
  std::atomic<bool> interactive = false;
  std::vector<const rpc::Call*> callers;  // With the one who leads; guarded by the engine's mutex.
  bool done = false;                      // Guarded likewise.
  absl::StatusOr<Fetched> result = InternalError("a fetch ended without a result");
};

Engine::Engine(Source& source, KeyVault& vault, PlaySink& sink, Store& store, Clock& clock,
               Random random, EngineOptions options, BudgetStore* budgets)
    : budget_(budgets, source.profile(), LimitsOf(source, options, budgets), clock),
      tools_{source, vault, store, budget_, clock, random ? std::move(random) : RealRandom()},
      sink_(sink),
      retries_(options.retry_reserve),
      options_(WithRetries(std::move(options), retries_)),
      renewer_(tools_, options_.renewal) {}

absl::StatusOr<Fetched> Engine::Fetch(const rpc::Call& call, std::int64_t user_id, int limit,
                                      Priority priority) {
  for (;;) {
    mutex_.Lock();
    std::shared_ptr<Flight>& running = flights_[user_id];
    const bool lead = running == nullptr;
    if (lead) {
      running = std::make_shared<Flight>();
      running->limit = limit;
    }
    const std::shared_ptr<Flight> flight = running;
    flight->callers.push_back(&call);
    if (priority == Priority::kInteractive) flight->interactive = true;
    if (lead) {
      mutex_.Unlock();
      return Lead(flight, call, user_id, priority);
    }
    const bool done = mutex_.AwaitWithTimeout(absl::Condition(&flight->done),
                                              UpstreamDeadline(call) - tools_.clock.Now());
    std::erase(flight->callers, &call);
    mutex_.Unlock();
    if (!done) return TooLateError(tools_.source.profile());
    // A fetch that was given up just now, and one that asked for fewer plays, are not this
    // caller's.
    const bool given_up = absl::IsCancelled(flight->result.status()) && !call.IsCancelled();
    const bool too_few = flight->result.ok() && flight->limit < limit;
    if (!given_up && !too_few) {
      absl::StatusOr<Fetched> result = flight->result;
      if (result.ok()) KeepFirst(result->plays, limit);
      return result;
    }
  }
}

int Engine::WaitingCallers(std::int64_t user_id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = flights_.find(user_id);
  return found == flights_.end() ? 0 : static_cast<int>(found->second->callers.size());
}

absl::StatusOr<Fetched> Engine::Lead(const std::shared_ptr<Flight>& flight, const rpc::Call& call,
                                     std::int64_t user_id, Priority priority) {
  // Whatever happens, those who joined are let go and the next fetch can begin.
  const absl::Cleanup land = [&] {
    const absl::MutexLock lock(&mutex_);
    flight->callers.clear();
    flight->done = true;
    flights_.erase(user_id);
  };
  rpc::Call joint = call;
  joint.cancelled = [this, flight] {
    const absl::MutexLock lock(&mutex_);
    return std::all_of(flight->callers.begin(), flight->callers.end(),
                       [](const rpc::Call* caller) { return caller->IsCancelled(); });
  };
  const Urgency urgency = [flight] {
    return flight->interactive ? Priority::kInteractive : Priority::kBackground;
  };
  absl::StatusOr<Fetched> result = Run(joint, user_id, flight->limit, priority, urgency);
  flight->result = result;  // Nobody reads it before the flight is done.
  return result;
}

absl::StatusOr<Fetched> Engine::Run(const rpc::Call& call, std::int64_t user_id, int limit,
                                    Priority priority, const Urgency& urgency) {
  const absl::Time asked_at = tools_.clock.Now();
  PLAYLOG_ASSIGN_OR_RETURN(Credential credential, OpenKey(call, user_id));
  PLAYLOG_ASSIGN_OR_RETURN(Page page,
                           FetchPage(call, user_id, credential, {.limit = limit}, urgency));
  const bool interactive = priority == Priority::kInteractive;
  Fetched fetched;
  fetched.account = credential.account;
  fetched.asked_at = asked_at;
  fetched.total = page.total;
  fetched.items = page.plays.size() + page.rejected.size();
  PLAYLOG_ASSIGN_OR_RETURN(
      fetched.counts, StorePage(call, user_id, interactive ? kFetchOrigin : kSyncOrigin, page));
  ReportSuccess(call, user_id, credential);
  DropRepeats(page.plays);
  KeepFirst(page.plays, limit);
  fetched.plays = std::move(page.plays);
  if (interactive && options_.on_own_fetch) options_.on_own_fetch(user_id, limit, fetched);
  return fetched;
}

absl::StatusOr<Credential> Engine::OpenKey(const rpc::Call& call, std::int64_t user_id) {
  absl::StatusOr<Credential> credential = tools_.vault.Open(call, user_id);
  if (absl::IsNotFound(credential.status())) return KeyMissingError(tools_.source.profile());
  PLAYLOG_RETURN_IF_ERROR(credential.status());
  PLAYLOG_RETURN_IF_ERROR(tools_.source.CheckCredential(*credential));
  return credential;
}

absl::StatusOr<StoreCounts> Engine::StorePage(const rpc::Call& call, std::int64_t user_id,
                                              std::string_view origin, const Page& page) {
  // Plays that were fetched are stored though everybody has gone: they are the scarce thing.
  rpc::Call storing = call;
  storing.cancelled = nullptr;
  RecordRejected(storing, user_id, page);
  if (page.plays.empty()) return StoreCounts();
  PLAYLOG_CRASH_POINT("page_parsed");
  absl::StatusOr<StoreCounts> counts = sink_.Store(storing, user_id, origin, page.plays);
  PLAYLOG_CRASH_POINT("batch_stored");
  return counts;
}

absl::StatusOr<Page> Engine::FetchPage(const rpc::Call& call, std::int64_t user_id,
                                       Credential& credential, const Part& part,
                                       Priority priority) {
  return FetchPage(call, user_id, credential, part, [priority] { return priority; });
}

absl::StatusOr<Page> Engine::FetchPage(const rpc::Call& call, std::int64_t user_id,
                                       Credential& credential, const Part& part,
                                       const Urgency& urgency) {
  const absl::Time deadline = UpstreamDeadline(call);
  Attempts attempts(tools_, options_.attempts, call, user_id, SubjectOf(user_id, credential),
                    deadline);
  PLAYLOG_RETURN_IF_ERROR(attempts.WaitOutKnownLimit());
  PLAYLOG_RETURN_IF_ERROR(RenewIfEnding(call, user_id, deadline, credential));
  for (bool renewed = false;;) {
    PLAYLOG_ASSIGN_OR_RETURN(
        auto answer, attempts.Ask(user_id, credential, urgency,
                                  {.limit = part.limit, .page = part.page, .span = part.span}));
    if (Page* page = std::get_if<Page>(&answer)) return std::move(*page);
    const UpstreamFailure& failure = std::get<UpstreamFailure>(answer);
    const bool ended = failure.kind == UpstreamFailure::Kind::kKeyEnded;
    if (ended && credential.IsRenewable() && !std::exchange(renewed, true)) {
      PLAYLOG_ASSIGN_OR_RETURN(credential, renewer_.Renew(call, user_id, credential, deadline));
      continue;
    }
    if (ended || failure.kind == UpstreamFailure::Kind::kRejected) {
      ReportUse(tools_, call, user_id, credential, KeyUse::kRejected);
    }
    PLAYLOG_RETURN_IF_ERROR(WithCause(attempts.AfterFailure(failure), failure.cause));
  }
}

absl::Status Engine::RenewIfEnding(const rpc::Call& call, std::int64_t user_id, absl::Time deadline,
                                   Credential& credential) {
  const absl::Time now = tools_.clock.Now();
  if (!credential.IsRenewable() || credential.expires_at - now > options_.renew_before) {
    return absl::OkStatus();
  }
  const bool works = credential.expires_at > now;
  const absl::Time until = works ? std::min(deadline, now + options_.early_renewal) : deadline;
  absl::StatusOr<Credential> renewed = renewer_.Renew(call, user_id, credential, until);
  if (renewed.ok()) {
    credential = *std::move(renewed);
    return absl::OkStatus();
  }
  // While it works it is used, unless the user has to do something anyway.
  const bool refused = absl::IsFailedPrecondition(renewed.status());
  return works && !refused ? absl::OkStatus() : renewed.status();
}

absl::StatusOr<std::optional<bool>> Engine::TryKey(const rpc::Call& call, std::int64_t user_id) {
  const absl::Time deadline =
      std::min(UpstreamDeadline(call), tools_.clock.Now() + options_.try_key);
  absl::StatusOr<Credential> credential = tools_.vault.Open(call, user_id);
  if (absl::IsNotFound(credential.status())) return std::nullopt;
  PLAYLOG_RETURN_IF_ERROR(credential.status());
  if (!tools_.source.CheckCredential(*credential).ok()) return std::nullopt;
  AttemptsOptions once = options_.attempts;
  once.max_tries = 1;
  const Urgency urgency = [] { return Priority::kInteractive; };
  Attempts attempts(tools_, once, call, user_id, SubjectOf(user_id, *credential), deadline);
  if (!attempts.WaitOutKnownLimit().ok()) return std::nullopt;
  const auto answer = attempts.Ask(user_id, *credential, urgency, {.limit = 1});
  if (!answer.ok()) return std::nullopt;
  const UpstreamFailure* failure = std::get_if<UpstreamFailure>(&*answer);
  if (failure == nullptr) return true;
  if (failure->kind == UpstreamFailure::Kind::kRejected) return false;
  if (failure->kind == UpstreamFailure::Kind::kKeyEnded && !credential->IsRenewable()) return false;
  // There is no other try; but a rate limit is remembered.
  static_cast<void>(attempts.AfterFailure(*failure));
  return std::nullopt;
}

absl::StatusOr<std::vector<LimitUse>> Engine::UseOfLimits(const rpc::Call& call,
                                                          std::int64_t user_id) {
  return budget_.Use(user_id, StoreDeadlineOf(call, tools_.clock));
}

void Engine::ReportSuccess(const rpc::Call& call, std::int64_t user_id,
                           const Credential& credential) {
  const bool old = tools_.clock.Now() - credential.last_success_at > options_.report_again;
  if (credential.known_good && !old) return;
  // It is told though everybody has gone.
  rpc::Call reporting = call;
  reporting.cancelled = nullptr;
  ReportUse(tools_, reporting, user_id, credential, KeyUse::kAccepted);
}

void Engine::RecordRejected(const rpc::Call& call, std::int64_t user_id, const Page& page) {
  const SourceProfile& profile = tools_.source.profile();
  for (const RejectedItem& item : page.rejected) {
    GetCounter("playlog_rejected_items_total", "Items of upstream pages that became no play.",
               {{"source", profile.name}, {"reason", item.reason}})
        .Increment();
  }
  if (page.cleared_values > 0) {
    GetCounter("playlog_cleared_values_total", "Addresses and ids of upstreams not kept.",
               {{"source", profile.name}})
        .Increment(page.cleared_values);
  }
  if (page.rejected.empty()) return;
  const absl::Status recorded =
      tools_.store.RecordRejected(user_id, profile.name, page.rejected, tools_.clock.Now(),
                                  StoreDeadlineOf(call, tools_.clock));
  // The good plays of the page are worth more than the record of the bad ones, which the next fetch
  // brings again.
  if (!recorded.ok()) {
    Log(Severity::kWarning, "rejected_items_not_recorded",
        {{"request_id", call.request_id},
         {"items", page.rejected.size()},
         {"error", std::string(recorded.message())}});
  }
}

absl::Time Engine::UpstreamDeadline(const rpc::Call& call) {
  const absl::Time now = tools_.clock.Now();
  const absl::Time end = std::min(call.deadline, now + options_.max_fetch);
  return end - std::min(options_.reserve, (end - now) / 4);
}

}  // namespace playlog::ingest
