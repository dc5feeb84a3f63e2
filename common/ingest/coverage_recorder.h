#ifndef PLAYLOG_COMMON_INGEST_COVERAGE_RECORDER_H_
#define PLAYLOG_COMMON_INGEST_COVERAGE_RECORDER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/ingest/coverage.h"
#include "common/ingest/coverage_store.h"

namespace playlog::ingest {

struct Fetched;

// Notes which parts of users' histories are whole. To be told after the plays are stored, never
// before: whoever dies in between leaves a hole that the next look closes. Any number of processes
// may tell of one user at once, and nothing that was told is lost. To tell twice does no harm.
// Thread-safe; every call ends by its deadline. Errors are UNAVAILABLE, OVERLOADED and
// DEADLINE_EXCEEDED; what was told then counts or does not.
class CoverageRecorder {
 public:
  // The store lives longer than the recorder.
  explicit CoverageRecorder(CoverageStore& store) : store_(store) {}

  // After a fetch of the newest plays, by the sync or by the user.
  absl::Status RecordLook(std::int64_t user_id, const Look& look, absl::Time deadline);
  // After a sync has walked over a span of the source's history with both ends fixed.
  absl::Status RecordWalk(std::int64_t user_id, CoveredSpan span, absl::Time deadline);
  // After a backfill or an import has brought all plays of a span.
  absl::Status AddCovered(std::int64_t user_id, CoveredSpan span, absl::Time deadline);
  // After the source has said how many plays it has.
  absl::Status RecordCount(std::int64_t user_id, const SourceCount& count, absl::Time deadline);

 private:
  absl::Status Update(std::int64_t user_id, absl::FunctionRef<void(Coverage&)> change,
                      absl::Time deadline);

  CoverageStore& store_;
};

// How long after its end a play shows up at the source, if its device is online.
inline constexpr absl::Duration kReportedWithin = absl::Minutes(2);

// The look that a fetch of the newest `asked` plays was, which began at `at`: it covers what ended
// until kReportedWithin before.
Look LookOf(const Fetched& fetched, int asked, absl::Time at);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_COVERAGE_RECORDER_H_
