#ifndef PLAYLOG_COMMON_INGEST_FAKE_STORE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_STORE_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/ingest/store.h"

namespace playlog::ingest {

// A Store in memory.
class FakeStore final : public Store {
 public:
  struct Rejected {
    std::string source;
    RejectedItem item;
    absl::Time at;
  };

  absl::Status RecordRejected(std::int64_t user_id, std::string_view source,
                              std::span<const RejectedItem> items, absl::Time at,
                              absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    std::vector<Rejected>& known = rejected_[user_id];
    for (const RejectedItem& item : items) {
      std::erase_if(known, [&](const Rejected& old) {
        return old.source == source && old.item.raw == item.raw;
      });
      known.push_back({std::string(source), item, at});
    }
    std::stable_sort(known.begin(), known.end(),
                     [](const Rejected& a, const Rejected& b) { return a.at < b.at; });
    const auto surplus = static_cast<std::ptrdiff_t>(known.size()) - kMaxRejectedItemsPerUser;
    if (surplus > 0) known.erase(known.begin(), known.begin() + surplus);
    return absl::OkStatus();
  }
  absl::Status NoteRateLimit(std::int64_t user_id, std::int64_t key_version, absl::Time until,
                             absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    auto& [version, known] = limits_[user_id];
    known = version == key_version ? std::max(known, until) : until;
    version = key_version;
    return absl::OkStatus();
  }
  absl::StatusOr<absl::Time> RateLimitedUntil(std::int64_t user_id, std::int64_t key_version,
                                              absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = limits_.find(user_id);
    if (found == limits_.end() || found->second.first != key_version) return absl::InfinitePast();
    return found->second.second;
  }
  absl::StatusOr<std::int64_t> EraseUser(std::int64_t user_id, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const std::size_t rows = rejected_[user_id].size() + limits_.count(user_id);
    rejected_.erase(user_id);
    limits_.erase(user_id);
    return static_cast<std::int64_t>(rows);
  }

  // What is kept of a user, oldest first.
  std::vector<Rejected> rejected(std::int64_t user_id) const {
    const absl::MutexLock lock(&mutex_);
    const auto found = rejected_.find(user_id);
    return found == rejected_.end() ? std::vector<Rejected>() : found->second;
  }
  // Makes every call fail from now on.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::vector<Rejected>> rejected_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::pair<std::int64_t, absl::Time>> limits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_STORE_H_
