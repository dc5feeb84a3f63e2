#include "common/ingest/engine.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/cleanup/cleanup.h"
#include "absl/random/random.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

// How often a wait looks whether anybody still wants the result.
constexpr absl::Duration kWaitSlice = absl::Milliseconds(100);
constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
// A try that ends so shortly before the deadline was ended by it: timers count milliseconds.
constexpr absl::Duration kDeadlineSlack = absl::Milliseconds(20);

double RealRandom() {
  thread_local absl::InsecureBitGen generator;
  return absl::Uniform(generator, 0.0, 1.0);
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
  std::vector<const rpc::Call*> callers;  // With the one who leads; guarded by the engine's mutex.
  bool done = false;                      // Guarded likewise.
  absl::StatusOr<Fetched> result = InternalError("a fetch ended without a result");
};

// What one fetch knows about its tries.
struct Engine::Attempts {
  const rpc::Call& call;
  std::int64_t user_id;
  const Credential& credential;
  absl::Time deadline;
  int failures = 0;
  int rate_limits = 0;
};

Engine::Engine(Source& source, KeyVault& vault, PlaySink& sink, Store& store, Clock& clock,
               Random random, EngineOptions options)
    : source_(source),
      vault_(vault),
      sink_(sink),
      store_(store),
      clock_(clock),
      random_(random ? std::move(random) : Random(RealRandom)),
      options_(options) {}

absl::StatusOr<Fetched> Engine::Fetch(const rpc::Call& call, std::int64_t user_id, int limit) {
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
    if (lead) {
      mutex_.Unlock();
      return Lead(flight, call, user_id);
    }
    const bool done = mutex_.AwaitWithTimeout(absl::Condition(&flight->done),
                                              UpstreamDeadline(call) - clock_.Now());
    std::erase(flight->callers, &call);
    mutex_.Unlock();
    if (!done) return TooLate();
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
                                     std::int64_t user_id) {
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
  absl::StatusOr<Fetched> result = Run(joint, user_id, flight->limit);
  flight->result = result;  // Nobody reads it before the flight is done.
  return result;
}

absl::StatusOr<Fetched> Engine::Run(const rpc::Call& call, std::int64_t user_id, int limit) {
  const SourceProfile& profile = source_.profile();
  absl::StatusOr<Credential> credential = vault_.Open(call, user_id);
  if (absl::IsNotFound(credential.status())) {
    return Error(profile.key_missing_code, profile.key_missing_text, profile.key_missing_detail);
  }
  PLAYLOG_RETURN_IF_ERROR(credential.status());
  PLAYLOG_RETURN_IF_ERROR(source_.CheckCredential(*credential));
  PLAYLOG_ASSIGN_OR_RETURN(Page page, FetchPage(call, user_id, *credential, limit));
  // Plays that were fetched are stored though everybody has gone: they are the scarce thing.
  rpc::Call storing = call;
  storing.cancelled = nullptr;
  RecordRejected(storing, user_id, page);
  if (!page.plays.empty()) PLAYLOG_RETURN_IF_ERROR(sink_.Store(storing, user_id, page.plays));
  DropRepeats(page.plays);
  KeepFirst(page.plays, limit);
  return Fetched{.account = credential->account, .plays = std::move(page.plays)};
}

absl::StatusOr<Page> Engine::FetchPage(const rpc::Call& call, std::int64_t user_id,
                                       const Credential& credential, int limit) {
  Attempts attempts{.call = call,
                    .user_id = user_id,
                    .credential = credential,
                    .deadline = UpstreamDeadline(call)};
  PLAYLOG_RETURN_IF_ERROR(WaitOutKnownLimit(attempts));
  for (;;) {
    if (call.IsCancelled()) return absl::CancelledError("nobody waits for the fetch any more");
    if (clock_.Now() >= attempts.deadline) return TooLate();
    std::variant<Page, UpstreamFailure> answer =
        source_.FetchPage(credential, {limit, attempts.deadline, call.cancelled});
    if (Page* page = std::get_if<Page>(&answer)) {
      Count(call, "ok");
      return std::move(*page);
    }
    const UpstreamFailure& failure = std::get<UpstreamFailure>(answer);
    Count(call, failure.cause);
    PLAYLOG_RETURN_IF_ERROR(AfterFailure(failure, attempts));
  }
}

