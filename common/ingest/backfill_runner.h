#ifndef PLAYLOG_COMMON_INGEST_BACKFILL_RUNNER_H_
#define PLAYLOG_COMMON_INGEST_BACKFILL_RUNNER_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/ingest/engine.h"
#include "common/ingest/job_store.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/source.h"

namespace playlog::ingest {

struct BackfillOptions {
  // A job that is worked on gives way to those that wait after that time.
  absl::Duration slice = absl::Seconds(30);
  // Whoever has vanished for so long has lost a claim.
  absl::Duration claim = absl::Seconds(30);
  // The claim is renewed, and the job looked after, at least so often.
  absl::Duration heartbeat = absl::Seconds(5);
  // The pages that are asked for at a time: with two, an answer may take twice as long as a limit
  // leaves between two calls, and no call is lost.
  int in_flight = 2;
  // The longest that a page may take, waits for the source's limits included.
  absl::Duration page = absl::Seconds(20);
};

// Works on the backfills of a source: claims a job, reads pages, stores their plays, and only then
// notes in the job how far it is. Killed anywhere, the job goes on where that was noted, and to
// store the same plays again does no harm. Any number of runners, here and in other processes,
// share the jobs. Thread-safe.
class BackfillRunner {
 public:
  // Told that a job has brought all plays of its span, and how many are stored of them, before it
  // is done; after an error it is told again.
  using OnWhole = std::function<absl::Status(const Job& job, std::int64_t stored)>;
  // False when the work is to be given back at once.
  using GoesOn = std::function<bool()>;

  // All of them live longer than the runner.
  BackfillRunner(Source& source, Engine& engine, PlaySink& sink, JobStore& jobs, Clock& clock,
                 OnWhole on_whole, BackfillOptions options = {});

  // Works on the job that has waited longest, for a slice of time. False if none is due. `goes_on`
  // is asked in this thread, several times a minute.
  absl::StatusOr<bool> RunOne(const GoesOn& goes_on);

 private:
  class Slice;

  Source& source_;
  Engine& engine_;
  PlaySink& sink_;
  JobStore& jobs_;
  Clock& clock_;
  const OnWhole on_whole_;
  const BackfillOptions options_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_BACKFILL_RUNNER_H_
