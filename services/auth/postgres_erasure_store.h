#ifndef PLAYLOG_SERVICES_AUTH_POSTGRES_ERASURE_STORE_H_
#define PLAYLOG_SERVICES_AUTH_POSTGRES_ERASURE_STORE_H_

#include <cstdint>
#include <optional>

#include "common/db/pool.h"
#include "services/auth/erasure_store.h"

namespace playlog::auth {

// The erasures in the schema `auth` of PostgreSQL.
class PostgresErasureStore final : public ErasureStore {
 public:
  explicit PostgresErasureStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<std::optional<Erasure>> Claim(absl::Time deadline, absl::Duration time) override;
  absl::Status Postpone(absl::Time deadline, std::int64_t user_id, absl::Duration pause) override;
  absl::Status Finish(absl::Time deadline, std::int64_t user_id) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_POSTGRES_ERASURE_STORE_H_
