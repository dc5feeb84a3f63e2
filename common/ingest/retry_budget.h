#ifndef PLAYLOG_COMMON_INGEST_RETRY_BUDGET_H_
#define PLAYLOG_COMMON_INGEST_RETRY_BUDGET_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace playlog::ingest {

// Keeps those who try again from multiplying the calls to an upstream that fails: of all pieces of
// work one in ten may be tried again, and a reserve beyond that, which is for the failures of a
// good day. Counts for one process. Thread-safe.
class RetryBudget {
 public:
  explicit RetryBudget(int reserve)
      : reserve_tenths_(std::int64_t{10} * reserve), left_tenths_(reserve_tenths_) {}

  // A piece of work begins, with a first try that needs no leave.
  void CountWork();
  // Whether there may be one more try, which is counted then.
  bool Take();

 private:
  const std::int64_t reserve_tenths_;
  absl::Mutex mutex_;
  std::int64_t left_tenths_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_RETRY_BUDGET_H_
