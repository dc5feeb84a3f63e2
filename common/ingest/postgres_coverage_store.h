#ifndef PLAYLOG_COMMON_INGEST_POSTGRES_COVERAGE_STORE_H_
#define PLAYLOG_COMMON_INGEST_POSTGRES_COVERAGE_STORE_H_

#include <cstdint>
#include <optional>

#include "common/db/pool.h"
#include "common/ingest/coverage_store.h"

namespace playlog::ingest {

// A CoverageStore in PostgreSQL, in the tables of StoreMigrations(). Erasure and export of its rows
// are PostgresStore's.
class PostgresCoverageStore final : public CoverageStore {
 public:
  // The pool lives longer than the store.
  explicit PostgresCoverageStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<std::optional<KnownCoverage>> LoadCoverage(std::int64_t user_id,
                                                            absl::Time deadline) override;
  absl::StatusOr<bool> SaveCoverage(std::int64_t user_id, std::int64_t version,
                                    const Coverage& coverage, absl::Time deadline) override;
  absl::Status SaveCount(std::int64_t user_id, const SourceCount& count,
                         absl::Time deadline) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_POSTGRES_COVERAGE_STORE_H_
