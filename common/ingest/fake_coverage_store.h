#ifndef PLAYLOG_COMMON_INGEST_FAKE_COVERAGE_STORE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_COVERAGE_STORE_H_

#include <map>
#include <set>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/ingest/coverage_store.h"

namespace playlog::ingest {

// A CoverageStore in memory.
class FakeCoverageStore final : public CoverageStore {
 public:
  absl::StatusOr<std::optional<KnownCoverage>> LoadCoverage(std::int64_t user_id,
                                                            absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = known_.find(user_id);
    if (found == known_.end()) return std::nullopt;
    return found->second;
  }
  absl::StatusOr<bool> SaveCoverage(std::int64_t user_id, std::int64_t version,
                                    const Coverage& coverage, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (erased_.contains(user_id)) return false;
    KnownCoverage& known = known_[user_id];
    if (known.version != version) return false;
    known.coverage = coverage;
    ++known.version;
    return true;
  }
  absl::Status SaveCount(std::int64_t user_id, const SourceCount& count, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (erased_.contains(user_id)) return absl::OkStatus();
    std::optional<SourceCount>& known = known_[user_id].count;
    if (!known.has_value() || known->counted_at < count.counted_at) known = count;
    return absl::OkStatus();
  }

  // What EraseUser of the service's Store does to a coverage.
  void Erase(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    known_.erase(user_id);
    erased_.insert(user_id);
  }
  // Makes every call fail from now on.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }

 private:
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::set<std::int64_t> erased_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, KnownCoverage> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_COVERAGE_STORE_H_
