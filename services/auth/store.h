#ifndef PLAYLOG_SERVICES_AUTH_STORE_H_
#define PLAYLOG_SERVICES_AUTH_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace playlog::auth {

struct User {
  std::int64_t id = 0;  // Never used again, even after the user is deleted.
  std::string name;     // As registered.
  std::string password_hash;
  std::int64_t token_version = 0;
  // Grows when the password changes, but not when the hash of the same password is made anew.
  std::int64_t password_version = 0;
  bool staff = false;
};

// A sign-in: the family of refresh tokens that came of it, and the user as of now.
struct Session {
  std::int64_t id = 0;  // Never used again.
  User user;
};

// What came of an attempt to exchange a refresh token.
struct RefreshOutcome {
  // Nothing if the token is not good.
  std::optional<Session> session = std::nullopt;
  // Whose sign-in ended because the token had been spent already; 0 if that did not happen.
  std::int64_t reused_from = 0;
};

// Access tokens of a user that are no longer good: those below a version, or those of a sign-in;
// the other member is 0.
struct Revocation {
  std::int64_t user_id = 0;
  std::int64_t minimum_token_version = 0;
  std::int64_t session_id = 0;
  absl::Time revoked_at = absl::Time();
};

struct RevocationPage {
  std::vector<Revocation> revocations;
  // What to ask from the next time.
  absl::Time as_of;
};

// What the database knows of a refresh token (tokens.h): SHA-256s.
struct RefreshTokenHash {
  std::string family;
  std::string token;
};

// Failed sign-ins of one subject in the window that was asked for.
struct LoginFailures {
  int count = 0;      // At most the limit that was asked for.
  absl::Time oldest;  // The oldest of those counted.
};

// The error of CreateUser for a name that another user has.
absl::Status UsernameTakenError();

// The INVALID_CREDENTIALS of a sign-in, which does not say what was wrong.
absl::Status WrongCredentialsError();

// Users, their refresh tokens and failed sign-ins; their keys have a store of their own
// (credential_store.h). Every call ends by its deadline; beside the errors named here it returns
// those of common/db/pool.h. `now` is the caller's clock. Thread-safe.
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
  // Deletes a user with all keys, tokens and the failed sign-ins of `subject`, and begins the
  // erasure of what the other services hold (erasure_store.h), or does nothing of it. OK if there
  // is no such user.
  virtual absl::Status DeleteUser(absl::Time deadline, std::int64_t user_id,
                                  const std::string& subject) = 0;

  // Puts the hash of another password in place, raises the password's version and ends every
  // sign-in of the user but `kept_session`. INVALID_CREDENTIALS if the password's version is no
  // longer `seen.password_version`, or the user is gone.
  virtual absl::Status ChangePassword(absl::Time deadline, const User& seen,
                                      const std::string& new_hash, std::int64_t kept_session,
                                      absl::Time now) = 0;

  // Starts a family of refresh tokens, good until `expires_at`, for a user whose password of the
  // version `seen.password_version` was right. A user has at most kFamiliesMax; the oldest ends for
  // the newest. INVALID_CREDENTIALS if the password has been changed since or the user is gone.
  static constexpr int kFamiliesMax = 100;
  virtual absl::StatusOr<Session> AddRefreshFamily(absl::Time deadline, const User& seen,
                                                   const RefreshTokenHash& token, absl::Time now,
                                                   absl::Time expires_at) = 0;
  // Puts `next`, a token of the same family, in the place of `token`, in one statement, so that of
  // many calls with one token exactly one succeeds, and returns the sign-in. A token of the family
  // that is not its newest has been spent: that ends the sign-in. There is no session for it, nor
  // for unknown, expired and revoked ones.
  virtual absl::StatusOr<RefreshOutcome> RotateRefreshToken(absl::Time deadline,
                                                            const RefreshTokenHash& token,
                                                            const RefreshTokenHash& next,
                                                            absl::Time now) = 0;
  // Ends a sign-in of a user, if there is such a one: its refresh token and its access tokens.
  virtual absl::Status EndSession(absl::Time deadline, std::int64_t user_id,
                                  std::int64_t session_id, absl::Time now) = 0;
  // Ends all of a user's.
  virtual absl::Status EndAllSessions(absl::Time deadline, std::int64_t user_id,
                                      absl::Time now) = 0;
  // Returns whether an access token of the user, the sign-in and the version is still good: the
  // user is there, and the sign-in has not been ended.
  virtual absl::StatusOr<bool> IsSessionGood(absl::Time deadline, std::int64_t user_id,
                                             std::int64_t session_id,
                                             std::int64_t token_version) = 0;

  // Lists the revocations of the last kRevocationsKept by the clock of the database. Whatever ends
  // a sign-in writes its revocation in the same transaction, and so does the deletion of a user.
  // With `since`, the `as_of` of an earlier answer, only those that were made after that or up to
  // kRevocationsOverlap before it, which may have been committed later. A page of kRevocationsMax
  // is not the last: its `as_of` leads to the next.
  static constexpr absl::Duration kRevocationsKept = absl::Minutes(16);
  static constexpr absl::Duration kRevocationsOverlap = absl::Minutes(1);
  static constexpr int kRevocationsMax = 10'000;
  virtual absl::StatusOr<RevocationPage> ListRevocations(absl::Time deadline,
                                                         std::optional<absl::Time> since) = 0;

  // Counts the failed sign-ins, or whatever else is throttled, of a subject after `since`, up to
  // `limit` of them. A subject is the SHA-256 of what is counted, since people type passwords into
  // the field for the name.
  virtual absl::StatusOr<LoginFailures> CountLoginFailures(absl::Time deadline,
                                                           const std::string& subject,
                                                           absl::Time since, int limit) = 0;
  // Adds one, and drops some of those that happened before `forget_before`.
  virtual absl::Status AddLoginFailure(absl::Time deadline, const std::string& subject,
                                       absl::Time now, absl::Time forget_before) = 0;
  virtual absl::Status ClearLoginFailures(absl::Time deadline, const std::string& subject) = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_STORE_H_
