#include "services/auth/postgres_store.h"

#include "common/base/error.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

using db::Bytes;
using db::Effect;
using db::Row;
using db::Rows;
using db::Statement;
using db::Transaction;

// How long an ended family is kept: no exchange that is under way and no access token that is still
// good may lose its row.
constexpr absl::Duration kEndedFamilyKept = Store::kRevocationsKept;

constexpr Statement kCreateUser{"create_user", R"sql(
  INSERT INTO users (username, password_hash) VALUES ($1::text, $2::text)
  ON CONFLICT ((lower(username COLLATE "C"))) DO NOTHING
  RETURNING id, username, password_hash, token_version, password_version, staff)sql"};

constexpr Statement kFindUserByName{"find_user_by_name", R"sql(
  SELECT id, username, password_hash, token_version, password_version, staff FROM users
  WHERE lower(username COLLATE "C") = lower($1::text COLLATE "C"))sql"};

constexpr Statement kFindUser{"find_user", R"sql(
  SELECT id, username, password_hash, token_version, password_version, staff FROM users
  WHERE id = $1::bigint)sql"};

constexpr Statement kReplacePasswordHash{"replace_password_hash", R"sql(
  UPDATE users SET password_hash = $3::text
  WHERE id = $1::bigint AND password_hash = $2::text)sql"};

constexpr Statement kDeleteUser{"delete_user", R"sql(
  WITH deleted AS (DELETE FROM users WHERE id = $1::bigint RETURNING id)
  INSERT INTO erasures (user_id) SELECT id FROM deleted)sql"};

constexpr Statement kChangePassword{"change_password", R"sql(
  UPDATE users SET password_hash = $3::text, password_version = password_version + 1
  WHERE id = $1::bigint AND password_version = $2::bigint)sql"};

constexpr Statement kRaiseTokenVersion{"raise_token_version", R"sql(
  UPDATE users SET token_version = token_version + 1 WHERE id = $1::bigint)sql"};

// The user's row is locked against a change of the password, which thus comes before and is seen,
// or comes after and ends the new family. Everything else goes by what was locked.
constexpr Statement kAddFamily{"add_refresh_family", R"sql(
  WITH owner AS (
    SELECT id, username, password_hash, token_version, password_version, staff FROM users
    WHERE id = $1::bigint AND password_version = $2::bigint FOR SHARE
  ), surplus AS (
    UPDATE refresh_families SET revoked_at = $5::timestamptz
    WHERE revoked_at IS NULL AND id IN (
      SELECT id FROM refresh_families
      WHERE user_id = (SELECT id FROM owner) AND revoked_at IS NULL
        AND expires_at > $5::timestamptz
      ORDER BY id DESC OFFSET $8::bigint)
  ), forgotten AS (
    DELETE FROM refresh_families
    WHERE user_id = (SELECT id FROM owner)
      AND (expires_at <= $7::timestamptz OR revoked_at <= $7::timestamptz)
  ), added AS (
    INSERT INTO refresh_families
      (user_id, family_hash, token_hash, created_at, rotated_at, expires_at)
    SELECT id, $3::bytea, $4::bytea, $5::timestamptz, $5::timestamptz, $6::timestamptz FROM owner
    RETURNING id
  )
  SELECT owner.id, owner.username, owner.password_hash, owner.token_version,
    owner.password_version, owner.staff, added.id
  FROM owner, added)sql"};

// Of many that come with one token the first changes the row, and the others, which waited for it,
// find the token no longer there.
constexpr Statement kRotate{"rotate_refresh_token", R"sql(
  UPDATE refresh_families AS family
  SET token_hash = $3::bytea, rotated_at = $4::timestamptz
  FROM users
  WHERE family.family_hash = $1::bytea AND family.token_hash = $2::bytea
    AND family.revoked_at IS NULL AND family.expires_at > $4::timestamptz
    AND users.id = family.user_id
  RETURNING users.id, users.username, users.password_hash, users.token_version,
    users.password_version, users.staff, family.id)sql"};

// Returns whose it was if the token had been spent, rather than being too old.
constexpr Statement kRevokeFamily{"revoke_refresh_family", R"sql(
  UPDATE refresh_families SET revoked_at = $2::timestamptz
  WHERE family_hash = $1::bytea AND revoked_at IS NULL
  RETURNING user_id, expires_at > $2::timestamptz)sql"};

constexpr Statement kEndSession{"end_session", R"sql(
  UPDATE refresh_families SET revoked_at = $3::timestamptz
  WHERE id = $2::bigint AND user_id = $1::bigint AND revoked_at IS NULL)sql"};

constexpr Statement kEndOtherSessions{"end_other_sessions", R"sql(
  UPDATE refresh_families SET revoked_at = $3::timestamptz
  WHERE user_id = $1::bigint AND id <> $2::bigint AND revoked_at IS NULL)sql"};

constexpr Statement kFindSession{"find_session", R"sql(
  SELECT 1 FROM users JOIN refresh_families AS family ON family.user_id = users.id
  WHERE users.id = $1::bigint AND family.id = $2::bigint AND users.token_version <= $3::bigint
    AND family.revoked_at IS NULL)sql"};

