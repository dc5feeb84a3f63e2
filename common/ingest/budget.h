#ifndef PLAYLOG_COMMON_INGEST_BUDGET_H_
#define PLAYLOG_COMMON_INGEST_BUDGET_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/ingest/budget_store.h"
#include "common/ingest/call_limit.h"
#include "common/ingest/source.h"
#include "common/rpc/call.h"

namespace playlog::ingest {

// Who waits for a call.
enum class Priority {
  kInteractive,  // A person.
  kBackground,
};
// Tells the priority of work that may become more urgent while it waits. Thread-safe.
using Urgency = std::function<Priority()>;

// A limit and the calls that it counts now.
struct LimitUse {
  CallLimit limit;
  int used = 0;
  bool operator==(const LimitUse&) const = default;
};

// Makes calls to an upstream wait until its limits allow them. Thread-safe; calls block.
class Budget {
 public:
  // A place for one call. Destroying it ends the call.
  class Place {
   public:
    Place() = default;
    ~Place() { End(false); }
    Place(Place&& other) noexcept { *this = std::move(other); }
    Place& operator=(Place&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(name_, other.name_);
      return *this;
    }

    // The call has ended; without an answer, it may still be on its way for a moment.
    void End(bool answered);
    // There was no call.
    void GiveBack();

   private:
    friend class Budget;
    Place(Budget* budget, std::string name) : budget_(budget), name_(std::move(name)) {}

    Budget* budget_ = nullptr;  // Null if there is nothing to end.
    std::string name_;
  };

  // No limits: nothing waits, and the store is never asked. `store`, which may then be null, and
  // the other references live longer.
  Budget(BudgetStore* store, const SourceProfile& profile, std::vector<CallLimit> limits,
         Clock& clock);

  // Waits for a place for a call that takes until `deadline` at most. RATE_LIMITED as soon as it is
  // clear that there is none before, with the time until there may be one; CANCELLED when nobody
  // waits for `call` any more; the store's errors, after which no call may be made.
  absl::StatusOr<Place> Take(const rpc::Call& call, const std::string& subject,
                             std::int64_t user_id, const Urgency& urgency, absl::Time deadline);

  // Returns what is used of each limit that binds the user, as far as the user's own latest calls
  // tell: a limit that is shared counts the calls of all who share it.
  absl::StatusOr<std::vector<LimitUse>> Use(std::int64_t user_id, absl::Time deadline);

 private:
  // Waits in line until `answer` can be asked for again; false if nobody wants it any more.
  bool Pause(const rpc::Call& call, absl::Duration wait, const Urgency& urgency, bool interactive);
  void CountTaken(bool interactive, absl::Duration waited);
  void CountRefused(bool interactive);
  absl::Time StoreDeadline();

  BudgetStore* const store_;
  const SourceProfile& profile_;
  const std::vector<CallLimit> limits_;
  const std::vector<CallLimit> kept_limits_;  // What is asked of the store.
  Clock& clock_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_BUDGET_H_
