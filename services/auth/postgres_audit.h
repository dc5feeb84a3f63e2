#ifndef PLAYLOG_SERVICES_AUTH_POSTGRES_AUDIT_H_
#define PLAYLOG_SERVICES_AUTH_POSTGRES_AUDIT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/db/pool.h"
#include "services/auth/audit.h"

namespace playlog::auth {

// Writes an event in a transaction of the caller's, so that it is kept exactly if the change is.
// NOT_FOUND if the user is gone. Locks the user's row as a reference to it does (FOR KEY SHARE): a
// transaction that locks the user and something else locks the user first.
absl::Status WriteAuditEvent(db::Transaction& transaction, const AuditEvent& event);

// The events in the schema `auth` of PostgreSQL; migrations/ makes the table.
class PostgresAudit final : public Audit {
 public:
  explicit PostgresAudit(db::Pool& pool) : pool_(pool) {}

  absl::Status Write(absl::Time deadline, const AuditEvent& event) override;
  absl::StatusOr<std::vector<AuditEvent>> List(absl::Time deadline, std::int64_t user_id,
                                               std::optional<std::int64_t> before,
                                               int limit) override;
  absl::StatusOr<std::vector<AuditEvent>> ListAll(absl::Time deadline,
                                                  const AuditQuery& query) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_POSTGRES_AUDIT_H_
