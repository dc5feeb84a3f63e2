#ifndef PLAYLOG_COMMON_INGEST_RETRY_BUDGET_H_
#define PLAYLOG_COMMON_INGEST_RETRY_BUDGET_H_

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace playlog::ingest {

// Keeps those who try again from multiplying the calls to an upstream that fails: of a user's
// pieces of work one in twenty may be tried again, and a reserve beyond that, which is for the
// failures of a good day. Each user has a reserve of its own, so that nobody's failing upstream
// shortens another's tries. Counts for one process, and remembers a bounded number of users.
// Thread-safe.
class RetryBudget {
 public:
  explicit RetryBudget(int reserve) : reserve_(kWorksPerRetry * reserve) {}

  // A piece of the user's work begins, with a first try that needs no leave.
  void CountWork(std::int64_t user_id);
  // Whether there may be one more try, which is counted then.
  bool Take(std::int64_t user_id);

 private:
  static constexpr int kWorksPerRetry = 20;

  const int reserve_;  // As pieces of work.
  absl::Mutex mutex_;
  // What of the reserve is used up, for those whose reserve is not full.
  std::map<std::int64_t, int> used_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_RETRY_BUDGET_H_
