#ifndef PLAYLOG_COMMON_INGEST_STORE_H_
#define PLAYLOG_COMMON_INGEST_STORE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ingest/page.h"

namespace playlog::ingest {

// The most rejected items that are kept of a user; the oldest go first.
inline constexpr int kMaxRejectedItemsPerUser = 1000;

// What an ingest service remembers about users. Thread-safe; every call ends by its deadline.
class Store {
 public:
  virtual ~Store() = default;
  // Keeps rejected items, each (by source and raw text) once, with the time of its last rejection.
  virtual absl::Status RecordRejected(std::int64_t user_id, std::string_view source,
                                      std::span<const RejectedItem> items, absl::Time at,
                                      absl::Time deadline) = 0;
  // Notes that the upstream wants no call with this version of the user's key before `until`. The
  // latest time of a version counts; another version starts afresh.
  virtual absl::Status NoteRateLimit(std::int64_t user_id, std::int64_t key_version,
                                     absl::Time until, absl::Time deadline) = 0;
  // Returns that time, or the infinite past if there is none.
  virtual absl::StatusOr<absl::Time> RateLimitedUntil(std::int64_t user_id,
                                                      std::int64_t key_version,
                                                      absl::Time deadline) = 0;
  // Erases all about a user and returns the number of rows.
  virtual absl::StatusOr<std::int64_t> EraseUser(std::int64_t user_id, absl::Time deadline) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_STORE_H_
