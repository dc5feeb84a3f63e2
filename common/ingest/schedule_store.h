#ifndef PLAYLOG_COMMON_INGEST_SCHEDULE_STORE_H_
#define PLAYLOG_COMMON_INGEST_SCHEDULE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/poll_interval.h"
#include "common/ingest/source.h"

namespace playlog::ingest {

// How long what was learned of a key from its user or its source stays above what a list of all
// keys says, which is a moment old.
inline constexpr absl::Duration kListedKeyLag = absl::Minutes(1);

// How far a user's history has been read by the sync.
struct SyncProgress {
  // All that the source showed of the time up to here was read, but for what is unread. Of a source
  // that tells its past only.
  std::optional<absl::Time> watermark = std::nullopt;
  // What is still to be read, the newest plays first.
  std::optional<Span> unread = std::nullopt;
  // When the source's count of the last days was last compared with ours.
  std::optional<absl::Time> compared_at = std::nullopt;
  // The pause between two runs; zero before the first.
  absl::Duration interval = absl::ZeroDuration();
  PlayRhythm rhythm = {};
};

// The sync of a user as its owner sees it.
struct Schedule {
  std::int64_t user_id = 0;
  bool enabled = true;
  // How the key fares; nothing if the user has none.
  std::optional<auth::v1::KeyState> key_state = std::nullopt;
  absl::Time next_run_at = absl::InfiniteFuture();
  std::optional<absl::Time> last_run_at = std::nullopt;
  std::optional<absl::Time> last_success_at = std::nullopt;
  std::optional<std::string> last_error = std::nullopt;
  std::int64_t plays_added = 0;
  absl::Duration interval = absl::ZeroDuration();
  // Until when the source's limits keep runs back, as the last run learned.
  std::optional<absl::Time> limited_until = std::nullopt;
};

// A key that was just stored.
struct NotedKey {
  std::int64_t user_id = 0;
  std::int64_t version = 0;  // 0: not known.
  auth::v1::KeyState state = auth::v1::KEY_STATE_UNVERIFIED;
};

// A part of the list of all keys of the source.
struct ListedKeys {
  std::int64_t after_user_id = 0;
  // The last user that the part is about; nothing: it goes to the end.
  std::optional<std::int64_t> last_user_id = std::nullopt;
  std::vector<ListedKey> keys = {};  // By user.
};

// What a part of the list changed.
struct ListedCounts {
  int noted = 0;  // Users who were new, or whose key is another or fares otherwise.
  int gone = 0;   // Users who no longer have a key.
  bool operator==(const ListedCounts&) const = default;
};

// A user whom the claimer alone may run for a while.
struct ClaimedUser {
  std::int64_t user_id = 0;
  std::string holder = "";                     // Who claimed it.
  absl::Duration late = absl::ZeroDuration();  // How long the user has been due.
  int failures = 0;                            // The runs in a row that did not succeed.
  SyncProgress progress = {};
};

// What a run leaves behind.
struct RunRecord {
  bool succeeded = false;
  std::optional<std::string> error = std::nullopt;  // What went wrong, in words.
  std::int64_t plays_added = 0;
  // For how long the source's limits keep runs back; nothing if they do not.
  std::optional<absl::Duration> limited_for = std::nullopt;
  // How the key fares now; what was known if nothing was learned.
  enum class Key { kUnchanged, kOk, kRejected, kMissing };
  Key key = Key::kUnchanged;
  absl::Duration next_run_in = absl::ZeroDuration();
  SyncProgress progress = {};
};

// How many users wait.
struct DueUsers {
  std::int64_t count = 0;  // At most kDueUsersCounted.
  // How long the one has been due that has been so for longest.
  absl::Duration oldest = absl::ZeroDuration();
};
inline constexpr std::int64_t kDueUsersCounted = 100'000;

// When each user of the source is fetched by itself, and how that fared. All replicas of a service
// share one; times are by its own clock. Thread-safe; every call ends by its deadline.
class ScheduleStore {
 public:
  virtual ~ScheduleStore() = default;

  // Schedules the first run with a key that the user has just stored. The user's wish stays, as do
  // the tallies; a run that is under way with the key before it counts no more.
  virtual absl::Status NoteKey(const NotedKey& key, absl::Duration first_run_in,
                               absl::Time deadline) = 0;
  // Takes in a part of the list of all keys: schedules who is new at a random time between the two,
  // and marks who is gone. Another version of a known key is a renewal and moves nothing, unless
  // the key was refused or missing before. Leaves alone what was noted within kListedKeyLag.
  virtual absl::StatusOr<ListedCounts> NoteListed(const ListedKeys& listed,
                                                  absl::Duration first_run_in,
                                                  absl::Duration first_run_latest,
                                                  absl::Time deadline) = 0;

  // Claims users who are due and whom nobody has claimed, those first who have been due for
  // longest: at most `limit`, for `lease`. `holder` is used once.
  virtual absl::StatusOr<std::vector<ClaimedUser>> Claim(std::string_view holder, int limit,
                                                         absl::Duration lease,
                                                         absl::Time deadline) = 0;
  // Writes down a run, schedules the next and gives the claim back. False, and nothing is written,
  // if the claim is no longer the holder's.
  virtual absl::StatusOr<bool> Finish(const ClaimedUser& claimed, const RunRecord& record,
                                      absl::Time deadline) = 0;
  // Gives back the holder's claim of a user who was not run; the user is due as before.
  virtual absl::Status Release(std::int64_t user_id, std::string_view holder,
                               absl::Time deadline) = 0;

  // Nothing if the user never stored a key.
  virtual absl::StatusOr<std::optional<Schedule>> Find(std::int64_t user_id,
                                                       absl::Time deadline) = 0;
  // Turns a user's sync on or off and returns what holds now; nothing if the user never stored a
  // key. Who turns it on is due when the old schedule says so, or now if that has passed.
  virtual absl::StatusOr<std::optional<Schedule>> SetEnabled(std::int64_t user_id, bool enabled,
                                                             absl::Time deadline) = 0;
  virtual absl::StatusOr<DueUsers> CountDue(absl::Time deadline) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SCHEDULE_STORE_H_
