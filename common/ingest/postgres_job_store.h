#ifndef PLAYLOG_COMMON_INGEST_POSTGRES_JOB_STORE_H_
#define PLAYLOG_COMMON_INGEST_POSTGRES_JOB_STORE_H_

#include "common/db/pool.h"
#include "common/ingest/job_store.h"

namespace playlog::ingest {

// Jobs in PostgreSQL. The schema is up to date: StoreMigrations() were run.
class PostgresJobStore final : public JobStore {
 public:
  // The pool lives longer than the store.
  explicit PostgresJobStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<Job> Start(std::int64_t user_id, const Span& span, absl::Time deadline) override;
  absl::StatusOr<std::vector<Job>> List(std::int64_t user_id, absl::Time deadline) override;
  absl::StatusOr<std::optional<Job>> Find(std::int64_t user_id, std::int64_t number,
                                          absl::Time deadline) override;
  absl::StatusOr<bool> Cancel(std::int64_t user_id, std::int64_t number,
                              absl::Time deadline) override;
  absl::StatusOr<std::optional<Job>> Claim(std::string_view holder, absl::Duration time,
                                           absl::Time deadline) override;
  absl::StatusOr<bool> Save(const Job& job, std::string_view holder, const JobFate& fate,
                            absl::Time deadline) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_POSTGRES_JOB_STORE_H_
