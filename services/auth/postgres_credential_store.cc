#include "services/auth/postgres_credential_store.h"

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/jwt/jwt.h"
#include "services/auth/postgres_audit.h"

// Every statement that returns keys returns the same columns, in the order of ReadKey.
#define PLAYLOG_KEY_COLUMNS                                                                     \
  "user_id, service_name, service_user_id, created_at, updated_at, id, version, signed_in_at, " \
  "state, coalesce(state_since, updated_at), last_success_at, grant_rejected_at"

namespace playlog::auth {
namespace {

using db::Array;
using db::Bytes;
using db::Effect;
using db::Row;
using db::Rows;
using db::Statement;
using db::Transaction;

// Where the blob comes after the columns of ReadKey.
constexpr std::size_t kBlobColumn = 12;

// Orders the writers of one user's keys, of which the first has no row to lock yet.
constexpr Statement kLockUser{"lock_user", R"sql(
  SELECT 1 FROM users WHERE id = $1::bigint FOR NO KEY UPDATE)sql"};

constexpr Statement kFindKey{"find_key", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(, blob
  FROM api_credentials WHERE user_id = $1::bigint AND service_name = $2::text)sql"};

constexpr Statement kLockKey{"lock_key", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(
  FROM api_credentials WHERE user_id = $1::bigint AND service_name = $2::text
  FOR NO KEY UPDATE)sql"};

constexpr Statement kNextKeyId{"next_key_id", R"sql(
  SELECT nextval(pg_get_serial_sequence('api_credentials', 'id')))sql"};

constexpr Statement kInsertKey{"insert_key", R"sql(
  INSERT INTO api_credentials
    (id, user_id, service_name, service_user_id, blob, kek_id, version, created_at, updated_at,
     state_since, signed_in_at)
  VALUES ($1::bigint, $2::bigint, $3::text, $4::text, $5::bytea, $6::bigint, $7::bigint,
          $8::timestamptz, $8::timestamptz, $8::timestamptz, $9::timestamptz)
  RETURNING )sql" PLAYLOG_KEY_COLUMNS};

constexpr Statement kReplaceKey{"replace_key", R"sql(
  UPDATE api_credentials
  SET service_user_id = $2::text, blob = $3::bytea, kek_id = $4::bigint, version = $5::bigint,
      updated_at = $6::timestamptz, signed_in_at = $7::timestamptz, state = 'unverified',
      state_since = $6::timestamptz, last_success_at = NULL, grant_rejected_at = NULL
  WHERE id = $1::bigint
  RETURNING )sql" PLAYLOG_KEY_COLUMNS};

constexpr Statement kRefreshKey{"refresh_key", R"sql(
  UPDATE api_credentials
  SET blob = $2::bytea, kek_id = $3::bigint, version = $4::bigint, updated_at = $5::timestamptz,
      signed_in_at = coalesce(signed_in_at, $5::timestamptz), state = $6::text,
      state_since = $7::timestamptz, last_success_at = $8::timestamptz,
      grant_rejected_at = $9::timestamptz
  WHERE id = $1::bigint
  RETURNING )sql" PLAYLOG_KEY_COLUMNS};

constexpr Statement kRecordUse{"record_key_use", R"sql(
  UPDATE api_credentials
  SET state = $2::text, state_since = $3::timestamptz, last_success_at = $4::timestamptz,
      grant_rejected_at = $5::timestamptz
  WHERE id = $1::bigint)sql"};

constexpr Statement kListKeys{"list_keys", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(
  FROM api_credentials WHERE user_id = $1::bigint ORDER BY service_name COLLATE "C")sql"};

constexpr Statement kListKeysOfUsers{"list_keys_of_users", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(
  FROM api_credentials WHERE user_id = ANY ($1::bigint[])
  ORDER BY user_id, service_name COLLATE "C")sql"};

// In the order of the unique index, so that a page costs its own rows, and at most as many of the
// other service.
constexpr Statement kListKeysOf{"list_keys_of_service", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(
  FROM api_credentials WHERE service_name = $1::text AND user_id > $2::bigint
  ORDER BY user_id LIMIT $3::bigint)sql"};

constexpr Statement kDeleteKey{"delete_key", R"sql(
  DELETE FROM api_credentials WHERE user_id = $1::bigint AND service_name = $2::text)sql"};

constexpr Statement kCountKeys{"count_keys_by_kek", R"sql(
  SELECT kek_id, count(*) FROM api_credentials GROUP BY kek_id)sql"};

// Goes from one id to the next in the index, however many rows share it.
constexpr Statement kFindKeks{"find_keks_in_use", R"sql(
  WITH RECURSIVE used (id) AS (
    (SELECT kek_id FROM api_credentials ORDER BY kek_id LIMIT 1)
    UNION ALL
    SELECT (SELECT kek_id FROM api_credentials WHERE kek_id > used.id ORDER BY kek_id LIMIT 1)
    FROM used WHERE used.id IS NOT NULL
  )
  SELECT id FROM used WHERE id IS NOT NULL ORDER BY id)sql"};

constexpr Statement kFindKeysOfKek{"find_keys_of_kek", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(, blob
  FROM api_credentials WHERE kek_id = $1::bigint ORDER BY id LIMIT $2::bigint)sql"};

// Never waits for a row, so it cannot be in a deadlock with anybody.
constexpr Statement kLockKeysOfKek{"lock_keys_of_kek", "SELECT " PLAYLOG_KEY_COLUMNS R"sql(, blob
  FROM api_credentials WHERE kek_id = $1::bigint AND id > $2::bigint
  ORDER BY id LIMIT $3::bigint FOR NO KEY UPDATE SKIP LOCKED)sql"};

constexpr Statement kResealKeys{"reseal_keys", R"sql(
  UPDATE api_credentials AS stored SET blob = resealed.blob, kek_id = resealed.kek_id
  FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS resealed (id, blob, kek_id)
  WHERE stored.id = resealed.id)sql"};

StoredKey ReadKey(const Row& row) {
  return {.user_id = row.Int64(0),
          .service_name = std::string(row.Text(1)),
          .service_user_id = row.OptionalText(2),
          .created_at = row.Time(3),
          .updated_at = row.Time(4),
          .row_id = row.Int64(5),
          .version = row.Int64(6),
          .signed_in_at = row.OptionalTime(7),
          .record = {.state = KeyStateFromName(row.Text(8)),
                     .since = row.Time(9),
                     .last_success_at = row.OptionalTime(10),
                     .grant_rejected_at = row.OptionalTime(11)}};
}

SealedKey ReadSealedKey(const Row& row) {
  return {.about = ReadKey(row), .blob = row.Bytes(kBlobColumn)};
}

// Locks the user before any of its keys. Returns whether there is one.
absl::StatusOr<bool> LockUser(Transaction& transaction, std::int64_t user_id) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows users, transaction.Query(kLockUser, user_id));
  return !users.empty();
}

absl::StatusOr<StoredKey> InsertKey(Transaction& transaction, const NewKey& key, absl::Time now,
                                    Seal seal) {
  constexpr std::int64_t kFirstVersion = 1;
  PLAYLOG_ASSIGN_OR_RETURN(const Rows ids, transaction.Query(kNextKeyId));
  const std::int64_t row_id = ids[0].Int64(0);
  PLAYLOG_ASSIGN_OR_RETURN(const SealedRecord record, seal(row_id, kFirstVersion));
  const std::optional<absl::Time> signed_in_at =
      key.is_sign_in ? std::optional<absl::Time>(now) : std::nullopt;
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      transaction.Query(kInsertKey, row_id, key.user_id, key.service_name, key.service_user_id,
                        Bytes{record.blob}, record.kek_id, kFirstVersion, now, signed_in_at));
  return ReadKey(rows[0]);
}

absl::StatusOr<StoredKey> ReplaceKey(Transaction& transaction, const NewKey& key,
                                     const StoredKey& old, absl::Time now, Seal seal) {
  PLAYLOG_ASSIGN_OR_RETURN(const SealedRecord record, seal(old.row_id, old.version + 1));
  const std::optional<absl::Time> signed_in_at =
      key.is_sign_in ? std::optional<absl::Time>(now) : std::nullopt;
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      transaction.Query(kReplaceKey, old.row_id, key.service_user_id, Bytes{record.blob},
                        record.kek_id, old.version + 1, now, signed_in_at));
  StoredKey stored = ReadKey(rows[0]);
  stored.replaced = true;
  return stored;
}

absl::StatusOr<StoredKey> PutKeyIn(Transaction& transaction, const NewKey& key, absl::Time now,
                                   Seal seal) {
  PLAYLOG_ASSIGN_OR_RETURN(const bool has_user, LockUser(transaction, key.user_id));
  if (!has_user) return jwt::InvalidTokenError();
  PLAYLOG_ASSIGN_OR_RETURN(const Rows found,
                           transaction.Query(kLockKey, key.user_id, key.service_name));
  if (found.empty()) return InsertKey(transaction, key, now, seal);
  return ReplaceKey(transaction, key, ReadKey(found[0]), now, seal);
}

absl::StatusOr<StoredKey> RefreshIn(Transaction& transaction, std::int64_t user_id,
                                    const std::string& service_name, std::int64_t expected_version,
                                    absl::Time now, Seal seal) {
  PLAYLOG_ASSIGN_OR_RETURN(const bool has_user, LockUser(transaction, user_id));
  if (!has_user) return KeyGoneError();
  PLAYLOG_ASSIGN_OR_RETURN(const Rows found, transaction.Query(kLockKey, user_id, service_name));
  if (found.empty()) return KeyGoneError();
  const StoredKey old = ReadKey(found[0]);
  if (old.version != expected_version) return KeyReplacedError();
  PLAYLOG_ASSIGN_OR_RETURN(const SealedRecord sealed, seal(old.row_id, old.version + 1));
  const KeyRecord record = AfterRefresh(old.record, now);
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      transaction.Query(kRefreshKey, old.row_id, Bytes{sealed.blob}, sealed.kek_id, old.version + 1,
                        now, KeyStateName(record.state), record.since, record.last_success_at,
                        record.grant_rejected_at));
  return ReadKey(rows[0]);
}

absl::Status RecordUseIn(Transaction& transaction, const KeyUse& use, absl::Time now) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows found,
                           transaction.Query(kLockKey, use.user_id, use.service_name));
  if (found.empty() || ReadKey(found[0]).version != use.version) return absl::OkStatus();
  const StoredKey key = ReadKey(found[0]);
  const KeyRecord record = AfterUse(key.record, use.outcome, now);
  return transaction
      .Query(kRecordUse, key.row_id, KeyStateName(record.state), record.since,
             record.last_success_at, record.grant_rejected_at)
      .status();
}

absl::StatusOr<ResealedKeys> ResealIn(Transaction& transaction, const Rows& locked, Reseal reseal) {
  ResealedKeys done;
  Array ids, blobs, kek_ids;
  for (const Row row : locked) {
    const SealedKey key = ReadSealedKey(row);
    ++done.seen;
    done.last_id = key.about.row_id;
    const std::optional<SealedRecord> record = reseal(key);
    if (!record.has_value()) continue;
    ++done.resealed;
    ids.Add(key.about.row_id);
    blobs.Add(Bytes{record->blob});
    kek_ids.Add(record->kek_id);
  }
  if (done.resealed == 0) return done;
  PLAYLOG_RETURN_IF_ERROR(
      transaction.Query(kResealKeys, std::move(ids), std::move(blobs), std::move(kek_ids))
          .status());
  return done;
}

}  // namespace