absl::Status Engine::AfterFailure(const UpstreamFailure& failure, Attempts& attempts) {
  const SourceProfile& profile = source_.profile();
  switch (failure.kind) {
    case UpstreamFailure::Kind::kRejected:
      return Error(profile.rejected_code, profile.failed_text, profile.rejected_detail);
    case UpstreamFailure::Kind::kUnusable:
      return Unavailable();
    case UpstreamFailure::Kind::kRateLimited:
      return AfterRateLimit(failure, attempts);
    case UpstreamFailure::Kind::kTransient:
      break;
  }
  if (clock_.Now() >= attempts.deadline - kDeadlineSlack) return TooLate();
  if (++attempts.failures >= options_.max_tries) return Unavailable();
  const absl::Duration pause =
      options_.first_pause * (1 << (attempts.failures - 1)) * (0.5 + random_());
  return Wait(pause, attempts) ? absl::OkStatus() : TooLate();
}

absl::Status Engine::AfterRateLimit(const UpstreamFailure& failure, Attempts& attempts) {
  const absl::Duration asked =
      failure.retry_after.value_or(options_.default_retry_after * (1.0 + 0.1 * random_()));
  const absl::Status noted =
      store_.NoteRateLimit(attempts.user_id, attempts.credential.version, clock_.Now() + asked,
                           StoreDeadline(attempts.call));
  if (!noted.ok()) {
    Log(Severity::kWarning, "rate_limit_not_noted",
        {{"request_id", attempts.call.request_id}, {"error", std::string(noted.message())}});
  }
  if (++attempts.rate_limits >= options_.max_tries) return RateLimited(asked);
  // A little later than asked, so that those who were told the same do not come back at once.
  const absl::Duration wait = asked + absl::Milliseconds(250) * random_();
  return Wait(wait, attempts) ? absl::OkStatus() : RateLimited(asked);
}

absl::Status Engine::WaitOutKnownLimit(Attempts& attempts) {
  const absl::StatusOr<absl::Time> until = store_.RateLimitedUntil(
      attempts.user_id, attempts.credential.version, StoreDeadline(attempts.call));
  if (!until.ok()) {
    // The upstream itself will say if it is too early.
    Log(Severity::kWarning, "rate_limit_not_read",
        {{"request_id", attempts.call.request_id},
         {"error", std::string(until.status().message())}});
    return absl::OkStatus();
  }
  const absl::Duration left = *until - clock_.Now();
  if (left <= absl::ZeroDuration()) return absl::OkStatus();
  return Wait(left, attempts) ? absl::OkStatus() : RateLimited(left);
}

bool Engine::Wait(absl::Duration duration, const Attempts& attempts) {
  const absl::Time end = clock_.Now() + duration;
  if (end >= attempts.deadline) return false;
  while (!attempts.call.IsCancelled()) {
    const absl::Duration left = end - clock_.Now();
    if (left <= absl::ZeroDuration()) break;
    clock_.Sleep(std::min(left, kWaitSlice));
  }
  return true;
}

void Engine::RecordRejected(const rpc::Call& call, std::int64_t user_id, const Page& page) {
  const SourceProfile& profile = source_.profile();
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
  const absl::Status recorded = store_.RecordRejected(user_id, profile.name, page.rejected,
                                                      clock_.Now(), StoreDeadline(call));
  // The good plays of the page are worth more than the record of the bad ones, which the next fetch
  // brings again.
  if (!recorded.ok()) {
    Log(Severity::kWarning, "rejected_items_not_recorded",
        {{"request_id", call.request_id},
         {"items", page.rejected.size()},
         {"error", std::string(recorded.message())}});
  }
}

void Engine::Count(const rpc::Call& call, std::string_view outcome) {
  const char* name = source_.profile().name;
  GetCounter("playlog_upstream_calls_total", "Calls to upstreams by what came of them.",
             {{"source", name}, {"outcome", std::string(outcome)}})
      .Increment();
  Log(Severity::kDebug, "upstream_call",
      {{"request_id", call.request_id}, {"source", name}, {"outcome", outcome}});
}

absl::Time Engine::UpstreamDeadline(const rpc::Call& call) {
  const absl::Time now = clock_.Now();
  const absl::Time end = std::min(call.deadline, now + options_.max_fetch);
  return end - std::min(options_.reserve, (end - now) / 4);
}

absl::Time Engine::StoreDeadline(const rpc::Call& call) {
  return std::min(call.deadline, clock_.Now() + kStoreTimeout);
}

absl::Status Engine::Unavailable() const {
  const SourceProfile& profile = source_.profile();
  return Error(profile.unavailable_code, profile.failed_text, "Try again later");
}

absl::Status Engine::TooLate() const {
  return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, source_.profile().failed_text,
               "Try again later");
}

absl::Status Engine::RateLimited(absl::Duration retry_after) const {
  return RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, source_.profile().failed_text,
                        "Try again after the time that Retry-After tells", retry_after);
}

}  // namespace playlog::ingest
