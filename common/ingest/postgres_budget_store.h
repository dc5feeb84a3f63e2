#ifndef PLAYLOG_COMMON_INGEST_POSTGRES_BUDGET_STORE_H_
#define PLAYLOG_COMMON_INGEST_POSTGRES_BUDGET_STORE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/db/pool.h"
#include "common/ingest/budget_store.h"

namespace playlog::ingest {

// A BudgetStore in PostgreSQL, shared by all whose pools lead to one schema. Each call is one round
// trip.
class PostgresBudgetStore final : public BudgetStore {
 public:
  explicit PostgresBudgetStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<PlaceAnswer> Take(const PlaceRequest& request, absl::Time deadline) override;
  absl::Status End(const std::string& name, absl::Duration later, absl::Time deadline) override;
  absl::Status Leave(const std::string& name, absl::Time deadline) override;
  absl::StatusOr<std::vector<int>> CountUsed(std::int64_t user_id,
                                             std::span<const CallLimit> limits,
                                             absl::Time deadline) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_POSTGRES_BUDGET_STORE_H_