absl::StatusOr<StoredKey> PostgresCredentialStore::PutKey(absl::Time deadline, const NewKey& key,
                                                          absl::Time now, Seal seal,
                                                          const AuditEvent& event) {
  StoredKey stored;
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, Effect::kIdempotent, [&](Transaction& transaction) -> absl::Status {
        PLAYLOG_ASSIGN_OR_RETURN(stored, PutKeyIn(transaction, key, now, seal));
        return WriteAuditEvent(transaction, event);
      }));
  return stored;
}

absl::StatusOr<StoredKey> PostgresCredentialStore::RefreshTokens(
    absl::Time deadline, std::int64_t user_id, const std::string& service_name,
    std::int64_t expected_version, absl::Time now, Seal seal, const AuditEvent& event) {
  StoredKey stored;
  // Done a second time after an unknown end, it would find the version that it made itself and
  // answer CONFLICT: then the caller reads its own tokens again, which is right.
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, Effect::kIdempotent, [&](Transaction& transaction) -> absl::Status {
        PLAYLOG_ASSIGN_OR_RETURN(
            stored, RefreshIn(transaction, user_id, service_name, expected_version, now, seal));
        return WriteAuditEvent(transaction, event);
      }));
  return stored;
}

absl::Status PostgresCredentialStore::RecordUse(absl::Time deadline, const KeyUse& use,
                                                absl::Time now) {
  // Most uses say nothing new, and reading that locks and writes nothing.
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<SealedKey> key,
                           FindKey(deadline, use.user_id, use.service_name));
  if (!key.has_value() || key->about.version != use.version ||
      AfterUse(key->about.record, use.outcome, now) == key->about.record) {
    return absl::OkStatus();
  }
  return pool_.Run(deadline, Effect::kIdempotent,
                   [&](Transaction& transaction) { return RecordUseIn(transaction, use, now); });
}

