#ifndef PLAYLOG_SERVICES_AUTH_FAKE_CREDENTIAL_STORE_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_CREDENTIAL_STORE_H_

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/status_macros.h"
#include "common/jwt/jwt.h"
#include "services/auth/credential_store.h"
#include "services/auth/fake_audit.h"
#include "services/auth/fake_store.h"

namespace playlog::auth {

// The keys of the users of a FakeStore, in memory, for tests of what stands on them. Fails whenever
// that store does, and what is audited also when the audit does.
class FakeCredentialStore final : public CredentialStore {
 public:
  FakeCredentialStore(FakeStore& users, FakeAudit& audit) : users_(users), audit_(audit) {}

  // Changes a stored blob, as somebody with the database could.
  void Tamper(std::int64_t user_id, const std::string& service_name) {
    const absl::MutexLock lock(&mutex_);
    keys_.at({user_id, service_name}).sealed.blob.back() ^= 1;
  }
  // Puts a blob in the place of another, as somebody with the database could.
  void SetBlob(std::int64_t user_id, const std::string& service_name, const std::string& blob) {
    const absl::MutexLock lock(&mutex_);
    keys_.at({user_id, service_name}).sealed.blob = blob;
  }

  absl::StatusOr<StoredKey> PutKey(absl::Time, const NewKey& key, absl::Time now, Seal seal,
                                   const AuditEvent& event) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(key.user_id));
    if (!known) return jwt::InvalidTokenError();
    const absl::MutexLock lock(&mutex_);
    const auto old = keys_.find({key.user_id, key.service_name});
    StoredKey about{.user_id = key.user_id,
                    .service_name = key.service_name,
                    .service_user_id = key.service_user_id,
                    .created_at = now,
                    .updated_at = now,
                    .version = 1,
                    .record = NewKeyRecord(now)};
    if (key.is_sign_in) about.signed_in_at = now;
    about.replaced = old != keys_.end();
    about.row_id = about.replaced ? old->second.sealed.about.row_id : ++last_id_;
    if (about.replaced) {
      about.version = old->second.sealed.about.version + 1;
      about.created_at = old->second.sealed.about.created_at;
    }
    return Keep(about, seal, event);
  }
  absl::StatusOr<StoredKey> RefreshTokens(absl::Time, std::int64_t user_id,
                                          const std::string& service_name,
                                          std::int64_t expected_version, absl::Time now, Seal seal,
                                          const AuditEvent& event) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(user_id));
    const absl::MutexLock lock(&mutex_);
    const auto old = keys_.find({user_id, service_name});
    if (!known || old == keys_.end()) return KeyGoneError();
    StoredKey about = old->second.sealed.about;
    if (about.version != expected_version) return KeyReplacedError();
    about.replaced = false;
    ++about.version;
    about.updated_at = now;
    if (!about.signed_in_at.has_value()) about.signed_in_at = now;
    about.record = AfterRefresh(about.record, now);
    return Keep(about, seal, event);
  }
  absl::Status RecordUse(absl::Time, const KeyUse& use, absl::Time now) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(use.user_id));
    const absl::MutexLock lock(&mutex_);
    const auto key = keys_.find({use.user_id, use.service_name});
    if (!known || key == keys_.end()) return absl::OkStatus();
    StoredKey& about = key->second.sealed.about;
    if (about.version == use.version) about.record = AfterUse(about.record, use.outcome, now);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<StoredKey>> ListKeys(absl::Time, std::int64_t user_id) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(user_id));
    const absl::MutexLock lock(&mutex_);
    std::vector<StoredKey> keys;
    for (const auto& [owner, key] : keys_) {
      if (known && owner.first == user_id) keys.push_back(key.sealed.about);
    }
    return keys;
  }
  absl::StatusOr<std::vector<StoredKey>> ListKeysOfUsers(
      absl::Time deadline, std::span<const std::int64_t> user_ids) override {
    std::vector<StoredKey> keys;
    for (const std::int64_t user_id : std::set<std::int64_t>(user_ids.begin(), user_ids.end())) {
      PLAYLOG_ASSIGN_OR_RETURN(const std::vector<StoredKey> of_user, ListKeys(deadline, user_id));
      keys.insert(keys.end(), of_user.begin(), of_user.end());
    }
    return keys;
  }
  absl::StatusOr<std::vector<StoredKey>> ListKeysOf(absl::Time, const std::string& service_name,
                                                    std::int64_t after_user_id,
                                                    int limit) override {
    PLAYLOG_RETURN_IF_ERROR(UserExists(0).status());
    const absl::MutexLock lock(&mutex_);
    std::vector<StoredKey> keys;
    for (const auto& [owner, key] : keys_) {
      if (owner.first > after_user_id && owner.second == service_name && std::ssize(keys) < limit) {
        keys.push_back(key.sealed.about);
      }
    }
    return keys;
  }
  absl::StatusOr<std::optional<SealedKey>> FindKey(absl::Time, std::int64_t user_id,
                                                   const std::string& service_name) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(user_id));
    const absl::MutexLock lock(&mutex_);
    const auto key = keys_.find({user_id, service_name});
    if (!known || key == keys_.end()) return std::nullopt;
    return key->second.sealed;
  }
  absl::StatusOr<bool> DeleteKey(absl::Time deadline, std::int64_t user_id,
                                 const std::string& service_name,
                                 const AuditEvent& event) override {
    PLAYLOG_ASSIGN_OR_RETURN(const bool known, UserExists(user_id));
    const absl::MutexLock lock(&mutex_);
    if (!known || !keys_.contains({user_id, service_name})) return false;
    PLAYLOG_RETURN_IF_ERROR(audit_.Write(deadline, event));
    keys_.erase({user_id, service_name});
    return true;
  }

  absl::StatusOr<std::map<std::uint32_t, std::int64_t>> CountKeysByKek(absl::Time) override {
    PLAYLOG_RETURN_IF_ERROR(UserExists(0).status());
    const absl::MutexLock lock(&mutex_);
    std::map<std::uint32_t, std::int64_t> counts;
    for (const auto& [owner, key] : keys_) ++counts[key.kek_id];
    return counts;
  }
  absl::StatusOr<std::vector<std::uint32_t>> FindKeksInUse(absl::Time deadline) override {
    PLAYLOG_ASSIGN_OR_RETURN(const auto counts, CountKeysByKek(deadline));
    std::vector<std::uint32_t> ids;
    for (const auto& [id, count] : counts) ids.push_back(id);
    return ids;
  }
  absl::StatusOr<std::vector<SealedKey>> FindKeysOfKek(absl::Time, std::uint32_t kek_id,
                                                       int limit) override {
    PLAYLOG_RETURN_IF_ERROR(UserExists(0).status());
    const absl::MutexLock lock(&mutex_);
    std::vector<SealedKey> found;
    for (const auto& [row_id, key] : ByRow(kek_id)) {
      if (std::ssize(found) < limit) found.push_back(key->sealed);
    }
    return found;
  }
  absl::StatusOr<ResealedKeys> ResealKeys(absl::Time, std::uint32_t kek_id, std::int64_t after,
                                          int limit, Reseal reseal) override {
    PLAYLOG_RETURN_IF_ERROR(UserExists(0).status());
    const absl::MutexLock lock(&mutex_);
    ResealedKeys done;
    for (const auto& [row_id, key] : ByRow(kek_id)) {
      if (row_id <= after || done.seen == limit) continue;
      ++done.seen;
      done.last_id = row_id;
      const std::optional<SealedRecord> record = reseal(key->sealed);
      if (!record.has_value()) continue;
      ++done.resealed;
      key->sealed.blob = record->blob;
      key->kek_id = record->kek_id;
    }
    return done;
  }

 private:
  struct Key {
    SealedKey sealed;
    std::uint32_t kek_id = 0;
  };

  absl::StatusOr<bool> UserExists(std::int64_t user_id) {
    PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                             users_.FindUser(absl::InfiniteFuture(), user_id));
    return user.has_value();
  }
  absl::StatusOr<StoredKey> Keep(const StoredKey& about, Seal seal, const AuditEvent& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    PLAYLOG_ASSIGN_OR_RETURN(const SealedRecord record, seal(about.row_id, about.version));
    PLAYLOG_RETURN_IF_ERROR(audit_.Write(absl::InfiniteFuture(), event));
    keys_[{about.user_id, about.service_name}] = {{about, record.blob}, record.kek_id};
    return about;
  }
  std::map<std::int64_t, Key*> ByRow(std::uint32_t kek_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::map<std::int64_t, Key*> rows;
    for (auto& [owner, key] : keys_) {
      if (key.kek_id == kek_id) rows[key.sealed.about.row_id] = &key;
    }
    return rows;
  }

  FakeStore& users_;
  FakeAudit& audit_;
  absl::Mutex mutex_;
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<std::int64_t, std::string>, Key> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_CREDENTIAL_STORE_H_
