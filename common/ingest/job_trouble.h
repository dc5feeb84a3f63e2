#ifndef PLAYLOG_COMMON_INGEST_JOB_TROUBLE_H_
#define PLAYLOG_COMMON_INGEST_JOB_TROUBLE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/ingest/job_store.h"
#include "common/ingest/source.h"

// What a job does about an error.
namespace playlog::ingest {

// The failures in a row, other than rate limits, after which a job gives up; with the pauses
// between them they take about three days.
inline constexpr int kJobFailuresMax = 72;
// A source was seen to deny a user whom it had just told about; it has so many chances to recover.
inline constexpr int kDenialsMax = 6;

struct TroubleVerdict {
  bool give_up = false;     // No further try will help.
  bool is_failure = false;  // It counts as one of a row.
  absl::Duration pause;     // Until the next try.
};
// `job.failures` are those before this one.
TroubleVerdict JudgeTrouble(const absl::Status& status, const Job& job);

// Whether a smaller page may come where this error did.
bool MayBeTooLarge(const absl::Status& status);

// The error for the job's owner: what went wrong, and what to do.
std::string WordsOf(const absl::Status& status, const Source& source);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_JOB_TROUBLE_H_
