#include "services/auth/postgres_audit.h"

#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

using db::Effect;
using db::Row;
using db::Rows;
using db::Statement;
using db::Transaction;

// One in so many writes also forgets. A prime, so that users who write in turn all get to it.
constexpr std::int64_t kWritesPerForgetting = 61;
// What one forgetting drops at most, well over what was written since the last one.
constexpr std::int64_t kForgottenMax = 300;
constexpr std::string_view kActionPrefix = "AUDIT_ACTION_";

constexpr Statement kWrite{"write_audit_event", R"sql(
  INSERT INTO audit_events (user_id, at, action, service_name, done_by, request_id)
  SELECT id, $2::timestamptz, $3::text, $4::text, $5::text, $6::text
  FROM users WHERE id = $1::bigint FOR KEY SHARE
  RETURNING id)sql"};

// The oldest events come first by their ids too, so no index by age is needed. What another
// transaction is forgetting is left to it.
constexpr Statement kForgetOld{"forget_old_audit_events", R"sql(
  DELETE FROM audit_events WHERE at <= $1::timestamptz AND id IN (
    SELECT id FROM audit_events ORDER BY id LIMIT $2::bigint FOR UPDATE SKIP LOCKED))sql"};

constexpr Statement kForgetSurplus{"forget_surplus_audit_events", R"sql(
  DELETE FROM audit_events WHERE id IN (
    SELECT id FROM audit_events
    WHERE user_id = $1::bigint AND id <= (
      SELECT id FROM audit_events WHERE user_id = $1::bigint
      ORDER BY id DESC OFFSET $2::bigint LIMIT 1)
    ORDER BY id LIMIT $3::bigint FOR UPDATE SKIP LOCKED))sql"};

constexpr Statement kList{"list_audit_events", R"sql(
  SELECT id, at, action, service_name, done_by, request_id FROM audit_events
  WHERE user_id = $1::bigint AND ($2::bigint IS NULL OR id < $2::bigint)
  ORDER BY id DESC LIMIT $3::bigint)sql"};

// By the primary key, or the index of one of the two filters.
constexpr Statement kListAll{"list_all_audit_events", R"sql(
  SELECT id, at, action, service_name, done_by, request_id, user_id FROM audit_events
  WHERE ($1::bigint IS NULL OR user_id = $1::bigint) AND ($2::text IS NULL OR action = $2::text)
    AND ($3::bigint IS NULL OR id < $3::bigint)
  ORDER BY id DESC LIMIT $4::bigint)sql",
                             false};

// The name as the table has it: KEY_OPENED.
std::string NameOf(v1::AuditAction action) {
  return v1::AuditAction_Name(action).substr(kActionPrefix.size());
}

v1::AuditAction ActionOf(std::string_view name) {
  v1::AuditAction action = v1::AUDIT_ACTION_UNSPECIFIED;
  // A name that a newer program wrote stays unspecified.
  v1::AuditAction_Parse(std::string(kActionPrefix) + std::string(name), &action);
  return action;
}

std::optional<std::string> NullIfEmpty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

AuditEvent ReadEvent(const Row& row, std::int64_t user_id) {
  return {.id = row.Int64(0),
          .user_id = user_id,
          .at = row.Time(1),
          .action = ActionOf(row.Text(2)),
          .service_name = std::string(row.Text(3)),
          .by = std::string(row.Text(4)),
          .request_id = std::string(row.Text(5))};
}

// Reads the answer to kWrite; returns whether this write also forgets.
absl::StatusOr<bool> ReadWritten(const Rows& rows) {
  if (rows.empty()) return AuditedUserGoneError();
  return rows[0].Int64(0) % kWritesPerForgetting == 0;
}

absl::Status Forget(Transaction& transaction, const AuditEvent& event) {
  PLAYLOG_RETURN_IF_ERROR(
      transaction.Query(kForgetOld, event.at - Audit::kKept, kForgottenMax).status());
  return transaction.Query(kForgetSurplus, event.user_id, Audit::kEventsMax, kForgottenMax)
      .status();
}

}  // namespace

absl::Status WriteAuditEvent(Transaction& transaction, const AuditEvent& event) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      transaction.Query(kWrite, event.user_id, event.at, NameOf(event.action),
                        NullIfEmpty(event.service_name), event.by, event.request_id));
  PLAYLOG_ASSIGN_OR_RETURN(const bool forgets, ReadWritten(rows));
  return forgets ? Forget(transaction, event) : absl::OkStatus();
}

absl::Status PostgresAudit::Write(absl::Time deadline, const AuditEvent& event) {
  // Written twice after a connection that broke, an event is no worse than one written once.
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kWrite, event.user_id, event.at,
                                   NameOf(event.action), NullIfEmpty(event.service_name), event.by,
                                   event.request_id));
  PLAYLOG_ASSIGN_OR_RETURN(const bool forgets, ReadWritten(rows));
  if (!forgets) return absl::OkStatus();
  const absl::Status forgotten =
      pool_.Run(deadline, Effect::kIdempotent,
                [&](Transaction& transaction) { return Forget(transaction, event); });
  if (!forgotten.ok()) {
    Log(Severity::kWarning, "audit_not_forgotten", {{"code", playlog::NameOf(CodeOf(forgotten))}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AuditEvent>> PostgresAudit::List(absl::Time deadline,
                                                            std::int64_t user_id,
                                                            std::optional<std::int64_t> before,
                                                            int limit) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kList, user_id, before, limit));
  std::vector<AuditEvent> events;
  events.reserve(rows.size());
  for (const Row row : rows) events.push_back(ReadEvent(row, user_id));
  return events;
}

absl::StatusOr<std::vector<AuditEvent>> PostgresAudit::ListAll(absl::Time deadline,
                                                               const AuditQuery& query) {
  std::optional<std::string> action;
  if (query.action.has_value()) action = NameOf(*query.action);
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kListAll, query.user_id, action,
                                   query.before, query.limit));
  std::vector<AuditEvent> events;
  events.reserve(rows.size());
  for (const Row row : rows) events.push_back(ReadEvent(row, row.Int64(6)));
  return events;
}

}  // namespace playlog::auth
