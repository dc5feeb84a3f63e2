#ifndef PLAYLOG_COMMON_INGEST_JOB_STORE_H_
#define PLAYLOG_COMMON_INGEST_JOB_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ingest/backfill.h"
#include "common/ingest/source.h"

namespace playlog::ingest {

// The most jobs that have not ended, of all users together.
inline constexpr int kOpenJobsMax = 10'000;
// The most jobs that are kept of a user; the oldest that have ended go first.
inline constexpr int kJobsPerUserMax = 100;

// A backfill of a user's past.
struct Job {
  enum class State { kOpen, kDone, kFailed, kCancelled };

  std::int64_t number = 0;
  std::int64_t user_id = 0;
  Span span;
  State state = State::kOpen;
  bool running = false;  // Somebody works on it now.

  Walk walk;                    // The present walk.
  std::int64_t told_twice = 0;  // Plays of the present walk, as in WalkEnd.
  Seam seam;                    // Of the present walk.
  Tallies rejected;             // Items of the present walk, by reason.
  std::int64_t walk_added = 0;  // Plays of the present walk that were new.

  int walks = 0;                       // Those that have ended.
  std::optional<std::int64_t> excess;  // Of the last of them, as in WalkVerdict.
  std::int64_t added = 0;              // Plays of all walks that were new.
  std::int64_t read = 0;               // Plays read in all walks.
  Tallies differences;                 // At the end, as in WalkVerdict.
  absl::Duration worked;               // The time for which somebody worked on it.
  int failures = 0;                    // In a row; whatever goes well ends the row.
  std::string last_error;              // In words; empty if nothing went wrong.

  absl::Time created_at;
  std::optional<absl::Time> ended_at;
};

// What becomes of a job that its holder saves.
struct JobFate {
  enum class Kind {
    kHold,      // The holder goes on; the claim begins anew.
    kGiveBack,  // Anybody may claim it, after the time.
    kEnd,       // It has ended, as its state says.
  };
  Kind kind = Kind::kHold;
  absl::Duration time = absl::ZeroDuration();
};

// Keeps users' jobs. A job is worked on by whoever has claimed it, until the claim's time is over;
// the time is the store's own, so that any number of processes share the work. Thread-safe; every
// call ends by its deadline. Whoever is erased has no jobs and gets none.
class JobStore {
 public:
  virtual ~JobStore() = default;
  // Returns the user's open job, or makes one. OVERLOADED if there are kOpenJobsMax others;
  // NOT_FOUND if the user is erased.
  virtual absl::StatusOr<Job> Start(std::int64_t user_id, const Span& span,
                                    absl::Time deadline) = 0;
  // Returns the user's jobs, newest first.
  virtual absl::StatusOr<std::vector<Job>> List(std::int64_t user_id, absl::Time deadline) = 0;
  // Returns a job of the user; nothing if the user has none of that number.
  virtual absl::StatusOr<std::optional<Job>> Find(std::int64_t user_id, std::int64_t number,
                                                  absl::Time deadline) = 0;
  // Ends the job unless it has ended. False if the user has none of that number.
  virtual absl::StatusOr<bool> Cancel(std::int64_t user_id, std::int64_t number,
                                      absl::Time deadline) = 0;
  // Claims for that time the open job that has waited longest since it was due and that nobody
  // holds; nothing if there is none. Its walk is not steady if the one who held it has vanished:
  // what it stored last may not have been noted. `holder` is another text at each claim.
  virtual absl::StatusOr<std::optional<Job>> Claim(std::string_view holder, absl::Duration time,
                                                   absl::Time deadline) = 0;
  // Saves what has become of a job. False, and nothing is saved, if the holder has it no longer: it
  // was cancelled, its user was erased, or the claim's time was over and somebody else has it.
  // After an error it may be saved or not.
  virtual absl::StatusOr<bool> Save(const Job& job, std::string_view holder, const JobFate& fate,
                                    absl::Time deadline) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_JOB_STORE_H_
