#ifndef PLAYLOG_SERVICES_AUTH_FAKE_ERASURE_STORE_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_ERASURE_STORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "services/auth/erasure_store.h"
#include "services/auth/fake_store.h"

namespace playlog::auth {

// The erasures in memory, begun by the deletions of a FakeStore.
class FakeErasureStore final : public ErasureStore {
 public:
  explicit FakeErasureStore(FakeStore& store, Clock& clock = Clock::System())
      : store_(store), clock_(clock) {}

  // Makes every call fail with `status` until it is OK again.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }

  absl::StatusOr<std::optional<Erasure>> Claim(absl::Time, absl::Duration time) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    TakeDeletions();
    auto found = rows_.end();
    for (auto row = rows_.begin(); row != rows_.end(); ++row) {
      if (row->second.done || row->second.due_at > clock_.Now()) continue;
      if (found == rows_.end() || row->second.due_at < found->second.due_at) found = row;
    }
    if (found == rows_.end()) return std::nullopt;
    auto& [user_id, row] = *found;
    row.due_at = clock_.Now() + time;
    return Erasure{
        .user_id = user_id, .attempts = ++row.attempts, .age = clock_.Now() - row.requested_at};
  }
  absl::Status Postpone(absl::Time, std::int64_t user_id, absl::Duration pause) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto row = rows_.find(user_id);
    if (row != rows_.end()) row->second.due_at = clock_.Now() + pause;
    return absl::OkStatus();
  }
  absl::Status Finish(absl::Time, std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto row = rows_.find(user_id);
    if (row != rows_.end()) row->second.done = true;
    return absl::OkStatus();
  }

  // Whether no erasure is left to be done.
  bool AllDone() {
    const absl::MutexLock lock(&mutex_);
    TakeDeletions();
    for (const auto& [user_id, row] : rows_) {
      if (!row.done) return false;
    }
    return true;
  }

 private:
  struct Row {
    absl::Time requested_at;
    absl::Time due_at;
    int attempts = 0;
    bool done = false;
  };

  void TakeDeletions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const std::int64_t user_id : store_.DeletedUsers()) {
      rows_.try_emplace(user_id, Row{clock_.Now(), clock_.Now()});
    }
  }

  FakeStore& store_;
  Clock& clock_;
  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, Row> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_ERASURE_STORE_H_
