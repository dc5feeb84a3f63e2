#include "services/auth/postgres_store.h"

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/jwt/jwt.h"

namespace playlog::auth {
namespace {

using db::Bytes;
using db::Effect;
using db::Row;
using db::Rows;
using db::Statement;
using db::Transaction;

// How long an ended family is kept, so that no exchange that is under way loses its row.
constexpr absl::Duration kEndedFamilyKept = absl::Minutes(1);

constexpr Statement kCreateUser{"create_user", R"sql(
  INSERT INTO users (username, password_hash) VALUES ($1::text, $2::text)
  ON CONFLICT ((lower(username COLLATE "C"))) DO NOTHING
  RETURNING id, username, password_hash, token_version, staff)sql"};

constexpr Statement kFindUserByName{"find_user_by_name", R"sql(
  SELECT id, username, password_hash, token_version, staff FROM users
  WHERE lower(username COLLATE "C") = lower($1::text COLLATE "C"))sql"};

constexpr Statement kFindUser{"find_user", R"sql(
  SELECT id, username, password_hash, token_version, staff FROM users WHERE id = $1::bigint)sql"};

constexpr Statement kReplacePasswordHash{"replace_password_hash", R"sql(
  UPDATE users SET password_hash = $3::text
  WHERE id = $1::bigint AND password_hash = $2::text)sql"};

constexpr Statement kDeleteUser{"delete_user", R"sql(
  DELETE FROM users WHERE id = $1::bigint)sql"};

constexpr Statement kAddFamily{"add_refresh_family", R"sql(
  WITH surplus AS (
    UPDATE refresh_families SET revoked_at = $4::timestamptz
    WHERE revoked_at IS NULL AND id IN (
      SELECT id FROM refresh_families
      WHERE user_id = $1::bigint AND revoked_at IS NULL AND expires_at > $4::timestamptz
      ORDER BY id DESC OFFSET $7::bigint)
  ), forgotten AS (
    DELETE FROM refresh_families
    WHERE user_id = $1::bigint
      AND (expires_at <= $6::timestamptz OR revoked_at <= $6::timestamptz)
  )
  INSERT INTO refresh_families
    (user_id, family_hash, token_hash, created_at, rotated_at, expires_at)
  SELECT id, $2::bytea, $3::bytea, $4::timestamptz, $4::timestamptz, $5::timestamptz
  FROM users WHERE id = $1::bigint FOR KEY SHARE)sql"};

// Of many that come with one token the first changes the row, and the others, which waited for it,
// find the token no longer there.
constexpr Statement kRotate{"rotate_refresh_token", R"sql(
  UPDATE refresh_families AS family
  SET token_hash = $3::bytea, rotated_at = $4::timestamptz
  FROM users
  WHERE family.family_hash = $1::bytea AND family.token_hash = $2::bytea
    AND family.revoked_at IS NULL AND family.expires_at > $4::timestamptz
    AND users.id = family.user_id
  RETURNING users.id, users.username, users.password_hash, users.token_version, users.staff)sql"};

constexpr Statement kRevokeFamily{"revoke_refresh_family", R"sql(
  UPDATE refresh_families SET revoked_at = $2::timestamptz
  WHERE family_hash = $1::bytea AND revoked_at IS NULL)sql"};

constexpr Statement kCountFailures{"count_login_failures", R"sql(
  SELECT count(*), min(failed_at) FROM (
    SELECT failed_at FROM login_failures
    WHERE subject = $1::bytea AND failed_at > $2::timestamptz
    ORDER BY failed_at DESC LIMIT $3::bigint) AS newest)sql"};

constexpr Statement kAddFailure{"add_login_failure", R"sql(
  WITH forgotten AS (
    DELETE FROM login_failures WHERE id IN (
      SELECT id FROM login_failures WHERE failed_at <= $3::timestamptz
      ORDER BY failed_at LIMIT 100 FOR UPDATE SKIP LOCKED)
  )
  INSERT INTO login_failures (subject, failed_at) VALUES ($1::bytea, $2::timestamptz))sql"};

constexpr Statement kClearFailures{"clear_login_failures", R"sql(
  DELETE FROM login_failures WHERE subject = $1::bytea)sql"};

// Orders the writers of one user's keys, of which the first has no row to lock yet.
constexpr Statement kLockUser{"lock_user", R"sql(
  SELECT 1 FROM users WHERE id = $1::bigint FOR NO KEY UPDATE)sql"};

constexpr Statement kFindKey{"find_key", R"sql(
  SELECT service_name, service_user_id, created_at, updated_at, id, version, blob
  FROM api_credentials WHERE user_id = $1::bigint AND service_name = $2::text)sql"};

constexpr Statement kNextKeyId{"next_key_id", R"sql(
  SELECT nextval(pg_get_serial_sequence('api_credentials', 'id')))sql"};

constexpr Statement kInsertKey{"insert_key", R"sql(
  INSERT INTO api_credentials
    (id, user_id, service_name, service_user_id, blob, kek_id, version, created_at, updated_at)
  VALUES ($1::bigint, $2::bigint, $3::text, $4::text, $5::bytea, $6::bigint, $7::bigint,
          $8::timestamptz, $8::timestamptz)
  RETURNING service_name, service_user_id, created_at, updated_at, id, version)sql"};

constexpr Statement kReplaceKey{"replace_key", R"sql(
  UPDATE api_credentials
  SET service_user_id = $2::text, blob = $3::bytea, kek_id = $4::bigint, version = $5::bigint,
      updated_at = $6::timestamptz
  WHERE id = $1::bigint
  RETURNING service_name, service_user_id, created_at, updated_at, id, version)sql"};

constexpr Statement kListKeys{"list_keys", R"sql(
  SELECT service_name, service_user_id, created_at, updated_at, id, version
  FROM api_credentials WHERE user_id = $1::bigint ORDER BY service_name COLLATE "C")sql"};

constexpr Statement kDeleteKey{"delete_key", R"sql(
  DELETE FROM api_credentials WHERE user_id = $1::bigint AND service_name = $2::text)sql"};

User ReadUser(const Row& row) {
  return {.id = row.Int64(0),
          .name = std::string(row.Text(1)),
          .password_hash = std::string(row.Text(2)),
          .token_version = row.Int64(3),
          .staff = row.Bool(4)};
}

std::optional<User> ReadOptionalUser(const Rows& rows) {
  return rows.empty() ? std::nullopt : std::optional<User>(ReadUser(rows[0]));
}

StoredKey ReadKey(const Row& row) {
  return {.service_name = std::string(row.Text(0)),
          .service_user_id = row.OptionalText(1),
          .created_at = row.Time(2),
          .updated_at = row.Time(3),
          .row_id = row.Int64(4),
          .version = row.Int64(5)};
}

// What PutKey works with, apart from the sealing.
struct NewKey {
  std::int64_t user_id;
  const std::string& service_name;
  const std::optional<std::string>& service_user_id;
  absl::Time now;
};

absl::StatusOr<StoredKey> InsertKey(Transaction& transaction, const NewKey& key, Seal seal) {
  constexpr std::int64_t kFirstVersion = 1;
  PLAYLOG_ASSIGN_OR_RETURN(const Rows ids, transaction.Query(kNextKeyId));
  const std::int64_t row_id = ids[0].Int64(0);
  PLAYLOG_ASSIGN_OR_RETURN(const SealedRecord record, seal(row_id, kFirstVersion));
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      transaction.Query(kInsertKey, row_id, key.user_id, key.service_name, key.service_user_id,
                        Bytes{record.blob}, record.kek_id, kFirstVersion, key.now));
  return ReadKey(rows[0]);
}

absl::StatusOr<StoredKey> ReplaceKey(Transaction& transaction, const NewKey& key,
                                     const StoredKey& old, Seal seal) {
  PLAYLOG_ASSIGN_OR_RETURN(const SealedRecord record, seal(old.row_id, old.version + 1));
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      transaction.Query(kReplaceKey, old.row_id, key.service_user_id, Bytes{record.blob},
                        record.kek_id, old.version + 1, key.now));
  StoredKey stored = ReadKey(rows[0]);
  stored.replaced = true;
  return stored;
}

