#ifndef PLAYLOG_COMMON_INGEST_NEIGHBOURS_H_
#define PLAYLOG_COMMON_INGEST_NEIGHBOURS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ingest/source.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/api_key_service.pb.h"
#include "playlog/songs/v1/song_store_service.pb.h"

// What an ingest service needs of its neighbours.
namespace playlog::ingest {

// How a key fared at its source.
enum class KeyUse {
  kAccepted,
  kRejected,       // The source refuses the key.
  kGrantRejected,  // The source refuses to renew the key.
};

// A key and what renews it, to be stored.
struct Tokens {
  Secret key;
  Secret refresh_token;
  Secret previous_refresh_token = Secret();  // Possibly empty.
  absl::Time expires_at;
};

// A key that a user has stored, without the key.
struct ListedKey {
  std::int64_t user_id = 0;
  std::int64_t version = 0;
  auth::v1::KeyState state = auth::v1::KEY_STATE_UNVERIFIED;
};

// The most keys that List returns.
inline constexpr int kListedKeysMax = 1000;

// Keeps users' keys. Thread-safe.
class KeyVault {
 public:
  virtual ~KeyVault() = default;
  // NOT_FOUND if the user has stored no key for the source.
  virtual absl::StatusOr<Credential> Open(const rpc::Call& call, std::int64_t user_id) = 0;
  // Stores tokens in place of the record of that version, or, if it is 0, in place of whatever is
  // stored; returns the new version. CONFLICT if the record is no longer of that version;
  // NOT_FOUND if the user, or the record that a version names, is gone.
  virtual absl::StatusOr<std::int64_t> SaveTokens(const rpc::Call& call, std::int64_t user_id,
                                                  std::int64_t expected_version,
                                                  const Tokens& tokens) = 0;
  // Notes how the key of that version fared. Takes half a second at most.
  virtual absl::Status ReportUse(const rpc::Call& call, std::int64_t user_id, std::int64_t version,
                                 KeyUse use) = 0;
  // Lists who has stored a key for the source, by user, from the one after `after_user_id` on: at
  // most `limit` of them, 1 to kListedKeysMax. Fewer than that are the last.
  virtual absl::StatusOr<std::vector<ListedKey>> List(const rpc::Call& call,
                                                      std::int64_t after_user_id, int limit) = 0;
};

// What storing plays changed. The three add up to the distinct plays.
struct StoreCounts {
  int inserted = 0;
  int updated = 0;
  int unchanged = 0;
  bool operator==(const StoreCounts&) const = default;
};

// What brings plays, as their provenance says it.
inline constexpr char kFetchOrigin[] = "fetch";  // A user's own fetch.
inline constexpr char kSyncOrigin[] = "sync";    // A fetch in the background.
inline constexpr char kBackfillOrigin[] = "backfill";

// Takes plays in. Thread-safe.
class PlaySink {
 public:
  virtual ~PlaySink() = default;
  // Stores the plays, each once. After an error some of them may be stored; storing them again
  // does no harm.
  virtual absl::StatusOr<StoreCounts> Store(const rpc::Call& call, std::int64_t user_id,
                                            std::string_view origin,
                                            const std::vector<songs::v1::Play>& plays) = 0;
  // Counts the user's stored plays of the source in a span, for comparing with what the source
  // counts.
  virtual absl::StatusOr<std::int64_t> Count(const rpc::Call& call, std::int64_t user_id,
                                             const Span& span) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_NEIGHBOURS_H_
