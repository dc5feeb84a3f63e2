#ifndef PLAYLOG_COMMON_INGEST_KEY_NOTES_H_
#define PLAYLOG_COMMON_INGEST_KEY_NOTES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ingest/attempts.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/schedule_store.h"
#include "common/rpc/call.h"

namespace playlog::ingest {

struct KeyNotesOptions {
  // The first run of a key comes so long after it was stored, and up to `spread` later.
  absl::Duration first_run_in = absl::Seconds(60);
  absl::Duration spread = absl::Seconds(15);
  // Users of whom only the list tells may be many at once: each of them adds this to the spread.
  absl::Duration spread_of_each = absl::Milliseconds(600);
};

// How the schedule learns which users have a key: it is told when one is stored, and for what it
// missed, for deletions and for how keys fare it reads the vault's list again and again.
class KeyNotes {
 public:
  // The arguments live longer than the object. An empty `random` means a real one.
  KeyNotes(ScheduleStore& store, KeyVault& vault, Random random = {}, KeyNotesOptions options = {});

  // Schedules the first run with a key that was just stored. What goes wrong is only logged: the
  // list will tell. Thread-safe.
  void NoteStored(const rpc::Call& call, const NotedKey& key);

  // Takes in the next part of the list. Returns whether it was the last; the next call then begins
  // anew. For one thread. Errors are the vault's and the store's; the part is taken in again then.
  absl::StatusOr<bool> NoteNextPart(const rpc::Call& call);

 private:
  ScheduleStore& store_;
  KeyVault& vault_;
  const Random random_;
  const KeyNotesOptions options_;
  std::int64_t after_user_id_ = 0;  // Where the next part begins.
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_KEY_NOTES_H_
