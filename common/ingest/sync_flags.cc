#include "common/ingest/sync_flags.h"

#include <algorithm>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

ABSL_FLAG(int, sync_workers, 8,
          "The background fetches that this process works on at once, 0 to 64; 0: none.");
ABSL_FLAG(int, first_sync_delay_s, 60,
          "The seconds between storing a key and the first background fetch with it, up to a day.");
ABSL_FLAG(int, sync_run_s, 30, "The longest background fetch in seconds, 1 to 300.");
ABSL_FLAG(
    int, sync_overdue_s, 900,
    "The seconds, 1 to 86400, that a background fetch may be late before the process says that "
    "it is degraded.");
ABSL_FLAG(int, sync_speedup, 1,
          "For tests: divides every pause between background fetches, 1 to 10000.");

namespace playlog::ingest {
namespace {

absl::Status CheckFlag(const absl::Flag<int>& flag, int least, int most) {
  const int value = absl::GetFlag(flag);
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "--", absl::GetFlagReflectionHandle(flag).Name(), " is not from ", least, " to ", most));
}

}  // namespace

absl::StatusOr<SyncFlags> ReadSyncFlags() {
  PLAYLOG_RETURN_IF_ERROR(CheckFlag(FLAGS_sync_workers, 0, 64));
  PLAYLOG_RETURN_IF_ERROR(CheckFlag(FLAGS_first_sync_delay_s, 0, 86400));
  PLAYLOG_RETURN_IF_ERROR(CheckFlag(FLAGS_sync_run_s, 1, 300));
  PLAYLOG_RETURN_IF_ERROR(CheckFlag(FLAGS_sync_overdue_s, 1, 86400));
  PLAYLOG_RETURN_IF_ERROR(CheckFlag(FLAGS_sync_speedup, 1, 10000));
  SyncFlags flags;
  flags.speedup = absl::GetFlag(FLAGS_sync_speedup);
  SchedulerOptions& scheduler = flags.scheduler;
  scheduler.workers = absl::GetFlag(FLAGS_sync_workers);
  scheduler.run_max = absl::Seconds(absl::GetFlag(FLAGS_sync_run_s));
  scheduler.overdue_max = absl::Seconds(absl::GetFlag(FLAGS_sync_overdue_s));
  // Faster than this, looking would cost more than running.
  constexpr absl::Duration kShortest = absl::Milliseconds(50);
  for (absl::Duration* const pause : {&scheduler.look_pause, &scheduler.part_pause,
                                      &scheduler.list_pause, &scheduler.measure_pause}) {
    *pause = std::max(*pause / flags.speedup, kShortest);
  }
  flags.notes.first_run_in = absl::Seconds(absl::GetFlag(FLAGS_first_sync_delay_s));
  flags.notes.spread /= flags.speedup;
  flags.notes.spread_of_each /= flags.speedup;
  return flags;
}

}  // namespace playlog::ingest
