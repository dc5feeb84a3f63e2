#ifndef PLAYLOG_COMMON_INGEST_FAKE_SCHEDULE_STORE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_SCHEDULE_STORE_H_

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/ingest/schedule_store.h"

namespace playlog::ingest {

// A ScheduleStore in memory.
class FakeScheduleStore final : public ScheduleStore {
 public:
  explicit FakeScheduleStore(Clock& clock = Clock::System()) : clock_(clock) {}

  absl::Status NoteKey(const NotedKey& key, absl::Duration first_run_in, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (erased_.contains(key.user_id)) return absl::OkStatus();
    const Row old = rows_[key.user_id];
    Row& row = rows_[key.user_id];
    row = Row{};
    row.schedule = {.user_id = key.user_id,
                    .enabled = old.schedule.enabled,
                    .key_state = key.state,
                    .next_run_at = clock_.Now() + first_run_in,
                    .last_run_at = old.schedule.last_run_at,
                    .last_success_at = old.schedule.last_success_at,
                    .plays_added = old.schedule.plays_added,
                    .interval = old.schedule.interval};
    row.key_version = key.version;
    row.noted_at = clock_.Now();
    row.progress.interval = old.schedule.interval;
    row.progress.rhythm = old.progress.rhythm;
    return absl::OkStatus();
  }
  // Takes the middle of the two times.
  absl::StatusOr<ListedCounts> NoteListed(const ListedKeys& listed, absl::Duration first_run_in,
                                          absl::Duration first_run_latest, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    ListedCounts counts;
    const absl::Time first_run_at = clock_.Now() + (first_run_in + first_run_latest) / 2;
    std::set<std::int64_t> present;
    for (const ListedKey& key : listed.keys) {
      present.insert(key.user_id);
      counts.noted += NoteOne(key, first_run_at) ? 1 : 0;
    }
    for (auto& [user_id, row] : rows_) {
      if (user_id <= listed.after_user_id || present.contains(user_id)) continue;
      if (listed.last_user_id.has_value() && user_id > *listed.last_user_id) continue;
      if (!row.schedule.key_state.has_value() || IsFresh(row)) continue;
      row.schedule.key_state = std::nullopt;
      row.key_version = 0;
      ++counts.gone;
    }
    return counts;
  }

  absl::StatusOr<std::vector<ClaimedUser>> Claim(std::string_view holder, int limit,
                                                 absl::Duration lease, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    std::vector<ClaimedUser> claimed;
    for (auto& [next_run_at, row] : Due()) {
      if (std::ssize(claimed) == limit || row->claimed_until > clock_.Now()) continue;
      row->holder = holder;
      row->claimed_until = clock_.Now() + lease;
      claimed.push_back({.user_id = row->schedule.user_id,
                         .holder = std::string(holder),
                         .late = clock_.Now() - next_run_at,
                         .failures = row->failures,
                         .progress = row->progress});
    }
    return claimed;
  }
  absl::StatusOr<bool> Finish(const ClaimedUser& claimed, const RunRecord& record,
                              absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(claimed.user_id);
    if (found == rows_.end() || found->second.holder != claimed.holder) return false;
    Row& row = found->second;
    Unclaim(row);
    Schedule& schedule = row.schedule;
    schedule.last_run_at = clock_.Now();
    if (record.succeeded) schedule.last_success_at = clock_.Now();
    row.failures = record.succeeded ? 0 : row.failures + 1;
    schedule.last_error = record.error;
    schedule.plays_added += record.plays_added;
    schedule.next_run_at = clock_.Now() + record.next_run_in;
    schedule.interval = record.progress.interval;
    schedule.limited_until = std::nullopt;
    if (record.limited_for.has_value()) {
      schedule.limited_until = clock_.Now() + *record.limited_for;
    }
    row.progress = record.progress;
    NoteRun(record.key, row);
    return true;
  }
  absl::Status Release(std::int64_t user_id, std::string_view holder, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(user_id);
    if (found != rows_.end() && found->second.holder == holder) Unclaim(found->second);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Schedule>> Find(std::int64_t user_id, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(user_id);
    if (found == rows_.end()) return std::nullopt;
    return found->second.schedule;
  }
  absl::StatusOr<std::optional<Schedule>> SetEnabled(std::int64_t user_id, bool enabled,
                                                     absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(user_id);
    if (found == rows_.end()) return std::nullopt;
    Schedule& schedule = found->second.schedule;
    if (enabled && !schedule.enabled) {
      schedule.next_run_at = std::max(schedule.next_run_at, clock_.Now());
    }
    schedule.enabled = enabled;
    return schedule;
  }
  absl::StatusOr<DueUsers> CountDue(absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto due = Due();
    if (due.empty()) return DueUsers();
    return DueUsers{.count = std::ssize(due), .oldest = clock_.Now() - due.begin()->first};
  }

  void EraseUser(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    erased_.insert(user_id);
    rows_.erase(user_id);
  }
  // Makes every call fail from now on.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  SyncProgress progress(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    return rows_[user_id].progress;
  }

