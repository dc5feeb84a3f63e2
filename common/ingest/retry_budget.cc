#include "common/ingest/retry_budget.h"

#include <cstddef>

namespace playlog::ingest {
namespace {

// Some 5 MB. Beyond, somebody's reserve is full again before its time.
constexpr std::size_t kMaxUsers = 100'000;

}  // namespace

void RetryBudget::CountWork(std::int64_t user_id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = used_.find(user_id);
  if (found != used_.end() && --found->second == 0) used_.erase(found);
}

bool RetryBudget::Take(std::int64_t user_id) {
  const absl::MutexLock lock(&mutex_);
  if (used_.size() >= kMaxUsers && !used_.contains(user_id)) used_.erase(used_.begin());
  const auto found = used_.find(user_id);
  const int used = found == used_.end() ? 0 : found->second;
  if (used + kWorksPerRetry > reserve_) return false;
  used_[user_id] = used + kWorksPerRetry;
  return true;
}

}  // namespace playlog::ingest