absl::StatusOr<std::vector<StoredKey>> PostgresCredentialStore::ListKeys(absl::Time deadline,
                                                                         std::int64_t user_id) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kListKeys, user_id));
  std::vector<StoredKey> keys;
  for (const Row row : rows) keys.push_back(ReadKey(row));
  return keys;
}

absl::StatusOr<std::vector<StoredKey>> PostgresCredentialStore::ListKeysOfUsers(
    absl::Time deadline, std::span<const std::int64_t> user_ids) {
  db::Array asked;
  for (const std::int64_t user_id : user_ids) asked.Add(user_id);
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent,
                                                        kListKeysOfUsers, std::move(asked)));
  std::vector<StoredKey> keys;
  for (const Row row : rows) keys.push_back(ReadKey(row));
  return keys;
}

absl::StatusOr<std::vector<StoredKey>> PostgresCredentialStore::ListKeysOf(
    absl::Time deadline, const std::string& service_name, std::int64_t after_user_id, int limit) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kListKeysOf,
                                                        service_name, after_user_id, limit));
  std::vector<StoredKey> keys;
  for (const Row row : rows) keys.push_back(ReadKey(row));
  return keys;
}

absl::StatusOr<std::optional<SealedKey>> PostgresCredentialStore::FindKey(
    absl::Time deadline, std::int64_t user_id, const std::string& service_name) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFindKey, user_id, service_name));
  if (rows.empty()) return std::nullopt;
  return ReadSealedKey(rows[0]);
}

