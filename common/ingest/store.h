#ifndef PLAYLOG_COMMON_INGEST_STORE_H_
#define PLAYLOG_COMMON_INGEST_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/row_export.h"
#include "common/ingest/page.h"

namespace playlog::ingest {

// The most rejected items that are kept of a user; the oldest go first.
inline constexpr int kMaxRejectedItemsPerUser = 1000;
// In place of a user, with the key version 0: all whose keys come from a sign-in. Their calls count
// for our own client id, so that a rate limit of one is a rate limit of all.
inline constexpr std::int64_t kAllSignedIn = 0;
// The most sign-ins that a user has under way; the oldest go first.
inline constexpr int kMaxSignInsPerUser = 10;
// How long a sign-in that nobody completed is kept. Longer than it may be completed, so that one
// who comes too late can be told so.
inline constexpr absl::Duration kSignInKept = absl::Hours(1);

// A sign-in at the source that a user has begun.
struct SignIn {
  std::string state_digest;    // SHA-256 of the state, which is nowhere else.
  std::int64_t user_id = 0;    // Who began it.
  std::string browser_digest;  // SHA-256 of what only the browser knows that began it.
  std::string code_verifier;   // Without it the code is worth nothing, and the other way round.
  absl::Time begun_at;
};

// What an ingest service remembers about users. Thread-safe; every call ends by its deadline.
class Store {
 public:
  virtual ~Store() = default;
  // Keeps rejected items, each (by source and raw text) once, with the time of its last rejection.
  virtual absl::Status RecordRejected(std::int64_t user_id, std::string_view source,
                                      std::span<const RejectedItem> items, absl::Time at,
                                      absl::Time deadline) = 0;
  // Notes that the upstream wants no call with this version of the user's key before `until`. The
  // latest time of a version counts; another version starts afresh. Times are the caller's, and are
  // kept by the store's own clock: replicas whose clocks differ agree on how long is left.
  virtual absl::Status NoteRateLimit(std::int64_t user_id, std::int64_t key_version,
                                     absl::Time until, absl::Time deadline) = 0;
  // Returns that time, or the infinite past if there is none.
  virtual absl::StatusOr<absl::Time> RateLimitedUntil(std::int64_t user_id,
                                                      std::int64_t key_version,
                                                      absl::Time deadline) = 0;
  // Claims for `holder` the right to renew a user's key, for that time by the store's own clock.
  // False if another has claimed it and neither released it nor let its time pass. Whoever has it
  // may claim it again.
  virtual absl::StatusOr<bool> ClaimRenewal(std::int64_t user_id, std::string_view holder,
                                            absl::Duration time, absl::Time deadline) = 0;
  // Gives the claim back; nothing happens if it is no longer the holder's.
  virtual absl::Status ReleaseRenewal(std::int64_t user_id, std::string_view holder,
                                      absl::Time deadline) = 0;
  // Keeps a sign-in that has begun, and drops those that are too old or too many.
  virtual absl::Status AddSignIn(const SignIn& sign_in, absl::Time deadline) = 0;
  // Removes the sign-in of a state and returns it, to one caller alone; nothing if there is none.
  virtual absl::StatusOr<std::optional<SignIn>> TakeSignIn(std::string_view state_digest,
                                                           absl::Time deadline) = 0;
  // Erases all about a user and returns the number of rows. Nothing of the user is ever kept again:
  // what another call is writing is erased too, and what comes later is dropped without an error.
  virtual absl::StatusOr<std::int64_t> EraseUser(std::int64_t user_id, absl::Time deadline) = 0;
  // Gives out a user's `rejected_items`, `rate_limits`, `sign_ins` and `renewals`, but for secrets,
  // and what the other stores of the schema keep. It does not outlive the store.
  virtual std::unique_ptr<RowExport> Export(std::int64_t user_id) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_STORE_H_
