#ifndef PLAYLOG_SERVICES_AUTH_FAKE_AUDIT_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_AUDIT_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/status_macros.h"
#include "services/auth/audit.h"
#include "services/auth/fake_store.h"

namespace playlog::auth {

// The events of the users of a FakeStore, in memory, for tests of what writes them. Fails whenever
// that store does.
class FakeAudit final : public Audit {
 public:
  explicit FakeAudit(FakeStore& users) : users_(users) {}

  // Makes every call fail with `status` until it is OK again.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }
  // All events that were ever written, oldest first.
  std::vector<AuditEvent> Written() {
    const absl::MutexLock lock(&mutex_);
    return events_;
  }

  absl::Status Write(absl::Time, const AuditEvent& event) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(event.user_id));
    if (!known) return AuditedUserGoneError();
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    events_.push_back(event);
    events_.back().id = ++last_id_;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<AuditEvent>> List(absl::Time, std::int64_t user_id,
                                               std::optional<std::int64_t> before,
                                               int limit) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(user_id));
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<AuditEvent> newest;
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (!known || event->user_id != user_id || (before && event->id >= *before)) continue;
      if (std::ssize(newest) == std::min(limit, kEventsMax)) break;
      newest.push_back(*event);
    }
    return newest;
  }
  absl::StatusOr<std::vector<AuditEvent>> ListAll(absl::Time, const AuditQuery& query) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<AuditEvent> newest;
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (query.user_id.value_or(event->user_id) != event->user_id ||
          query.action.value_or(event->action) != event->action ||
          (query.before.has_value() && event->id >= *query.before)) {
        continue;
      }
      if (std::ssize(newest) == query.limit) break;
      newest.push_back(*event);
    }
    return newest;
  }

 private:
  absl::StatusOr<bool> UserExists(std::int64_t user_id) {
    PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                             users_.FindUser(absl::InfiniteFuture(), user_id));
    return user.has_value();
  }

  FakeStore& users_;
  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<AuditEvent> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_AUDIT_H_
