#ifndef PLAYLOG_SERVICES_SONG_STORE_POSTGRES_STORE_H_
#define PLAYLOG_SERVICES_SONG_STORE_POSTGRES_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "common/db/pool.h"
#include "services/song_store/settled_batches.h"
#include "services/song_store/store.h"

namespace playlog::song_store {

// The store in PostgreSQL, in the tables of migrations/. Each call but Erase and Export is one
// statement and one round trip; Upsert is two where it expects a batch to change nothing and errs,
// and Read asks again for a user without songs and at an instant with very many.
class PostgresSongStore final : public SongStore {
 public:
  explicit PostgresSongStore(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<UpsertCounts> Upsert(const Batch& batch, absl::Time deadline) override;
  absl::StatusOr<std::int64_t> Read(const Query& query, absl::Time deadline,
                                    SongRun& songs) override;
  absl::StatusOr<std::int64_t> Count(const CountQuery& query, absl::Time deadline) override;
  absl::StatusOr<std::map<std::int64_t, std::int64_t>> Revisions(
      std::span<const std::int64_t> user_ids, absl::Time deadline) override;
  absl::Status MarkErased(std::int64_t user_id, absl::Time deadline) override;
  absl::StatusOr<std::int64_t> Erase(std::int64_t user_id, int limit, absl::Time deadline) override;
  std::unique_ptr<RowExport> Export(std::int64_t user_id) override;

 private:
  // Whether the batch is remembered, by its key, and has nothing to add now either.
  absl::StatusOr<bool> IsSettled(const std::string& key, const Batch& batch, absl::Time deadline);
  absl::StatusOr<db::Rows> ReadRows(const Query& query, absl::Time deadline);

  db::Pool& pool_;
  SettledBatches settled_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_POSTGRES_STORE_H_
