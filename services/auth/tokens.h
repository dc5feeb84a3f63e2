#ifndef PLAYLOG_SERVICES_AUTH_TOKENS_H_
#define PLAYLOG_SERVICES_AUTH_TOKENS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/jwt/jwt.h"
#include "services/auth/store.h"

namespace playlog::auth {

inline constexpr absl::Duration kAccessTokenLifetime = absl::Minutes(15);
// How long the refresh tokens that descend from one sign-in are good, however often exchanged.
inline constexpr absl::Duration kRefreshTokenLifetime = absl::Hours(24 * 30);

// How the keys of access tokens are rotated. The file --token_key_file holds one PEM private key or
// more: the FIRST signs, all are listed (published) as keys that verify. auth reads the file again
// every second (token_key_file.h), so that each step is one replacement of the file, by renaming a
// finished one with mode 0400 over it:
//   1. Publish: append the new key after the one that signs. Wait for over kPublishBeforeSigning
//      from when every auth process lists it.
//   2. Promote: put the new key first, keep the old one after it.
//   3. Retire: once every process has signed with the new key for over kAccessTokenLifetime, delete
//      the old one.
// Nothing is kept but the file, so a restart or a crash between any two steps changes nothing.
// Verifiers trust a list of keys for at most kPublishBeforeSigning and then refuse everything as
// UNAVAILABLE, so that after step 1 none of them meets a token of a key that it does not know. (In
// practice all of them learn of a new key within a second or two.) To shut out a stolen key,
// replace the whole file at once: every token of the old key ends, and everybody exchanges a
// refresh token.
//
// The metrics that say how far a rotation is, each 1 or 0:
//   playlog_token_key_listed{kid="..."}   the key is published
//   playlog_token_key_signing{kid="..."}  the key signs now; exactly one is 1
//   playlog_token_key_file_good           0 while the file cannot be used; the keys before are used
// The kid of a PEM file is the first 16 characters of the base64url of the SHA-256 of the public
// point, 65 bytes beginning with 04:
//   openssl pkey -in key.pem -pubout -outform DER | tail -c 65 | openssl dgst -sha256 -binary |
//     basenc --base64url | head -c 16
inline constexpr absl::Duration kPublishBeforeSigning = absl::Seconds(60);

// Issues access tokens. Thread-safe.
class AccessTokens {
 public:
  // `keys` as in the file: at least one, the one that signs first.
  AccessTokens(std::vector<jwt::SigningKey> keys, Clock& clock);

  // Returns a token for the user's sign-in, good from now on for kAccessTokenLifetime.
  absl::StatusOr<std::string> Issue(const User& user, std::int64_t session_id) const;

  // Puts other keys in the place of those before.
  void Replace(std::vector<jwt::SigningKey> keys);

  // The public halves of all keys, the one that signs first.
  std::vector<jwt::PublicKey> public_keys() const;

 private:
  using Keys = std::shared_ptr<const std::vector<jwt::SigningKey>>;
  Keys CurrentKeys() const;

  Clock& clock_;
  mutable absl::Mutex mutex_;
  Keys keys_ ABSL_GUARDED_BY(mutex_);
};

// A refresh token: 16 random bytes that name the family, the tokens that descend from one sign-in,
// and 32 random bytes that make it one token of the family. Any token of a family but its newest is
// a spent one that comes again, so nothing need be kept of spent tokens. The database holds
// SHA-256s alone.
class RefreshToken {
 public:
  // The first token of a new family.
  static RefreshToken NewFamily();
  // Reads what a client sent: 64 characters of base64url; nothing for anything else.
  static std::optional<RefreshToken> Parse(std::string_view text);

  // The next token of the family.
  RefreshToken Next() const;

  // What the client keeps.
  std::string Text() const;
  // What the database keeps.
  RefreshTokenHash Hash() const;

 private:
  RefreshToken(std::string family, std::string secret);

  std::string family_;
  std::string secret_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_TOKENS_H_