absl::StatusOr<StoredKey> PutKeyIn(Transaction& transaction, const NewKey& key, Seal seal) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows users, transaction.Query(kLockUser, key.user_id));
  if (users.empty()) return jwt::InvalidTokenError();
  PLAYLOG_ASSIGN_OR_RETURN(const Rows found,
                           transaction.Query(kFindKey, key.user_id, key.service_name));
  if (found.empty()) return InsertKey(transaction, key, seal);
  return ReplaceKey(transaction, key, ReadKey(found[0]), seal);
}

}  // namespace

absl::StatusOr<User> PostgresStore::CreateUser(absl::Time deadline, const std::string& name,
                                               const std::string& password_hash) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kOnce, kCreateUser, name, password_hash));
  if (rows.empty()) return UsernameTakenError();
  return ReadUser(rows[0]);
}

absl::StatusOr<std::optional<User>> PostgresStore::FindUserByName(absl::Time deadline,
                                                                  const std::string& name) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kFindUserByName, name));
  return ReadOptionalUser(rows);
}

absl::StatusOr<std::optional<User>> PostgresStore::FindUser(absl::Time deadline, std::int64_t id) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kFindUser, id));
  return ReadOptionalUser(rows);
}

absl::Status PostgresStore::ReplacePasswordHash(absl::Time deadline, std::int64_t user_id,
                                                const std::string& old_hash,
                                                const std::string& new_hash) {
  return pool_
      .Query(deadline, Effect::kIdempotent, kReplacePasswordHash, user_id, old_hash, new_hash)
      .status();
}

