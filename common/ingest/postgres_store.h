#ifndef PLAYLOG_COMMON_INGEST_POSTGRES_STORE_H_
#define PLAYLOG_COMMON_INGEST_POSTGRES_STORE_H_

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/embedded_file.h"
#include "common/db/pool.h"
#include "common/ingest/store.h"

namespace playlog::ingest {

// The migrations that make the tables of PostgresStore in the schema of an ingest service.
std::span<const EmbeddedFile> StoreMigrations();

// A Store in PostgreSQL.
class PostgresStore final : public Store {
 public:
  explicit PostgresStore(db::Pool& pool) : pool_(pool) {}

  absl::Status RecordRejected(std::int64_t user_id, std::string_view source,
                              std::span<const RejectedItem> items, absl::Time at,
                              absl::Time deadline) override;
  absl::Status NoteRateLimit(std::int64_t user_id, std::int64_t key_version, absl::Time until,
                             absl::Time deadline) override;
  absl::StatusOr<absl::Time> RateLimitedUntil(std::int64_t user_id, std::int64_t key_version,
                                              absl::Time deadline) override;
  absl::StatusOr<bool> ClaimRenewal(std::int64_t user_id, std::string_view holder,
                                    absl::Duration time, absl::Time deadline) override;
  absl::Status ReleaseRenewal(std::int64_t user_id, std::string_view holder,
                              absl::Time deadline) override;
  absl::Status AddSignIn(const SignIn& sign_in, absl::Time deadline) override;
  absl::StatusOr<std::optional<SignIn>> TakeSignIn(std::string_view state_digest,
                                                   absl::Time deadline) override;
  absl::StatusOr<std::int64_t> EraseUser(std::int64_t user_id, absl::Time deadline) override;
  std::unique_ptr<RowExport> Export(std::int64_t user_id) override;

 private:
  db::Pool& pool_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_POSTGRES_STORE_H_
