#include "common/ingest/retry_budget.h"

#include <algorithm>

namespace playlog::ingest {

void RetryBudget::CountWork() {
  const absl::MutexLock lock(&mutex_);
  left_tenths_ = std::min(left_tenths_ + 1, reserve_tenths_);
}

bool RetryBudget::Take() {
  const absl::MutexLock lock(&mutex_);
  if (left_tenths_ < 10) return false;
  left_tenths_ -= 10;
  return true;
}

}  // namespace playlog::ingest
