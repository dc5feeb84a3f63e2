#ifndef PLAYLOG_SERVICES_AUTH_POSTGRES_CREDENTIAL_STORE_H_
#define PLAYLOG_SERVICES_AUTH_POSTGRES_CREDENTIAL_STORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/db/pool.h"
#include "services/auth/credential_store.h"

namespace playlog::auth {

// The keys in the schema `auth` of PostgreSQL; migrations/ makes its tables.
class PostgresCredentialStore final : public CredentialStore {
 public:
  explicit PostgresCredentialStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<StoredKey> PutKey(absl::Time deadline, const NewKey& key, absl::Time now,
                                   Seal seal, const AuditEvent& event) override;
  absl::StatusOr<StoredKey> RefreshTokens(absl::Time deadline, std::int64_t user_id,
                                          const std::string& service_name,
                                          std::int64_t expected_version, absl::Time now, Seal seal,
                                          const AuditEvent& event) override;
  absl::Status RecordUse(absl::Time deadline, const KeyUse& use, absl::Time now) override;
  absl::StatusOr<std::vector<StoredKey>> ListKeys(absl::Time deadline,
                                                  std::int64_t user_id) override;
  absl::StatusOr<std::vector<StoredKey>> ListKeysOfUsers(
      absl::Time deadline, std::span<const std::int64_t> user_ids) override;
  absl::StatusOr<std::vector<StoredKey>> ListKeysOf(absl::Time deadline,
                                                    const std::string& service_name,
                                                    std::int64_t after_user_id, int limit) override;
  absl::StatusOr<std::optional<SealedKey>> FindKey(absl::Time deadline, std::int64_t user_id,
                                                   const std::string& service_name) override;
  absl::StatusOr<bool> DeleteKey(absl::Time deadline, std::int64_t user_id,
                                 const std::string& service_name, const AuditEvent& event) override;

  absl::StatusOr<std::map<std::uint32_t, std::int64_t>> CountKeysByKek(
      absl::Time deadline) override;
  absl::StatusOr<std::vector<std::uint32_t>> FindKeksInUse(absl::Time deadline) override;
  absl::StatusOr<std::vector<SealedKey>> FindKeysOfKek(absl::Time deadline, std::uint32_t kek_id,
                                                       int limit) override;
  absl::StatusOr<ResealedKeys> ResealKeys(absl::Time deadline, std::uint32_t kek_id,
                                          std::int64_t after, int limit, Reseal reseal) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_POSTGRES_CREDENTIAL_STORE_H_
