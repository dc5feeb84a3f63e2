#ifndef PLAYLOG_COMMON_INGEST_BACKFILL_WORKERS_H_
#define PLAYLOG_COMMON_INGEST_BACKFILL_WORKERS_H_

#include "common/base/loops.h"
#include "common/ingest/backfill_runner.h"

namespace playlog::ingest {

// The threads of a process that work on backfills. Thread-safe.
class BackfillWorkers {
 public:
  // The runner lives longer than the workers.
  explicit BackfillWorkers(BackfillRunner& runner) : runner_(runner) {}

  // Begins to work, in so many threads.
  void Start(int workers);
  // Lets those that have nothing to do look for work at once.
  void Wake() { loops_.Wake(); }
  // Lets each give back what it works on.
  void Stop() { loops_.Stop(); }

 private:
  void Work(Loops::Pulse& pulse);

  BackfillRunner& runner_;
  Loops loops_;  // Last, for its threads use the runner.
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_BACKFILL_WORKERS_H_