absl::Status PostgresStore::DeleteUser(absl::Time deadline, std::int64_t user_id,
                                       const std::string& subject) {
  return pool_.Run(deadline, Effect::kIdempotent, [&](Transaction& transaction) {
    PLAYLOG_RETURN_IF_ERROR(transaction.Query(kDeleteUser, user_id).status());
    return transaction.Query(kClearFailures, Bytes{subject}).status();
  });
}

absl::Status PostgresStore::AddRefreshFamily(absl::Time deadline, std::int64_t user_id,
                                             const RefreshTokenHash& token, absl::Time now,
                                             absl::Time expires_at) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      pool_.Query(deadline, Effect::kOnce, kAddFamily, user_id, Bytes{token.family},
                  Bytes{token.token}, now, expires_at, now - kEndedFamilyKept, kFamiliesMax - 1));
  return rows.affected() == 1 ? absl::OkStatus() : jwt::InvalidTokenError();
}

absl::StatusOr<User> PostgresStore::RotateRefreshToken(absl::Time deadline,
                                                       const RefreshTokenHash& token,
                                                       const RefreshTokenHash& next,
                                                       absl::Time now) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kOnce, kRotate, Bytes{token.family},
                                       Bytes{token.token}, Bytes{next.token}, now));
  if (!rows.empty()) return ReadUser(rows[0]);
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Query(deadline, Effect::kIdempotent, kRevokeFamily, Bytes{token.family}, now).status());
  return jwt::InvalidTokenError();
}

absl::StatusOr<LoginFailures> PostgresStore::CountLoginFailures(absl::Time deadline,
                                                                const std::string& subject,
                                                                absl::Time since, int limit) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      pool_.Query(deadline, Effect::kIdempotent, kCountFailures, Bytes{subject}, since, limit));
  return LoginFailures{.count = static_cast<int>(rows[0].Int64(0)), .oldest = rows[0].Time(1)};
}

absl::Status PostgresStore::AddLoginFailure(absl::Time deadline, const std::string& subject,
                                            absl::Time now, absl::Time forget_before) {
  return pool_.Query(deadline, Effect::kOnce, kAddFailure, Bytes{subject}, now, forget_before)
      .status();
}

absl::Status PostgresStore::ClearLoginFailures(absl::Time deadline, const std::string& subject) {
  return pool_.Query(deadline, Effect::kIdempotent, kClearFailures, Bytes{subject}).status();
}

absl::StatusOr<StoredKey> PostgresStore::PutKey(absl::Time deadline, std::int64_t user_id,
                                                const std::string& service_name,
                                                const std::optional<std::string>& service_user_id,
                                                absl::Time now, Seal seal) {
  const NewKey key{user_id, service_name, service_user_id, now};
  StoredKey stored;
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, Effect::kIdempotent, [&](Transaction& transaction) -> absl::Status {
        PLAYLOG_ASSIGN_OR_RETURN(stored, PutKeyIn(transaction, key, seal));
        return absl::OkStatus();
      }));
  return stored;
}

absl::StatusOr<std::vector<StoredKey>> PostgresStore::ListKeys(absl::Time deadline,
                                                               std::int64_t user_id) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kListKeys, user_id));
  std::vector<StoredKey> keys;
  for (const Row row : rows) keys.push_back(ReadKey(row));
  return keys;
}

absl::StatusOr<std::optional<SealedKey>> PostgresStore::FindKey(absl::Time deadline,
                                                                std::int64_t user_id,
                                                                const std::string& service_name) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFindKey, user_id, service_name));
  if (rows.empty()) return std::nullopt;
  return SealedKey{.about = ReadKey(rows[0]), .blob = rows[0].Bytes(6)};
}

absl::StatusOr<bool> PostgresStore::DeleteKey(absl::Time deadline, std::int64_t user_id,
                                              const std::string& service_name) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kOnce, kDeleteKey, user_id, service_name));
  return rows.affected() > 0;
}

}  // namespace playlog::auth
