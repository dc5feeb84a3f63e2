#ifndef PLAYLOG_COMMON_INGEST_FAKE_STORE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_STORE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/ingest/store.h"
#include "common/testing/fake_row_export.h"

namespace playlog::ingest {

// A Store in memory.
class FakeStore final : public Store {
 public:
  explicit FakeStore(Clock& clock = Clock::System()) : clock_(clock) {}

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
    if (erased_.contains(user_id)) return absl::OkStatus();
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
    if (erased_.contains(user_id)) return absl::OkStatus();
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
    erased_.insert(user_id);
    const std::size_t sign_ins = std::erase_if(
        sign_ins_, [&](const auto& entry) { return entry.second.user_id == user_id; });
    const std::size_t rows =
        rejected_[user_id].size() + limits_.count(user_id) + renewals_.count(user_id) + sign_ins;
    rejected_.erase(user_id);
    limits_.erase(user_id);
    renewals_.erase(user_id);
    return static_cast<std::int64_t>(rows);
  }
  // Without times, but for the number of rows.
  std::unique_ptr<RowExport> Export(std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    ExportedRows rejected{"rejected_items", ""};
    for (const Rejected& row : rejected_[user_id]) {
      rejected.lines += "{\"source\":" + testing::JsonString(row.source) +
                        ",\"reason\":" + testing::JsonString(row.item.reason) +
                        ",\"raw\":" + testing::JsonString(row.item.raw) + "}\n";
    }
    ExportedRows limits{"rate_limits", limits_.contains(user_id) ? "{}\n" : ""};
    ExportedRows sign_ins{"sign_ins", ""};
    for (const auto& [digest, sign_in] : sign_ins_) {
      if (sign_in.user_id == user_id) sign_ins.lines += "{}\n";
    }
    ExportedRows renewals{"renewals", renewals_.contains(user_id) ? "{}\n" : ""};
    return std::make_unique<testing::FakeRowExport>(
        std::vector<ExportedRows>{rejected, limits, sign_ins, renewals});
  }
  absl::StatusOr<bool> ClaimRenewal(std::int64_t user_id, std::string_view holder,
                                    absl::Duration time, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (erased_.contains(user_id)) return false;
    auto& [known, until] = renewals_[user_id];
    if (!known.empty() && known != holder && until > clock_.Now()) return false;
    known = holder;
    until = clock_.Now() + time;
    return true;
  }
  absl::Status ReleaseRenewal(std::int64_t user_id, std::string_view holder, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = renewals_.find(user_id);
    if (found != renewals_.end() && found->second.first == holder) renewals_.erase(found);
    return absl::OkStatus();
  }
  absl::Status AddSignIn(const SignIn& sign_in, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (erased_.contains(sign_in.user_id)) return absl::OkStatus();
    sign_ins_.emplace(sign_in.state_digest, sign_in);
    std::vector<std::pair<absl::Time, std::string>> of_user;
    std::erase_if(sign_ins_, [&](const auto& entry) {
      return entry.second.begun_at < sign_in.begun_at - kSignInKept;
    });
    for (const auto& [digest, known] : sign_ins_) {
      if (known.user_id == sign_in.user_id) of_user.emplace_back(known.begun_at, digest);
    }
    std::sort(of_user.begin(), of_user.end(), std::greater<>());
    for (std::size_t i = kMaxSignInsPerUser; i < of_user.size(); ++i) {
      sign_ins_.erase(of_user[i].second);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<SignIn>> TakeSignIn(std::string_view state_digest,
                                                   absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto taken = sign_ins_.extract(std::string(state_digest));
    if (taken.empty()) return std::nullopt;
    return taken.mapped();
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
  Clock& clock_;
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::set<std::int64_t> erased_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::vector<Rejected>> rejected_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::pair<std::int64_t, absl::Time>> limits_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::pair<std::string, absl::Time>> renewals_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, SignIn> sign_ins_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_STORE_H_
