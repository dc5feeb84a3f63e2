#ifndef PLAYLOG_SERVICES_AUTH_CREDENTIAL_STORE_H_
#define PLAYLOG_SERVICES_AUTH_CREDENTIAL_STORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/auth/audit.h"
#include "services/auth/key_health.h"
#include "services/auth/vault.h"

namespace playlog::auth {

// What is known of a stored key, without the key.
struct StoredKey {
  std::int64_t user_id = 0;
  std::string service_name = "";  // "spotify" or "lastfm"
  std::optional<std::string> service_user_id = std::nullopt;
  absl::Time created_at = absl::InfinitePast();  // When a key for the service was first stored.
  absl::Time updated_at = absl::InfinitePast();  // When it was last replaced.
  std::int64_t row_id = 0;
  std::int64_t version = 0;  // 1, and one more with each replacement.
  bool replaced = false;     // Set by PutKey.
  // When the user signed in at the service; nothing for a pasted key.
  std::optional<absl::Time> signed_in_at = std::nullopt;
  KeyRecord record = {};
};

// How a key fares (key_health.h).
KeyHealth HealthOf(const StoredKey& key, absl::Time now);

// A stored key, still sealed.
struct SealedKey {
  StoredKey about;
  std::string blob;
};

// What the blob of a key is sealed with. Valid as long as `key`.
RecordContext ContextOf(const StoredKey& key);

// A key to store, apart from its blob.
struct NewKey {
  std::int64_t user_id = 0;
  std::string service_name = "";
  std::optional<std::string> service_user_id = std::nullopt;
  // Whether it is the tokens of a sign-in at the service rather than a pasted key.
  bool is_sign_in = false;
};

// How a key of a certain version fared.
struct KeyUse {
  std::int64_t user_id = 0;
  std::string service_name = "";
  std::int64_t version = 0;
  v1::KeyOutcome outcome = v1::KEY_OUTCOME_UNSPECIFIED;
};

// Makes the blob of a key for its row and version, which only the store knows.
using Seal =
    absl::FunctionRef<absl::StatusOr<SealedRecord>(std::int64_t row_id, std::int64_t version)>;

// Makes the blob of a stored key anew; nothing if the key does not open.
using Reseal = absl::FunctionRef<std::optional<SealedRecord>(const SealedKey& key)>;

// What one ResealKeys did.
struct ResealedKeys {
  int seen = 0;              // The keys that it got hold of.
  int resealed = 0;          // Those whose blob is now another.
  std::int64_t last_id = 0;  // The greatest row id of those seen.
};

// The errors of RefreshTokens.
absl::Status KeyGoneError();
absl::Status KeyReplacedError();

// The users' keys, sealed. They go with their user. A change comes with the event that tells its
// owner of it; both are kept, or neither. Every call ends by its deadline; beside the errors named
// here it returns those of common/db/pool.h. `now` is the caller's clock. Thread-safe.
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;

  // Stores a key in place of the one for the same service; how that one fared is forgotten. A
  // sign-in begins now. INVALID_TOKEN if the user is gone.
  virtual absl::StatusOr<StoredKey> PutKey(absl::Time deadline, const NewKey& key, absl::Time now,
                                           Seal seal, const AuditEvent& event) = 0;
  // Stores refreshed tokens in place of those of `expected_version`; the sign-in and the name at
  // the service stay. CONFLICT if the key is of another version, NOT_FOUND if it or the user is
  // gone.
  virtual absl::StatusOr<StoredKey> RefreshTokens(absl::Time deadline, std::int64_t user_id,
                                                  const std::string& service_name,
                                                  std::int64_t expected_version, absl::Time now,
                                                  Seal seal, const AuditEvent& event) = 0;
  // Writes down how a key fared, if that says something new (key_health.h). Does nothing if the key
  // is gone or of another version.
  virtual absl::Status RecordUse(absl::Time deadline, const KeyUse& use, absl::Time now) = 0;
  // Returns the user's keys by the name of the service.
  virtual absl::StatusOr<std::vector<StoredKey>> ListKeys(absl::Time deadline,
                                                          std::int64_t user_id) = 0;
  // Returns the keys of some users, by user and the name of the service.
  virtual absl::StatusOr<std::vector<StoredKey>> ListKeysOfUsers(
      absl::Time deadline, std::span<const std::int64_t> user_ids) = 0;
  // Returns the keys for a service of all users, by user, from the one after `after_user_id` on: at
  // most `limit` of them.
  virtual absl::StatusOr<std::vector<StoredKey>> ListKeysOf(absl::Time deadline,
                                                            const std::string& service_name,
                                                            std::int64_t after_user_id,
                                                            int limit) = 0;
  virtual absl::StatusOr<std::optional<SealedKey>> FindKey(absl::Time deadline,
                                                           std::int64_t user_id,
                                                           const std::string& service_name) = 0;
  // Returns whether there was one; the event is written only then.
  virtual absl::StatusOr<bool> DeleteKey(absl::Time deadline, std::int64_t user_id,
                                         const std::string& service_name,
                                         const AuditEvent& event) = 0;

  // What follows is for changing the keys that seal (key_rotation.h).

  // Returns how many stored keys each key of the ring has sealed; those that sealed none are left
  // out. Reads an index as long as there are keys.
  virtual absl::StatusOr<std::map<std::uint32_t, std::int64_t>> CountKeysByKek(
      absl::Time deadline) = 0;
  // Returns the ids of the ring's keys that have sealed any stored key, in order. Cheap.
  virtual absl::StatusOr<std::vector<std::uint32_t>> FindKeksInUse(absl::Time deadline) = 0;
  // Returns some of the keys that a key of the ring has sealed, at most `limit`.
  virtual absl::StatusOr<std::vector<SealedKey>> FindKeysOfKek(absl::Time deadline,
                                                               std::uint32_t kek_id, int limit) = 0;
  // Seals anew, all or none, up to `limit` of the keys that a key of the ring has sealed and whose
  // row id is greater than `after`, by row id. Keys that somebody else is changing are left out, as
  // are those that `reseal` returns nothing for. Versions stay.
  virtual absl::StatusOr<ResealedKeys> ResealKeys(absl::Time deadline, std::uint32_t kek_id,
                                                  std::int64_t after, int limit, Reseal reseal) = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_CREDENTIAL_STORE_H_
