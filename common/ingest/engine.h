#ifndef PLAYLOG_COMMON_INGEST_ENGINE_H_
#define PLAYLOG_COMMON_INGEST_ENGINE_H_

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
#include "common/ingest/neighbours.h"
#include "common/ingest/source.h"
#include "common/ingest/store.h"
#include "common/rpc/call.h"

namespace playlog::ingest {

struct EngineOptions {
  // Tries of an upstream's transient fault, and answers of a rate limit, in one fetch.
  int max_tries = 3;
  // The pause before the second try, and twice that before the third; each times 0.5 to 1.5.
  absl::Duration first_pause = absl::Milliseconds(400);
  // The wait after a rate limit that says nothing usable, plus up to a tenth of it.
  absl::Duration default_retry_after = absl::Seconds(30);
  // The longest fetch where the caller sets no earlier deadline.
  absl::Duration max_fetch = absl::Seconds(29);
  // What is kept of the caller's time to store the plays and to answer; at most a quarter of it.
  absl::Duration reserve = absl::Milliseconds(1500);
};

// What a fetch brought.
struct Fetched {
  std::string account;                 // The user's name at the source; may be empty.
  std::vector<songs::v1::Play> plays;  // In the upstream's order, each once; all are stored.
};

// Fetches a user's newest plays from a source and stores them: opens the key, asks the upstream,
// tries again what is worth it, waits out a rate limit that fits, records what was rejected, stores
// the plays. It is the one layer that repeats calls to an upstream.
//
// Fetches of one user that run at the same time are one fetch: the later callers join it and get
// its result, so a user's retries are never multiplied. A rate limit is remembered in the store, so
// that no process calls again for that key too early. Thread-safe; calls block.
class Engine {
 public:
  // Returns numbers from 0 up to but not including 1. Thread-safe.
  using Random = std::function<double()>;

  // The arguments live longer than the engine. An empty `random` means a real one.
  Engine(Source& source, KeyVault& vault, PlaySink& sink, Store& store, Clock& clock,
         Random random = {}, EngineOptions options = {});

  // Brings at most `limit` plays, 1 to 1000. Errors, with the texts of the source's profile:
  // FAILED_PRECONDITION without a usable key or when the upstream refuses it; RATE_LIMITED with the
  // wait as the upstream gave it; the profile's unavailable_code after the last try;
  // DEADLINE_EXCEEDED when the time is over before. Those of the neighbours pass through.
  absl::StatusOr<Fetched> Fetch(const rpc::Call& call, std::int64_t user_id, int limit)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The callers that share the fetch of a user that is running now.
  int WaitingCallers(std::int64_t user_id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Flight;
  struct Attempts;

  absl::StatusOr<Fetched> Lead(const std::shared_ptr<Flight>& flight, const rpc::Call& call,
                               std::int64_t user_id) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Fetched> Run(const rpc::Call& call, std::int64_t user_id, int limit);
  absl::StatusOr<Page> FetchPage(const rpc::Call& call, std::int64_t user_id,
                                 const Credential& credential, int limit);
  // Decides after a failed try: OK to try again, after the wait that it has made.
  absl::Status AfterFailure(const UpstreamFailure& failure, Attempts& attempts);
  absl::Status AfterRateLimit(const UpstreamFailure& failure, Attempts& attempts);
  absl::Status WaitOutKnownLimit(Attempts& attempts);
  // Waits unless the wait would end after the deadline, or the callers go away meanwhile.
  bool Wait(absl::Duration duration, const Attempts& attempts);
  void RecordRejected(const rpc::Call& call, std::int64_t user_id, const Page& page);
  void Count(const rpc::Call& call, std::string_view outcome);
  absl::Time UpstreamDeadline(const rpc::Call& call);
  absl::Time StoreDeadline(const rpc::Call& call);

  absl::Status Unavailable() const;
  absl::Status TooLate() const;
  absl::Status RateLimited(absl::Duration retry_after) const;

  Source& source_;
  KeyVault& vault_;
  PlaySink& sink_;
  Store& store_;
  Clock& clock_;
  const Random random_;
  const EngineOptions options_;
  absl::Mutex mutex_;
  // The fetches that are running, by user.
  std::map<std::int64_t, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_ENGINE_H_
