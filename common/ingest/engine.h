#ifndef PLAYLOG_COMMON_INGEST_ENGINE_H_
#define PLAYLOG_COMMON_INGEST_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/ingest/attempts.h"
#include "common/ingest/budget.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/renewal.h"
#include "common/ingest/source.h"
#include "common/ingest/store.h"
#include "common/rpc/call.h"

namespace playlog::ingest {

struct Fetched;

struct EngineOptions {
  AttemptsOptions attempts;
  // The tries after the first that are kept for the failures of a good day (retry_budget.h).
  int retry_reserve = 6;
  RenewalOptions renewal;
  // The longest fetch where the caller sets no earlier deadline.
  absl::Duration max_fetch = absl::Seconds(29);
  // What is kept of the caller's time to store the plays and to answer; at most a quarter of it.
  absl::Duration reserve = absl::Milliseconds(1500);
  // A key that ends sooner is renewed before it is used: a fetch takes about as long at most.
  absl::Duration renew_before = absl::Seconds(30);
  // How long that may take while the key still works.
  absl::Duration early_renewal = absl::Seconds(3);
  // A success is reported to the vault again after this long.
  absl::Duration report_again = absl::Minutes(5);
  // The longest try of a key that was just stored.
  absl::Duration try_key = absl::Milliseconds(1800);
  // In place of the limits of the source's profile.
  std::optional<std::vector<CallLimit>> limits = {};
  // Told of each fetch of a user's newest plays that a person waited for, with the number of plays
  // that was asked for, once they are stored. Takes half a second at most; may be empty.
  std::function<void(std::int64_t user_id, int limit, const Fetched& fetched)> on_own_fetch = {};
};

// What a fetch brought.
struct Fetched {
  std::string account;                 // The user's name at the source; may be empty.
  std::vector<songs::v1::Play> plays;  // In the upstream's order, each once; all are stored.
  std::size_t items = 0;               // What the upstream's page held, usable or not.
  StoreCounts counts;                  // What storing the whole page changed.
  // When the fetch began: what the source shows since then may be missing.
  absl::Time asked_at = absl::InfinitePast();
  // The plays that the source has in all; unset if it does not tell.
  std::optional<std::int64_t> total = std::nullopt;
};

// A page of a part of the history.
struct Part {
  int limit = 0;
  int page = 1;  // Counted from the newest plays of the span.
  Span span = {};
};

// Fetches a user's newest plays from a source and stores them: opens the key, renews it if it ends,
// asks the upstream, tries again what is worth it, waits out a rate limit that fits, records what
// was rejected, stores the plays, tells the vault how the key fared. It is the one layer that
// repeats calls to an upstream.
//
// Fetches of one user's newest plays that run at the same time are one fetch: the later callers
// join it and get its result, so a user's retries are never multiplied. A rate limit is remembered
// in the store, so that no process calls again for that key too early. Thread-safe; calls block.
class Engine {
 public:
  // The arguments live longer than the engine. An empty `random` means a real one. Without
  // `budgets` the source's limits are not kept, as in the tests of other things.
  Engine(Source& source, KeyVault& vault, PlaySink& sink, Store& store, Clock& clock,
         Random random = {}, EngineOptions options = {}, BudgetStore* budgets = nullptr);

  // Brings at most `limit` plays, 1 to 1000. Errors, with the texts of the source's profile:
  // FAILED_PRECONDITION without a usable key or when the upstream refuses it; RATE_LIMITED with the
  // wait as the upstream gave it; the profile's unavailable_code after the last try;
  // DEADLINE_EXCEEDED when the time is over before. Those of the neighbours pass through.
  absl::StatusOr<Fetched> Fetch(const rpc::Call& call, std::int64_t user_id, int limit,
                                Priority priority = Priority::kInteractive)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What Fetch is made of, for those who fetch many pages with a key that is opened once. Errors
  // are those of Fetch.
  absl::StatusOr<Credential> OpenKey(const rpc::Call& call, std::int64_t user_id);
  // Brings a page and stores nothing. Changes the credential if it renews it. CauseOf says more of
  // an error of the upstream.
  absl::StatusOr<Page> FetchPage(const rpc::Call& call, std::int64_t user_id,
                                 Credential& credential, const Part& part, Priority priority);
  // Records the rejected items of a page and stores its plays, though everybody may have gone.
  absl::StatusOr<StoreCounts> StorePage(const rpc::Call& call, std::int64_t user_id,
                                        std::string_view origin, const Page& page);

  // Tells the vault that the source took the key, unless it knows.
  void ReportSuccess(const rpc::Call& call, std::int64_t user_id, const Credential& credential);

  // Asks the upstream once whether it takes the user's key, within two seconds, and stores nothing.
  // Nothing is returned if that did not come out: no usable answer in time, a rate limit, no key,
  // or a key that only a renewal could tell about. Errors are the vault's.
  absl::StatusOr<std::optional<bool>> TryKey(const rpc::Call& call, std::int64_t user_id);

  // Returns what is used of the source's limits that bind the user (Budget::Use).
  absl::StatusOr<std::vector<LimitUse>> UseOfLimits(const rpc::Call& call, std::int64_t user_id);

  // The callers that share the fetch of a user that is running now.
  int WaitingCallers(std::int64_t user_id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Flight;

  absl::StatusOr<Fetched> Lead(const std::shared_ptr<Flight>& flight, const rpc::Call& call,
                               std::int64_t user_id, Priority priority) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Fetched> Run(const rpc::Call& call, std::int64_t user_id, int limit,
                              Priority priority, const Urgency& urgency);
  absl::StatusOr<Page> FetchPage(const rpc::Call& call, std::int64_t user_id,
                                 Credential& credential, const Part& part, const Urgency& urgency);
  absl::Status RenewIfEnding(const rpc::Call& call, std::int64_t user_id, absl::Time deadline,
                             Credential& credential);
  void RecordRejected(const rpc::Call& call, std::int64_t user_id, const Page& page);
  absl::Time UpstreamDeadline(const rpc::Call& call);

  Budget budget_;
  const Tools tools_;
  PlaySink& sink_;
  RetryBudget retries_;
  const EngineOptions options_;
  Renewer renewer_;
  absl::Mutex mutex_;
  // The fetches that are running, by user.
  std::map<std::int64_t, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_ENGINE_H_