 private:
  struct Row {
    Schedule schedule;
    std::int64_t key_version = 0;
    absl::Time noted_at = absl::InfinitePast();
    std::string holder;
    absl::Time claimed_until = absl::InfinitePast();
    int failures = 0;
    SyncProgress progress;
  };

  static bool IsRefused(const std::optional<auth::v1::KeyState>& state) {
    return !state.has_value() || *state == auth::v1::KEY_STATE_REJECTED ||
           *state == auth::v1::KEY_STATE_NEEDS_SIGN_IN;
  }
  bool IsFresh(const Row& row) { return row.noted_at >= clock_.Now() - kListedKeyLag; }
  static void Unclaim(Row& row) {
    row.holder.clear();
    row.claimed_until = absl::InfinitePast();
  }
  bool NoteOne(const ListedKey& key, absl::Time first_run_at)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (erased_.contains(key.user_id)) return false;
    const auto [found, added] = rows_.try_emplace(key.user_id);
    Row& row = found->second;
    if (added) {
      row.schedule.user_id = key.user_id;
      row.schedule.next_run_at = first_run_at;
    } else if (IsFresh(row) ||
               (row.key_version == key.version && row.schedule.key_state == key.state)) {
      return false;
    } else if (IsRefused(row.schedule.key_state) && !IsRefused(key.state)) {
      row.schedule.next_run_at = std::min(row.schedule.next_run_at, first_run_at);
    }
    row.key_version = key.version;
    row.schedule.key_state = key.state;
    return true;
  }
  void NoteRun(RunRecord::Key key, Row& row) {
    std::optional<auth::v1::KeyState>& state = row.schedule.key_state;
    if (key == RunRecord::Key::kUnchanged) return;
    row.noted_at = clock_.Now();
    if (key == RunRecord::Key::kMissing) {
      row.key_version = 0;
      state = std::nullopt;
    } else if (key == RunRecord::Key::kOk && state != auth::v1::KEY_STATE_EXPIRING) {
      state = auth::v1::KEY_STATE_OK;
    } else if (key == RunRecord::Key::kRejected && state != auth::v1::KEY_STATE_NEEDS_SIGN_IN) {
      state = auth::v1::KEY_STATE_REJECTED;
    }
  }
  // Who is due, claimed or not, in order.
  std::multimap<absl::Time, Row*> Due() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::multimap<absl::Time, Row*> due;
    for (auto& [user_id, row] : rows_) {
      if (row.schedule.enabled && row.schedule.next_run_at <= clock_.Now()) {
        due.emplace(row.schedule.next_run_at, &row);
      }
    }
    return due;
  }

  Clock& clock_;
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::set<std::int64_t> erased_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, Row> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_SCHEDULE_STORE_H_
