#ifndef PLAYLOG_SERVICES_AUTH_FAKE_STORE_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_STORE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "services/auth/store.h"
#include "services/auth/users.h"

namespace playlog::auth {

// The store in memory, for tests of what stands on it.
class FakeStore final : public Store {
 public:
  // Makes every call fail with `status` until it is OK again.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }
  // Moves the revocations that there are into the past.
  void AgeRevocations(absl::Duration by) {
    const absl::MutexLock lock(&mutex_);
    for (Revocation& revocation : revocations_) revocation.revoked_at -= by;
  }
  void MakeStaff(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    users_.at(user_id).staff = true;
  }

  // The ids of all users who were deleted.
  std::vector<std::int64_t> DeletedUsers() {
    const absl::MutexLock lock(&mutex_);
    return deleted_;
  }

  absl::StatusOr<User> CreateUser(absl::Time, const std::string& name,
                                  const std::string& password_hash) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    if (FindByName(name).has_value()) return UsernameTakenError();
    User user;
    user.id = ++last_id_;
    user.name = name;
    user.password_hash = password_hash;
    return users_[user.id] = user;
  }
  absl::StatusOr<std::optional<User>> FindUserByName(absl::Time, const std::string& name) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    return FindByName(name);
  }
  absl::StatusOr<std::optional<User>> FindUser(absl::Time, std::int64_t id) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto user = users_.find(id);
    return user == users_.end() ? std::nullopt : std::optional<User>(user->second);
  }
  absl::Status ReplacePasswordHash(absl::Time, std::int64_t user_id, const std::string& old_hash,
                                   const std::string& new_hash) override {
    const absl::MutexLock lock(&mutex_);
    const auto user = users_.find(user_id);
    if (user != users_.end() && user->second.password_hash == old_hash) {
      user->second.password_hash = new_hash;
    }
    return failure_;
  }
  absl::Status DeleteUser(absl::Time, std::int64_t user_id, const std::string& subject) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    if (const auto user = users_.find(user_id); user != users_.end()) {
      Revoke({.user_id = user_id, .minimum_token_version = user->second.token_version + 1});
      users_.erase(user);
      deleted_.push_back(user_id);
    }
    failures_.erase(subject);
    std::erase_if(families_, [&](const Family& family) { return family.user_id == user_id; });
    return absl::OkStatus();
  }

  absl::Status ChangePassword(absl::Time, const User& seen, const std::string& new_hash,
                              std::int64_t kept_session, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto user = users_.find(seen.id);
    if (user == users_.end() || user->second.password_version != seen.password_version) {
      return WrongCredentialsError();
    }
    user->second.password_hash = new_hash;
    ++user->second.password_version;
    EndWhere([&](const Family& f) { return f.user_id == seen.id && f.id != kept_session; });
    return absl::OkStatus();
  }

  absl::StatusOr<Session> AddRefreshFamily(absl::Time, const User& seen,
                                           const RefreshTokenHash& token, absl::Time,
                                           absl::Time expires_at) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto user = users_.find(seen.id);
    if (user == users_.end() || user->second.password_version != seen.password_version) {
      return WrongCredentialsError();
    }
    const auto is_of_user = [&](const Family& f) { return f.user_id == seen.id && !f.revoked; };
    if (std::count_if(families_.begin(), families_.end(), is_of_user) == kFamiliesMax) {
      End(*std::find_if(families_.begin(), families_.end(), is_of_user));
    }
    families_.push_back({++last_id_, seen.id, token, expires_at});
    return Session{.id = last_id_, .user = user->second};
  }
  absl::StatusOr<RefreshOutcome> RotateRefreshToken(absl::Time, const RefreshTokenHash& token,
                                                    const RefreshTokenHash& next,
                                                    absl::Time now) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto family = std::find_if(
        families_.begin(), families_.end(),
        [&](const Family& candidate) { return candidate.newest.family == token.family; });
    if (family == families_.end() || family->revoked) return RefreshOutcome{};
    if (family->newest.token != token.token || family->expires_at <= now) {
      End(*family);
      return RefreshOutcome{.reused_from = family->expires_at > now ? family->user_id : 0};
    }
    family->newest = next;
    return RefreshOutcome{.session = Session{.id = family->id, .user = users_.at(family->user_id)}};
  }
  absl::Status EndSession(absl::Time, std::int64_t user_id, std::int64_t session_id,
                          absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    EndWhere([&](const Family& f) { return f.user_id == user_id && f.id == session_id; });
    return absl::OkStatus();
  }
  absl::Status EndAllSessions(absl::Time, std::int64_t user_id, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    if (const auto user = users_.find(user_id); user != users_.end()) {
      Revoke({.user_id = user_id, .minimum_token_version = ++user->second.token_version});
    }
    EndWhere([&](const Family& f) { return f.user_id == user_id; });
    return absl::OkStatus();
  }
  absl::StatusOr<bool> IsSessionGood(absl::Time, std::int64_t user_id, std::int64_t session_id,
                                     std::int64_t token_version) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto user = users_.find(user_id);
    return user != users_.end() && user->second.token_version <= token_version &&
           std::any_of(families_.begin(), families_.end(), [&](const Family& f) {
             return f.id == session_id && f.user_id == user_id && !f.revoked;
           });
  }
  absl::StatusOr<RevocationPage> ListRevocations(absl::Time,
                                                 std::optional<absl::Time> since) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    RevocationPage page{.revocations = {}, .as_of = absl::Now()};
    const absl::Time from =
        std::max(std::min(since.value_or(absl::InfinitePast()), page.as_of) - kRevocationsOverlap,
                 page.as_of - kRevocationsKept);
    for (const Revocation& revocation : revocations_) {
      if (revocation.revoked_at >= from) page.revocations.push_back(revocation);
    }
    return page;
  }

  absl::StatusOr<LoginFailures> CountLoginFailures(absl::Time, const std::string& subject,
                                                   absl::Time since, int limit) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<absl::Time> times = failures_[subject];
    std::erase_if(times, [&](absl::Time time) { return time <= since; });
    std::sort(times.rbegin(), times.rend());
    times.resize(std::min(times.size(), static_cast<std::size_t>(limit)));
    return LoginFailures{.count = static_cast<int>(times.size()),
                         .oldest = times.empty() ? absl::InfinitePast() : times.back()};
  }
  absl::Status AddLoginFailure(absl::Time, const std::string& subject, absl::Time now,
                               absl::Time forget_before) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    std::erase_if(failures_[subject], [&](absl::Time time) { return time <= forget_before; });
    failures_[subject].push_back(now);
    return absl::OkStatus();
  }
  absl::Status ClearLoginFailures(absl::Time, const std::string& subject) override {
    const absl::MutexLock lock(&mutex_);
    failures_.erase(subject);
    return failure_;
  }

 private:
  struct Family {
    std::int64_t id;
    std::int64_t user_id;
    RefreshTokenHash newest;
    absl::Time expires_at;
    bool revoked = false;
  };

  void Revoke(Revocation revocation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    revocation.revoked_at = absl::Now();
    revocations_.push_back(revocation);
  }
  void End(Family& family) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    family.revoked = true;
    Revoke({.user_id = family.user_id, .session_id = family.id});
  }
  template <class Predicate>
  void EndWhere(Predicate predicate) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Family& family : families_) {
      if (!family.revoked && predicate(family)) End(family);
    }
  }

  std::optional<User> FindByName(const std::string& name) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    for (const auto& [id, user] : users_) {
      if (FoldUsername(user.name) == FoldUsername(name)) return user;
    }
    return std::nullopt;
  }

  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::int64_t, User> users_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::int64_t> deleted_ ABSL_GUARDED_BY(mutex_);
  std::vector<Family> families_ ABSL_GUARDED_BY(mutex_);
  std::vector<Revocation> revocations_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<absl::Time>> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_STORE_H_
