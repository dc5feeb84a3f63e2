#ifndef PLAYLOG_SERVICES_AUTH_POSTGRES_STORE_H_
#define PLAYLOG_SERVICES_AUTH_POSTGRES_STORE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "common/db/pool.h"
#include "services/auth/store.h"

namespace playlog::auth {

// The store in the schema `auth` of PostgreSQL; migrations/ makes its tables.
class PostgresStore final : public Store {
 public:
  explicit PostgresStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<User> CreateUser(absl::Time deadline, const std::string& name,
                                  const std::string& password_hash) override;
  absl::StatusOr<std::optional<User>> FindUserByName(absl::Time deadline,
                                                     const std::string& name) override;
  absl::StatusOr<std::optional<User>> FindUser(absl::Time deadline, std::int64_t id) override;
  absl::Status ReplacePasswordHash(absl::Time deadline, std::int64_t user_id,
                                   const std::string& old_hash,
                                   const std::string& new_hash) override;
  absl::Status DeleteUser(absl::Time deadline, std::int64_t user_id,
                          const std::string& subject) override;

  absl::Status ChangePassword(absl::Time deadline, const User& seen, const std::string& new_hash,
                              std::int64_t kept_session, absl::Time now) override;

  absl::StatusOr<Session> AddRefreshFamily(absl::Time deadline, const User& seen,
                                           const RefreshTokenHash& token, absl::Time now,
                                           absl::Time expires_at) override;
  absl::StatusOr<RefreshOutcome> RotateRefreshToken(absl::Time deadline,
                                                    const RefreshTokenHash& token,
                                                    const RefreshTokenHash& next,
                                                    absl::Time now) override;
  absl::Status EndSession(absl::Time deadline, std::int64_t user_id, std::int64_t session_id,
                          absl::Time now) override;
  absl::Status EndAllSessions(absl::Time deadline, std::int64_t user_id, absl::Time now) override;
  absl::StatusOr<bool> IsSessionGood(absl::Time deadline, std::int64_t user_id,
                                     std::int64_t session_id, std::int64_t token_version) override;
  absl::StatusOr<RevocationPage> ListRevocations(absl::Time deadline,
                                                 std::optional<absl::Time> since) override;

  absl::StatusOr<LoginFailures> CountLoginFailures(absl::Time deadline, const std::string& subject,
                                                   absl::Time since, int limit) override;
  absl::Status AddLoginFailure(absl::Time deadline, const std::string& subject, absl::Time now,
                               absl::Time forget_before) override;
  absl::Status ClearLoginFailures(absl::Time deadline, const std::string& subject) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_POSTGRES_STORE_H_
