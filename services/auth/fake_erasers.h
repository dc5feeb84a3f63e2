#ifndef PLAYLOG_SERVICES_AUTH_FAKE_ERASERS_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_ERASERS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "services/auth/erasers.h"

namespace playlog::auth {

// Notes whom it was told to erase.
class FakeErasers final : public Erasers {
 public:
  absl::Status EraseUser(const rpc::Call&, std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    if (failure_.ok()) erased_.push_back(user_id);
    return failure_;
  }

  // Makes every call fail with `status` until it is OK again.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }
  std::vector<std::int64_t> erased() const {
    const absl::MutexLock lock(&mutex_);
    return erased_;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::int64_t> erased_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_ERASERS_H_
