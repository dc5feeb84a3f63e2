#ifndef PLAYLOG_COMMON_INGEST_COVERAGE_STORE_H_
#define PLAYLOG_COMMON_INGEST_COVERAGE_STORE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ingest/coverage.h"

namespace playlog::ingest {

// What a source counts of a user's plays, beside what is stored of them.
struct SourceCount {
  std::int64_t theirs = 0;
  std::int64_t ours = 0;
  absl::Time counted_at;
  bool operator==(const SourceCount&) const = default;
};

// What is known of how whole a user's history is.
struct KnownCoverage {
  Coverage coverage = {};
  std::optional<SourceCount> count = {};
  std::int64_t version = 0;  // Of the coverage; 0 if none was ever saved.
};

// Keeps users' coverage. Thread-safe; every call ends by its deadline. Whoever is erased has none,
// and what is saved of them is dropped without an error.
class CoverageStore {
 public:
  virtual ~CoverageStore() = default;
  // Returns what is known of a user; nothing if neither of the two below was ever kept.
  virtual absl::StatusOr<std::optional<KnownCoverage>> LoadCoverage(std::int64_t user_id,
                                                                    absl::Time deadline) = 0;
  // Saves a coverage in place of the one of that version. False if another was saved meanwhile, by
  // any process, and also if the user was erased. After an error it may be saved or not.
  virtual absl::StatusOr<bool> SaveCoverage(std::int64_t user_id, std::int64_t version,
                                            const Coverage& coverage, absl::Time deadline) = 0;
  // Keeps a count unless a later one is known.
  virtual absl::Status SaveCount(std::int64_t user_id, const SourceCount& count,
                                 absl::Time deadline) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_COVERAGE_STORE_H_
