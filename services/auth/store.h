#ifndef PLAYLOG_SERVICES_AUTH_STORE_H_
#define PLAYLOG_SERVICES_AUTH_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/auth/vault.h"

namespace playlog::auth {

struct User {
  std::int64_t id = 0;  // Never used again, even after the user is deleted.
  std::string name;     // As registered.
  std::string password_hash;
  std::int64_t token_version = 0;
  bool staff = false;
};

// What the database knows of a refresh token (tokens.h): SHA-256s.
struct RefreshTokenHash {
  std::string family;
  std::string token;
};

// What is known of a stored key, without the key.
struct StoredKey {
  std::string service_name;  // "spotify" or "lastfm"
  std::optional<std::string> service_user_id;
  absl::Time created_at;  // When a key for the service was first stored.
  absl::Time updated_at;  // When it was last replaced.
  std::int64_t row_id = 0;
  std::int64_t version = 0;  // 1, and one more with each replacement.
  bool replaced = false;     // Set by PutKey.
};

// A stored key, still sealed.
struct SealedKey {
  StoredKey about;
  std::string blob;
};

// Failed sign-ins of one subject in the window that was asked for.
struct LoginFailures {
  int count = 0;      // At most the limit that was asked for.
  absl::Time oldest;  // The oldest of those counted.
};

// Makes the blob of a key for its row and version, which only the store knows.
using Seal =
    absl::FunctionRef<absl::StatusOr<SealedRecord>(std::int64_t row_id, std::int64_t version)>;

// The error of CreateUser for a name that another user has.
absl::Status UsernameTakenError();

// Users, their refresh tokens, keys and failed sign-ins. Every call ends by its deadline; beside
// the errors named here it returns those of common/db/pool.h. `now` is the caller's clock.
// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  // Adds a user. ALREADY_EXISTS if the name is taken in any case.
  virtual absl::StatusOr<User> CreateUser(absl::Time deadline, const std::string& name,
                                          const std::string& password_hash) = 0;
  virtual absl::StatusOr<std::optional<User>> FindUserByName(absl::Time deadline,
                                                             const std::string& name) = 0;
  virtual absl::StatusOr<std::optional<User>> FindUser(absl::Time deadline, std::int64_t id) = 0;
  // Puts a new hash of the same password in the old one's place. Does nothing if the user no longer
  // has the old one.
  virtual absl::Status ReplacePasswordHash(absl::Time deadline, std::int64_t user_id,
                                           const std::string& old_hash,
                                           const std::string& new_hash) = 0;
  // Deletes a user with all keys, tokens and the failed sign-ins of `subject`, or nothing. OK if
  // there is no such user.
  virtual absl::Status DeleteUser(absl::Time deadline, std::int64_t user_id,
                                  const std::string& subject) = 0;

  // Starts a family of refresh tokens, good until `expires_at`. A user has at most kFamiliesMax;
  // the oldest ends for the newest. INVALID_TOKEN if the user is gone.
  static constexpr int kFamiliesMax = 100;
  virtual absl::Status AddRefreshFamily(absl::Time deadline, std::int64_t user_id,
                                        const RefreshTokenHash& token, absl::Time now,
                                        absl::Time expires_at) = 0;
  // Puts `next`, a token of the same family, in the place of `token`, in one statement, so that of
  // many calls with one token exactly one succeeds, and returns the user. A token of the family
  // that is not its newest has been spent: that revokes the family. INVALID_TOKEN for it, and for
  // unknown, expired and revoked ones.
  virtual absl::StatusOr<User> RotateRefreshToken(absl::Time deadline,
                                                  const RefreshTokenHash& token,
                                                  const RefreshTokenHash& next, absl::Time now) = 0;

  // Counts the failed sign-ins of a subject after `since`, up to `limit` of them. A subject is the
  // SHA-256 of what is counted, since people type passwords into the field for the name.
  virtual absl::StatusOr<LoginFailures> CountLoginFailures(absl::Time deadline,
                                                           const std::string& subject,
                                                           absl::Time since, int limit) = 0;
  // Adds one, and drops some of those that happened before `forget_before`.
  virtual absl::Status AddLoginFailure(absl::Time deadline, const std::string& subject,
                                       absl::Time now, absl::Time forget_before) = 0;
  virtual absl::Status ClearLoginFailures(absl::Time deadline, const std::string& subject) = 0;

  // Stores a key in place of the one for the same service. INVALID_TOKEN if the user is gone.
  virtual absl::StatusOr<StoredKey> PutKey(absl::Time deadline, std::int64_t user_id,
                                           const std::string& service_name,
                                           const std::optional<std::string>& service_user_id,
                                           absl::Time now, Seal seal) = 0;
  // Returns the user's keys by the name of the service.
  virtual absl::StatusOr<std::vector<StoredKey>> ListKeys(absl::Time deadline,
                                                          std::int64_t user_id) = 0;
  virtual absl::StatusOr<std::optional<SealedKey>> FindKey(absl::Time deadline,
                                                           std::int64_t user_id,
                                                           const std::string& service_name) = 0;
  // Returns whether there was one.
  virtual absl::StatusOr<bool> DeleteKey(absl::Time deadline, std::int64_t user_id,
                                         const std::string& service_name) = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_STORE_H_
