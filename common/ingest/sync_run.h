#ifndef PLAYLOG_COMMON_INGEST_SYNC_RUN_H_
#define PLAYLOG_COMMON_INGEST_SYNC_RUN_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/ingest/coverage_recorder.h"
#include "common/ingest/engine.h"
#include "common/ingest/poll_interval.h"
#include "common/ingest/schedule_store.h"

namespace playlog::ingest {

struct SyncRunOptions {
  // A run waits for as long as this tells, divided by `speedup`; a source's own wish to be left
  // alone is not divided. Tests have no time to wait.
  PollOptions polling;
  double speedup = 1;
  // The plays that a run asks for at first.
  int newest = 50;
  // What follows is for a source that tells its past.
  // A scrobble shows up some minutes after the time that it bears.
  absl::Duration overlap = absl::Minutes(30);
  // How often the last days are compared with what the source counts. It takes in plays that are 14
  // days old at most; a device that was offline brings them at once.
  absl::Duration compare_every = absl::Hours(24);
  absl::Duration compared = absl::Hours(15 * 24);
  // The pages that a run reads beside the newest; the next run goes on.
  int pages_max = 10;
};

// The options for a source with that profile.
SyncRunOptions SyncRunOptionsFor(const SourceProfile& profile, double speedup);

// What came of a run, for metrics and logs.
enum class RunOutcome { kOk, kRateLimited, kRefused, kFailed };
std::string_view OutcomeName(RunOutcome outcome);

// A run that has ended.
struct FinishedRun {
  RunOutcome outcome = RunOutcome::kOk;
  RunRecord record;
};

// What a run works with; all of it lives longer.
struct SyncRunParts {
  Engine& engine;
  const SourceProfile& profile;
  PlaySink& sink;
  Clock& clock;
  // Told what each run covers; null: nobody is.
  CoverageRecorder* coverage = nullptr;
  Random random = RealRandom();
};

// Fetches one user's plays in the background. Of a source that shows a window of its newest plays,
// the whole window each time. Of one that tells its past, the newest page, and whatever lies
// between it and what was read before; and every day the source's count of the last days is
// compared with ours, and they are read again where the two differ. Thread-safe; calls block.
class SyncRun {
 public:
  SyncRun(SyncRunParts parts, SyncRunOptions options);

  // Runs until the call's deadline at the latest. What is stored before a failure stays, and the
  // record says how far the run came. Nothing if the run was given up because the call was
  // cancelled.
  std::optional<FinishedRun> Run(const rpc::Call& call, const ClaimedUser& user);

 private:
  // The state of one run.
  struct Work {
    const rpc::Call& call;
    const std::int64_t user_id;
    const absl::Time at;  // When it began.
    RunRecord& record;
    int pages_left;
    std::optional<std::int64_t> total = std::nullopt;  // The plays that the source has.
    std::optional<Credential> credential =
        std::nullopt;  // Once opened for more than the first page.
  };

  absl::Status FetchAll(Work& work);
  absl::Status FetchNewest(Work& work);
  void NoteNewest(const Fetched& fetched, Work& work) const;
  // Reads on in what is unread, for as many pages as are left.
  absl::Status ReadUnread(Work& work);
  absl::Status ReadPages(Work& work);
  // Compares the last days with what the source counts, and leaves them unread if they differ.
  absl::Status Compare(Work& work);
  // Notes what the source and we count in all.
  absl::Status CountAll(Work& work);
  // Tells the recorder, if there is one.
  void NoteCoverage(const Work& work,
                    absl::FunctionRef<absl::Status(CoverageRecorder&, absl::Time deadline)> note);
  absl::Status Open(Work& work);
  // Judges how the run ended and says when the next one is due.
  RunOutcome Conclude(const absl::Status& status, int failures_before, RunRecord& record);
  // Whether the source failed, and not we ourselves.
  bool IsOfTheSource(const absl::Status& status) const;
  std::string WordsFor(const absl::Status& status) const;

  const SyncRunParts parts_;
  const SyncRunOptions options_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SYNC_RUN_H_
