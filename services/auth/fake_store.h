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
#include "common/base/error.h"
#include "common/jwt/jwt.h"
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
  // Changes a stored blob, as somebody with the database could.
  void Tamper(std::int64_t user_id, const std::string& service_name) {
    const absl::MutexLock lock(&mutex_);
    keys_.at({user_id, service_name}).blob.back() ^= 1;
  }
  void MakeStaff(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    users_.at(user_id).staff = true;
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
    users_.erase(user_id);
    failures_.erase(subject);
    std::erase_if(keys_, [&](const auto& key) { return key.first.first == user_id; });
    std::erase_if(families_, [&](const Family& family) { return family.user_id == user_id; });
    return absl::OkStatus();
  }

  absl::Status AddRefreshFamily(absl::Time, std::int64_t user_id, const RefreshTokenHash& token,
                                absl::Time, absl::Time expires_at) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    if (!users_.contains(user_id)) return jwt::InvalidTokenError();
    families_.push_back({user_id, token, expires_at});
    const auto is_of_user = [&](const Family& family) { return family.user_id == user_id; };
    if (std::count_if(families_.begin(), families_.end(), is_of_user) > kFamiliesMax) {
      families_.erase(std::find_if(families_.begin(), families_.end(), is_of_user));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<User> RotateRefreshToken(absl::Time, const RefreshTokenHash& token,
                                          const RefreshTokenHash& next, absl::Time now) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto family = std::find_if(
        families_.begin(), families_.end(),
        [&](const Family& candidate) { return candidate.newest.family == token.family; });
    if (family == families_.end()) return jwt::InvalidTokenError();
    if (family->newest.token != token.token || family->expires_at <= now) {
      families_.erase(family);
      return jwt::InvalidTokenError();
    }
    family->newest = next;
    return users_.at(family->user_id);
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

  absl::StatusOr<StoredKey> PutKey(absl::Time, std::int64_t user_id,
                                   const std::string& service_name,
                                   const std::optional<std::string>& service_user_id,
                                   absl::Time now, Seal seal) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    if (!users_.contains(user_id)) return jwt::InvalidTokenError();
    const auto old = keys_.find({user_id, service_name});
    StoredKey about;
    about.service_name = service_name;
    about.replaced = old != keys_.end();
    about.row_id = about.replaced ? old->second.about.row_id : ++last_id_;
    about.version = about.replaced ? old->second.about.version + 1 : 1;
    about.created_at = about.replaced ? old->second.about.created_at : now;
    about.updated_at = now;
    about.service_user_id = service_user_id;
    const absl::StatusOr<SealedRecord> record = seal(about.row_id, about.version);
    if (!record.ok()) return record.status();
    keys_[{user_id, service_name}] = {about, record->blob};
    return about;
  }
  absl::StatusOr<std::vector<StoredKey>> ListKeys(absl::Time, std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<StoredKey> keys;
    for (const auto& [owner, key] : keys_) {
      if (owner.first == user_id) keys.push_back(key.about);
    }
    return keys;
  }
  absl::StatusOr<std::optional<SealedKey>> FindKey(absl::Time, std::int64_t user_id,
                                                   const std::string& service_name) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const auto key = keys_.find({user_id, service_name});
    return key == keys_.end() ? std::nullopt : std::optional<SealedKey>(key->second);
  }
  absl::StatusOr<bool> DeleteKey(absl::Time, std::int64_t user_id,
                                 const std::string& service_name) override {
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    return keys_.erase({user_id, service_name}) > 0;
  }

 private:
  struct Family {
    std::int64_t user_id;
    RefreshTokenHash newest;
    absl::Time expires_at;
  };

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
  std::vector<Family> families_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<absl::Time>> failures_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::int64_t, std::string>, SealedKey> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_STORE_H_
