#ifndef PLAYLOG_COMMON_INGEST_SYNC_FLAGS_H_
#define PLAYLOG_COMMON_INGEST_SYNC_FLAGS_H_

#include "absl/status/statusor.h"
#include "common/ingest/key_notes.h"
#include "common/ingest/scheduler.h"

namespace playlog::ingest {

// What the operator says about background fetches.
struct SyncFlags {
  SchedulerOptions scheduler;  // Without workers nothing is fetched in the background.
  KeyNotesOptions notes;
  double speedup = 1;  // What every pause is divided by.
};

// Reads --sync_workers, --first_sync_delay_s, --sync_run_s, --sync_overdue_s and --sync_speedup.
// FAILED_PRECONDITION names the first that is out of bounds.
absl::StatusOr<SyncFlags> ReadSyncFlags();

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SYNC_FLAGS_H_
