#ifndef PLAYLOG_SERVICES_SONG_STORE_STORE_H_
#define PLAYLOG_SERVICES_SONG_STORE_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/error.h"
#include "common/base/row_export.h"
#include "playlog/songs/v1/song.pb.h"
#include "services/song_store/cursor.h"
#include "services/song_store/plays.h"
#include "services/song_store/song_run.h"

namespace playlog::song_store {

// What a batch changed. The three add up to the plays of the batch.
struct UpsertCounts {
  int inserted = 0;
  int updated = 0;
  int unchanged = 0;
  bool operator==(const UpsertCounts&) const = default;
};

// Which songs to read.
struct Query {
  std::int64_t user_id = 0;
  // SOURCE_UNSPECIFIED reads every source.
  songs::v1::Source source = songs::v1::SOURCE_UNSPECIFIED;
  // Where to go on; from the newest song if nothing.
  std::optional<Position> after = std::nullopt;
  int limit = 0;
};

// Which plays to count.
struct CountQuery {
  std::int64_t user_id = 0;
  songs::v1::Source source = songs::v1::SOURCE_UNSPECIFIED;
  // The first moment of the span; the beginning of the history if nothing.
  std::optional<absl::Time> from = std::nullopt;
  // The moment after its last; the end of the history if nothing.
  std::optional<absl::Time> until = std::nullopt;
};

// The error of Upsert for a user who was erased.
inline absl::Status UserErasedError() {
  return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such user", "The user was deleted.");
}

// Where the plays are kept. Thread-safe; every call ends by its deadline. Errors are those of
// common/db/pool.h.
class SongStore {
 public:
  virtual ~SongStore() = default;

  // Stores the plays of a batch, each once, and completes known ones as Complete does, all or
  // nothing. Idempotent. A batch that changes nothing writes nothing. NOT_FOUND if the user was
  // marked as erased.
  virtual absl::StatusOr<UpsertCounts> Upsert(const Batch& batch, absl::Time deadline) = 0;

  // Appends up to `limit` songs in reading order. Songs that were stored meanwhile after the
  // query's position are among them; none comes twice over successive queries. Returns a revision
  // of the user's plays (see Revisions) than which what was read is not older.
  virtual absl::StatusOr<std::int64_t> Read(const Query& query, absl::Time deadline,
                                            SongRun& songs) = 0;

  // Counts plays by the source that told of them first.
  virtual absl::StatusOr<std::int64_t> Count(const CountQuery& query, absl::Time deadline) = 0;

  // Returns the revisions of the users' plays; 0 for a user of whom nothing was ever stored. Each
  // transaction that changes a user's plays, or marks the user as erased, gives the user a revision
  // that there never was; an Upsert that changes nothing gives none. So plays that are read after
  // their revision are at least as new as it.
  virtual absl::StatusOr<std::map<std::int64_t, std::int64_t>> Revisions(
      std::span<const std::int64_t> user_ids, absl::Time deadline) = 0;

  // Marks a user as erased. Afterwards nothing of the user is ever stored again: an Upsert that is
  // under way has ended before, and what it stored is there for Erase. Idempotent.
  virtual absl::Status MarkErased(std::int64_t user_id, absl::Time deadline) = 0;

  // Erases up to `limit` of a user's plays and returns how many; fewer than `limit` only when no
  // play and no batch of the user is left.
  virtual absl::StatusOr<std::int64_t> Erase(std::int64_t user_id, int limit,
                                             absl::Time deadline) = 0;

  // Gives out a user's `plays`, oldest first, and `batches`. It does not outlive the store.
  virtual std::unique_ptr<RowExport> Export(std::int64_t user_id) = 0;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_STORE_H_
