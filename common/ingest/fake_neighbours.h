#ifndef PLAYLOG_COMMON_INGEST_FAKE_NEIGHBOURS_H_
#define PLAYLOG_COMMON_INGEST_FAKE_NEIGHBOURS_H_

#include <map>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/error.h"
#include "common/ingest/neighbours.h"

namespace playlog::ingest {

// A KeyVault in memory.
class FakeKeyVault final : public KeyVault {
 public:
  void Put(std::int64_t user_id, Credential credential) {
    const absl::MutexLock lock(&mutex_);
    credentials_[user_id] = std::move(credential);
  }
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  absl::StatusOr<Credential> Open(const rpc::Call&, std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = credentials_.find(user_id);
    if (found == credentials_.end()) return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No key");
    return found->second;
  }

 private:
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, Credential> credentials_ ABSL_GUARDED_BY(mutex_);
};

// A PlaySink in memory, which keeps what it is given in the order of arrival.
class FakePlaySink final : public PlaySink {
 public:
  absl::Status Store(const rpc::Call&, std::int64_t user_id,
                     const std::vector<songs::v1::Play>& plays) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    std::vector<songs::v1::Play>& stored = plays_[user_id];
    stored.insert(stored.end(), plays.begin(), plays.end());
    return absl::OkStatus();
  }
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  std::vector<songs::v1::Play> plays(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    return plays_[user_id];
  }

 private:
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::vector<songs::v1::Play>> plays_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_NEIGHBOURS_H_
