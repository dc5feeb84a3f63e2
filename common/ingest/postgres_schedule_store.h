#ifndef PLAYLOG_COMMON_INGEST_POSTGRES_SCHEDULE_STORE_H_
#define PLAYLOG_COMMON_INGEST_POSTGRES_SCHEDULE_STORE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/db/pool.h"
#include "common/ingest/schedule_store.h"

namespace playlog::ingest {

// A ScheduleStore in PostgreSQL, in the schema of an ingest service (StoreMigrations makes its
// table; PostgresStore erases and gives out its rows).
class PostgresScheduleStore final : public ScheduleStore {
 public:
  explicit PostgresScheduleStore(db::Pool& pool) : pool_(pool) {}

  absl::Status NoteKey(const NotedKey& key, absl::Duration first_run_in,
                       absl::Time deadline) override;
  absl::StatusOr<ListedCounts> NoteListed(const ListedKeys& listed, absl::Duration first_run_in,
                                          absl::Duration first_run_latest,
                                          absl::Time deadline) override;
  absl::StatusOr<std::vector<ClaimedUser>> Claim(std::string_view holder, int limit,
                                                 absl::Duration lease,
                                                 absl::Time deadline) override;
  absl::StatusOr<bool> Finish(const ClaimedUser& claimed, const RunRecord& record,
                              absl::Time deadline) override;
  absl::Status Release(std::int64_t user_id, std::string_view holder, absl::Time deadline) override;
  absl::StatusOr<std::optional<Schedule>> Find(std::int64_t user_id, absl::Time deadline) override;
  absl::StatusOr<std::optional<Schedule>> SetEnabled(std::int64_t user_id, bool enabled,
                                                     absl::Time deadline) override;
  absl::StatusOr<DueUsers> CountDue(absl::Time deadline) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_POSTGRES_SCHEDULE_STORE_H_