absl::StatusOr<bool> PostgresCredentialStore::DeleteKey(absl::Time deadline, std::int64_t user_id,
                                                        const std::string& service_name,
                                                        const AuditEvent& event) {
  bool deleted = false;
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, Effect::kOnce, [&](Transaction& transaction) -> absl::Status {
        PLAYLOG_ASSIGN_OR_RETURN(deleted, LockUser(transaction, user_id));
        if (!deleted) return absl::OkStatus();
        PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                                 transaction.Query(kDeleteKey, user_id, service_name));
        deleted = rows.affected() > 0;
        return deleted ? WriteAuditEvent(transaction, event) : absl::OkStatus();
      }));
  return deleted;
}

absl::StatusOr<std::map<std::uint32_t, std::int64_t>> PostgresCredentialStore::CountKeysByKek(
    absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kCountKeys));
  std::map<std::uint32_t, std::int64_t> counts;
  for (const Row row : rows) counts[static_cast<std::uint32_t>(row.Int64(0))] = row.Int64(1);
  return counts;
}

absl::StatusOr<std::vector<std::uint32_t>> PostgresCredentialStore::FindKeksInUse(
    absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFindKeks));
  std::vector<std::uint32_t> ids;
  for (const Row row : rows) ids.push_back(static_cast<std::uint32_t>(row.Int64(0)));
  return ids;
}

absl::StatusOr<std::vector<SealedKey>> PostgresCredentialStore::FindKeysOfKek(absl::Time deadline,
                                                                              std::uint32_t kek_id,
                                                                              int limit) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFindKeysOfKek, kek_id, limit));
  std::vector<SealedKey> keys;
  for (const Row row : rows) keys.push_back(ReadSealedKey(row));
  return keys;
}

absl::StatusOr<ResealedKeys> PostgresCredentialStore::ResealKeys(absl::Time deadline,
                                                                 std::uint32_t kek_id,
                                                                 std::int64_t after, int limit,
                                                                 Reseal reseal) {
  ResealedKeys done;
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, Effect::kIdempotent, [&](Transaction& transaction) -> absl::Status {
        PLAYLOG_ASSIGN_OR_RETURN(const Rows locked,
                                 transaction.Query(kLockKeysOfKek, kek_id, after, limit));
        PLAYLOG_ASSIGN_OR_RETURN(done, ResealIn(transaction, locked, reseal));
        return absl::OkStatus();
      }));
  return done;
}

}  // namespace playlog::auth
