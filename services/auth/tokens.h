#ifndef PLAYLOG_SERVICES_AUTH_TOKENS_H_
#define PLAYLOG_SERVICES_AUTH_TOKENS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/jwt/jwt.h"
#include "services/auth/store.h"

namespace playlog::auth {

inline constexpr absl::Duration kAccessTokenLifetime = absl::Minutes(15);
// How long the refresh tokens that descend from one sign-in are good, however often exchanged.
inline constexpr absl::Duration kRefreshTokenLifetime = absl::Hours(24 * 30);

// Issues access tokens. Thread-safe.
class AccessTokens {
 public:
  AccessTokens(jwt::SigningKey key, Clock& clock);

  // Returns a token for the user, good from now on for kAccessTokenLifetime.
  absl::StatusOr<std::string> Issue(const User& user) const;

  const jwt::PublicKey& public_key() const { return key_.public_key(); }

 private:
  jwt::SigningKey key_;
  Clock& clock_;
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
