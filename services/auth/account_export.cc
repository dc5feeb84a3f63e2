#include "common/db/row_export.h"
#include "services/auth/export_sources.h"

namespace playlog::auth {
namespace {

constexpr db::Statement kAccount{"export_account", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT id, username, staff, created_at) AS line),
    users.id::text
  FROM users WHERE users.id = $1::bigint AND ($2::text[])[1] IS NULL LIMIT $3::bigint)sql"};

constexpr db::Statement kKeys{"export_keys", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT
      service_name, service_user_id, created_at, updated_at, version, state,
      coalesce(state_since, updated_at) AS state_since, last_success_at, grant_rejected_at,
      signed_in_at, signed_in_at + interval '6 months' AS ends_at) AS line),
    api_credentials.id::text
  FROM api_credentials
  WHERE user_id = $1::bigint AND id > coalesce(($2::text[])[1], '0')::bigint
  ORDER BY api_credentials.id LIMIT $3::bigint)sql"};

constexpr db::Statement kSignIns{"export_sign_ins", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT
      id, created_at, rotated_at, expires_at, revoked_at) AS line),
    refresh_families.id::text
  FROM refresh_families
  WHERE user_id = $1::bigint AND id > coalesce(($2::text[])[1], '0')::bigint
  ORDER BY refresh_families.id LIMIT $3::bigint)sql"};

constexpr db::Statement kRevocations{"export_revocations", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT
      session_id, minimum_token_version, revoked_at) AS line),
    revocations.id::text
  FROM revocations
  WHERE user_id = $1::bigint AND id > coalesce(($2::text[])[1], '0')::bigint
  ORDER BY revocations.id LIMIT $3::bigint)sql"};

// The subject is what Throttle::ForAccount makes of the name.
constexpr db::Statement kFailedSignIns{"export_failed_sign_ins", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT failed_at) AS line), failure.id::text
  FROM users JOIN login_failures AS failure ON failure.subject =
    sha256(convert_to('account:' || lower(username COLLATE "C"), 'UTF8'))
  WHERE users.id = $1::bigint AND failure.id > coalesce(($2::text[])[1], '0')::bigint
  ORDER BY failure.id LIMIT $3::bigint)sql"};

constexpr db::Statement kAudit{"export_audit", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT
      id, at, action, service_name, done_by AS by, request_id) AS line),
    audit_events.id::text
  FROM audit_events
  WHERE user_id = $1::bigint AND id > coalesce(($2::text[])[1], '0')::bigint
  ORDER BY audit_events.id LIMIT $3::bigint)sql"};

constexpr db::ExportedTable kTables[] = {
    {"account", kAccount},
    {"keys", kKeys},
    {"sign_ins", kSignIns},
    {"revocations", kRevocations},
    {"failed_sign_ins", kFailedSignIns},
    {"audit", kAudit},
};

}  // namespace

std::unique_ptr<RowExport> ExportAccount(db::Pool& pool, std::int64_t user_id) {
  return std::make_unique<db::PostgresRowExport>(pool, kTables, user_id);
}

}  // namespace playlog::auth