// The time is taken before the snapshot of the rows; a `since` from before the clock was set back
// is taken for now.
constexpr Statement kListRevocations{"list_revocations", R"sql(
  SELECT as_of.at, found.user_id, found.minimum_token_version, found.session_id, found.revoked_at
  FROM (SELECT statement_timestamp() AS at) AS as_of LEFT JOIN (
    SELECT user_id, minimum_token_version, session_id, revoked_at FROM revocations
    WHERE revoked_at >= greatest(
      least(coalesce($1::timestamptz, '-infinity'), statement_timestamp())
        - make_interval(secs => $2::double precision),
      statement_timestamp() - make_interval(secs => $3::double precision))
    ORDER BY revoked_at LIMIT $4::bigint) AS found ON true
  ORDER BY found.revoked_at)sql"};

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

User ReadUser(const Row& row) {
  return {.id = row.Int64(0),
          .name = std::string(row.Text(1)),
          .password_hash = std::string(row.Text(2)),
          .token_version = row.Int64(3),
          .password_version = row.Int64(4),
          .staff = row.Bool(5)};
}

Session ReadSession(const Row& row) { return {.id = row.Int64(6), .user = ReadUser(row)}; }

std::optional<User> ReadOptionalUser(const Rows& rows) {
  return rows.empty() ? std::nullopt : std::optional<User>(ReadUser(rows[0]));
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

absl::Status PostgresStore::ChangePassword(absl::Time deadline, const User& seen,
                                           const std::string& new_hash, std::int64_t kept_session,
                                           absl::Time now) {
  return pool_.Run(deadline, Effect::kOnce, [&](Transaction& transaction) {
    PLAYLOG_ASSIGN_OR_RETURN(
        const Rows changed,
        transaction.Query(kChangePassword, seen.id, seen.password_version, new_hash));
    if (changed.affected() == 0) return WrongCredentialsError();
    return transaction.Query(kEndOtherSessions, seen.id, kept_session, now).status();
  });
}

absl::StatusOr<Session> PostgresStore::AddRefreshFamily(absl::Time deadline, const User& seen,
                                                        const RefreshTokenHash& token,
                                                        absl::Time now, absl::Time expires_at) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kOnce, kAddFamily, seen.id,
                                   seen.password_version, Bytes{token.family}, Bytes{token.token},
                                   now, expires_at, now - kEndedFamilyKept, kFamiliesMax - 1));
  if (rows.empty()) return WrongCredentialsError();
  return ReadSession(rows[0]);
}

absl::StatusOr<RefreshOutcome> PostgresStore::RotateRefreshToken(absl::Time deadline,
                                                                 const RefreshTokenHash& token,
                                                                 const RefreshTokenHash& next,
                                                                 absl::Time now) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kOnce, kRotate, Bytes{token.family},
                                       Bytes{token.token}, Bytes{next.token}, now));
  if (!rows.empty()) return RefreshOutcome{.session = ReadSession(rows[0])};
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows revoked,
      pool_.Query(deadline, Effect::kIdempotent, kRevokeFamily, Bytes{token.family}, now));
  const bool reused = !revoked.empty() && revoked[0].Bool(1);
  return RefreshOutcome{.reused_from = reused ? revoked[0].Int64(0) : 0};
}

absl::Status PostgresStore::EndSession(absl::Time deadline, std::int64_t user_id,
                                       std::int64_t session_id, absl::Time now) {
  return pool_.Query(deadline, Effect::kIdempotent, kEndSession, user_id, session_id, now).status();
}

absl::Status PostgresStore::EndAllSessions(absl::Time deadline, std::int64_t user_id,
                                           absl::Time now) {
  constexpr std::int64_t kNoSession = 0;
  return pool_.Run(deadline, Effect::kIdempotent, [&](Transaction& transaction) {
    PLAYLOG_RETURN_IF_ERROR(transaction.Query(kRaiseTokenVersion, user_id).status());
    return transaction.Query(kEndOtherSessions, user_id, kNoSession, now).status();
  });
}

absl::StatusOr<bool> PostgresStore::IsSessionGood(absl::Time deadline, std::int64_t user_id,
                                                  std::int64_t session_id,
                                                  std::int64_t token_version) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFindSession,
                                                        user_id, session_id, token_version));
  return !rows.empty();
}

absl::StatusOr<RevocationPage> PostgresStore::ListRevocations(absl::Time deadline,
                                                              std::optional<absl::Time> since) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kListRevocations, since,
                                       absl::ToDoubleSeconds(kRevocationsOverlap),
                                       absl::ToDoubleSeconds(kRevocationsKept), kRevocationsMax));
  RevocationPage page{.revocations = {}, .as_of = rows[0].Time(0)};
  for (const Row& row : rows) {
    if (row.IsNull(1)) break;
    page.revocations.push_back({.user_id = row.Int64(1),
                                .minimum_token_version = row.Int64(2),
                                .session_id = row.Int64(3),
                                .revoked_at = row.Time(4)});
  }
  if (page.revocations.size() == static_cast<std::size_t>(kRevocationsMax)) {
    page.as_of = page.revocations.back().revoked_at + kRevocationsOverlap;
  }
  return page;
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

}  // namespace playlog::auth
