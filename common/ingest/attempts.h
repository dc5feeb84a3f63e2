#ifndef PLAYLOG_COMMON_INGEST_ATTEMPTS_H_
#define PLAYLOG_COMMON_INGEST_ATTEMPTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/ingest/budget.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/retry_budget.h"
#include "common/ingest/source.h"
#include "common/ingest/store.h"
#include "common/rpc/call.h"

namespace playlog::ingest {

// Returns numbers from 0 up to but not including 1. Thread-safe.
using Random = std::function<double()>;
Random RealRandom();

// What the parts of the engine work with. All of it lives longer than they do.
struct Tools {
  Source& source;
  KeyVault& vault;
  Store& store;
  Budget& budget;
  Clock& clock;
  Random random;
};

struct AttemptsOptions {
  // Tries of an upstream's transient fault, and answers of a rate limit.
  int max_tries = 3;
  // What bounds a user's tries after the first of transient faults; max_tries alone if null.
  RetryBudget* retries = nullptr;
  // The pause before the second try, and twice that before the third; each times 0.5 to 1.5.
  absl::Duration first_pause = absl::Milliseconds(400);
  // The wait after a rate limit that says nothing usable, plus up to a tenth of it.
  absl::Duration default_retry_after = absl::Seconds(30);
};

// Whom a rate limit of the upstream binds.
struct RateLimitSubject {
  std::int64_t user_id;
  std::int64_t key_version;
};
// The holder of a key that was pasted in; all the others together (store.h).
RateLimitSubject SubjectOf(std::int64_t user_id, const Credential& credential);

// The tries of one piece of work at an upstream: waits before each until the budget and the
// upstream's own rate limits allow it, decides after each that failed whether there is another, and
// remembers rate limits in the store. For one thread.
class Attempts {
 public:
  // What is referred to lives longer.
  Attempts(const Tools& tools, const AttemptsOptions& options, const rpc::Call& call,
           std::int64_t user_id, RateLimitSubject subject, absl::Time deadline);

  // Waits out a rate limit that is known already, if it ends before the deadline. RATE_LIMITED
  // with the rest of it if not; the store's errors.
  absl::Status WaitOutKnownLimit();

  // Asks the source for a page of a user as soon as that is allowed, and counts it. Errors, after
  // which there was no call: RATE_LIMITED if none is allowed before the deadline, DEADLINE_EXCEEDED
  // if that has passed, CANCELLED when nobody waits any more, and those of the stores.
  absl::StatusOr<std::variant<Page, UpstreamFailure>> Ask(std::int64_t user_id,
                                                          const Credential& credential,
                                                          const Urgency& urgency,
                                                          Question question);

  // Counts and logs what came of a try.
  void Count(std::string_view outcome);

  // OK to try again, after the wait that it has made; else the client's error: what the profile
  // says for a key that is refused, the profile's unavailable_code after the last try, RATE_LIMITED
  // with the wait as the upstream gave it, DEADLINE_EXCEEDED when the time is over.
  absl::Status AfterFailure(const UpstreamFailure& failure);

 private:
  // Takes a place in the budget at a time when no rate limit is known.
  absl::StatusOr<Budget::Place> TakePlace(std::int64_t user_id, const Credential& credential,
                                          const Urgency& urgency);
  // OK if a call may begin now.
  absl::Status CheckStillWanted();
  // The rest of a rate limit that is known; zero if there is none.
  absl::StatusOr<absl::Duration> KnownLimit();
  absl::Status WaitOut(absl::Duration limit);
  absl::Status AfterRateLimit(const UpstreamFailure& failure);
  // A little longer than a rate limit of that length, if the time allows, so that those who were
  // told the same do not come back at once.
  absl::Duration Spread(absl::Duration limit);
  // Waits unless the wait would end after the deadline, or the callers go away meanwhile.
  bool Wait(absl::Duration duration);
  absl::Time StoreDeadline();

  const Tools& tools_;
  const AttemptsOptions& options_;
  const rpc::Call& call_;
  const std::int64_t user_id_;
  const RateLimitSubject subject_;
  const absl::Time deadline_;
  int failures_ = 0;
  int rate_limits_ = 0;
};

// Notes in an error which failure of the upstream was the last before it, and reads that back;
// empty if there was none. It never leaves the process.
absl::Status WithCause(absl::Status status, std::string_view cause);
std::string CauseOf(const absl::Status& status);

// What a source's clients are told.
absl::Status KeyMissingError(const SourceProfile& profile);
absl::Status RejectedError(const SourceProfile& profile);
absl::Status UnavailableError(const SourceProfile& profile);
absl::Status TooLateError(const SourceProfile& profile);
absl::Status RateLimitedError(const SourceProfile& profile, absl::Duration retry_after);

// Tells the vault how a key fared, so that its owner can be told. What goes wrong is only logged.
void ReportUse(const Tools& tools, const rpc::Call& call, std::int64_t user_id,
               const Credential& credential, KeyUse use);

// By when the store must answer a question of `call`.
absl::Time StoreDeadlineOf(const rpc::Call& call, Clock& clock);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_ATTEMPTS_H_
