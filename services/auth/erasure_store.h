#ifndef PLAYLOG_SERVICES_AUTH_ERASURE_STORE_H_
#define PLAYLOG_SERVICES_AUTH_ERASURE_STORE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace playlog::auth {

// A deleted user whom the other services have yet to erase.
struct Erasure {
  std::int64_t user_id = 0;
  int attempts = 0;    // With the one that this claim is for.
  absl::Duration age;  // Since the deletion.
};

// The erasures that deletions of users have begun: Store::DeleteUser adds one in the transaction
// that deletes the user. Times are those of the store's own clock, which all processes share. Every
// call ends by its deadline; errors are those of common/db/pool.h. Thread-safe.
class ErasureStore {
 public:
  virtual ~ErasureStore() = default;
  // Claims the erasure that has been due longest, for `time`; nothing if none is due. Of many that
  // claim at once each gets another one. When the time is over the erasure is due again, for
  // whoever had it may have died.
  virtual absl::StatusOr<std::optional<Erasure>> Claim(absl::Time deadline,
                                                       absl::Duration time) = 0;
  // Makes an erasure due again after a pause.
  virtual absl::Status Postpone(absl::Time deadline, std::int64_t user_id,
                                absl::Duration pause) = 0;
  // Ends an erasure for good. Idempotent.
  virtual absl::Status Finish(absl::Time deadline, std::int64_t user_id) = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_ERASURE_STORE_H_
