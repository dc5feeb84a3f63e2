#ifndef PLAYLOG_COMMON_INGEST_FAKE_JOB_STORE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_JOB_STORE_H_

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/ingest/job_store.h"

namespace playlog::ingest {

// A JobStore in memory.
class FakeJobStore final : public JobStore {
 public:
  explicit FakeJobStore(Clock& clock = Clock::System()) : clock_(clock) {}

  absl::StatusOr<Job> Start(std::int64_t user_id, const Span& span, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    int open = 0;
    for (const auto& [number, row] : rows_) {
      if (row.job.state != Job::State::kOpen) continue;
      if (row.job.user_id == user_id) return Shown(row);
      ++open;
    }
    if (open >= kOpenJobsMax) {
      return Error(errors::v1::ERROR_CODE_OVERLOADED, "Too many jobs are under way",
                   "Try again later");
    }
    if (erased_.contains(user_id)) return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such user");
    Row& row = rows_[++last_number_];
    row.job.number = last_number_;
    row.job.user_id = user_id;
    row.job.span = span;
    row.job.created_at = clock_.Now();
    row.due_at = clock_.Now();
    Trim(user_id);
    return Shown(row);
  }
  absl::StatusOr<std::vector<Job>> List(std::int64_t user_id, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    std::vector<Job> jobs;
    for (const auto& [number, row] : rows_) {
      if (row.job.user_id == user_id) jobs.insert(jobs.begin(), Shown(row));
    }
    return jobs;
  }
  absl::StatusOr<std::optional<Job>> Find(std::int64_t user_id, std::int64_t number,
                                          absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(number);
    if (found == rows_.end() || found->second.job.user_id != user_id) return std::nullopt;
    return Shown(found->second);
  }
  absl::StatusOr<bool> Cancel(std::int64_t user_id, std::int64_t number, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(number);
    if (found == rows_.end() || found->second.job.user_id != user_id) return false;
    Job& job = found->second.job;
    if (job.state != Job::State::kOpen) return true;
    job.state = Job::State::kCancelled;
    job.ended_at = clock_.Now();
    found->second.holder.clear();
    return true;
  }
  absl::StatusOr<std::optional<Job>> Claim(std::string_view holder, absl::Duration time,
                                           absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    Row* next = nullptr;
    for (auto& [number, row] : rows_) {
      const bool due = row.job.state == Job::State::kOpen && row.due_at <= clock_.Now();
      if (!due || IsHeld(row)) continue;
      if (next == nullptr || row.due_at < next->due_at) next = &row;
    }
    if (next == nullptr) return std::nullopt;
    if (!next->holder.empty()) next->job.walk.steady = false;
    next->holder = holder;
    next->held_until = clock_.Now() + time;
    return Shown(*next);
  }
  absl::StatusOr<bool> Save(const Job& job, std::string_view holder, const JobFate& fate,
                            absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = rows_.find(job.number);
    if (found == rows_.end() || found->second.holder != holder) return false;
    Row& row = found->second;
    ++saves_;
    const absl::Time created_at = row.job.created_at;
    row.job = job;
    row.job.created_at = created_at;
    if (job.state != Job::State::kOpen) row.job.ended_at = clock_.Now();
    if (fate.kind == JobFate::Kind::kHold) {
      row.held_until = clock_.Now() + fate.time;
    } else {
      row.holder.clear();
      row.due_at = clock_.Now() + fate.time;
    }
    return true;
  }

  // What PostgreSQL does by Store::EraseUser.
  void Erase(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    erased_.insert(user_id);
    std::erase_if(rows_, [&](const auto& entry) { return entry.second.job.user_id == user_id; });
  }
  // Makes every call fail from now on.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  int saves() {
    const absl::MutexLock lock(&mutex_);
    return saves_;
  }

 private:
  struct Row {
    Job job;
    std::string holder;  // Empty: nobody.
    absl::Time held_until;
    absl::Time due_at;
  };

  bool IsHeld(const Row& row) { return !row.holder.empty() && row.held_until > clock_.Now(); }
  Job Shown(const Row& row) {
    Job job = row.job;
    job.running = job.state == Job::State::kOpen && IsHeld(row);
    return job;
  }
  void Trim(std::int64_t user_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto surplus =
        std::count_if(rows_.begin(), rows_.end(),
                      [&](const auto& entry) { return entry.second.job.user_id == user_id; }) -
        kJobsPerUserMax;
    std::erase_if(rows_, [&](const auto& entry) {
      return entry.second.job.user_id == user_id && surplus-- > 0;
    });
  }

  Clock& clock_;
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::set<std::int64_t> erased_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, Row> rows_ ABSL_GUARDED_BY(mutex_);
  std::int64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  int saves_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_JOB_STORE_H_
