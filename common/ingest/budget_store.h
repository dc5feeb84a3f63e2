#ifndef PLAYLOG_COMMON_INGEST_BUDGET_STORE_H_
#define PLAYLOG_COMMON_INGEST_BUDGET_STORE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ingest/call_limit.h"

namespace playlog::ingest {

// The bytes of the name of a call.
inline constexpr std::size_t kCallNameBytes = 16;
// Whoever waits is told to ask again after this long at the latest: so others know that it lives.
inline constexpr absl::Duration kLongestPause = absl::Seconds(1);
// Who is later than that by this much is passed over until it asks again.
inline constexpr absl::Duration kLateness = absl::Milliseconds(300);

// Asks for a place in the budget of a subject, which is what one call to the upstream takes.
struct PlaceRequest {
  std::string name = {};                   // The call's own: kCallNameBytes random bytes.
  std::string subject = {};                // Whom the upstream counts calls for: 1 to 64 bytes.
  std::int64_t user_id = 0;                // For whom the call is made.
  bool interactive = false;                // Goes before all that are not.
  std::span<const CallLimit> limits = {};  // At least one.
  absl::Duration lease = {};               // Longer than the call can take.
  absl::Duration max_wait = {};            // Not worth waiting for if it takes longer.
};

struct PlaceAnswer {
  enum class Kind {
    kGranted,  // The call can begin.
    kWait,     // Ask again after the wait.
    kRefused,  // No place can be free within max_wait; the wait says when one can be.
  };
  Kind kind = Kind::kGranted;
  absl::Duration wait = {};  // With kGranted zero.
  bool operator==(const PlaceAnswer&) const = default;
};

// The calls to an upstream that its limits still count, and who waits for a place among them. The
// limits hold as the upstream sees them: a call arrives there some time between its beginning and
// its end, so its place is taken from the one and is free again a whole window after the other. Of
// a process that died, the lease stands for the end. All times are the store's own, so that any
// number of replicas share it.
//
// Those who wait are served in this order: interactive ones first; then the users in turn, the one
// whose last call is the longest ago before the others; of one user, who has waited longest. A
// place that comes free is kept for whoever is first until that one is late.
//
// Thread-safe; every call ends by its deadline. Errors are those of db::Pool.
class BudgetStore {
 public:
  virtual ~BudgetStore() = default;
  // Takes a place, or waits in line for it. The same request may be repeated at any time: who has
  // the place keeps it, who waits keeps waiting. Refuses every place to an erased user.
  virtual absl::StatusOr<PlaceAnswer> Take(const PlaceRequest& request, absl::Time deadline) = 0;
  // Says that the call ended, or ends that much later at the latest.
  virtual absl::Status End(const std::string& name, absl::Duration later, absl::Time deadline) = 0;
  // Gives back a place that was not used, or stops waiting for one.
  virtual absl::Status Leave(const std::string& name, absl::Time deadline) = 0;
  // Returns for each limit the calls that count now, of the subject that the user's latest call
  // counted for; zeros if no call of the user counts any more.
  virtual absl::StatusOr<std::vector<int>> CountUsed(std::int64_t user_id,
                                                     std::span<const CallLimit> limits,
                                                     absl::Time deadline) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_BUDGET_STORE_H_
