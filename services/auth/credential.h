#ifndef PLAYLOG_SERVICES_AUTH_CREDENTIAL_H_
#define PLAYLOG_SERVICES_AUTH_CREDENTIAL_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"

namespace playlog::auth {

// What the vault seals: a key that a user pasted in, or the tokens of a sign-in.
struct Credential {
  // The pasted key or the access token, 1 to 4096 printable ASCII characters.
  Secret key = Secret();
  // Renews the access token; empty for a pasted key.
  Secret refresh_token = Secret();
  // The refresh token before it; possibly empty.
  Secret previous_refresh_token = Secret();
  // When the access token ends, in microseconds; the infinite future for a pasted key.
  absl::Time expires_at = absl::InfiniteFuture();

  bool is_sign_in() const { return !refresh_token.empty(); }
};

// Makes the bytes that are sealed. A pasted key is its own bytes, as it has always been. The tokens
// of a sign-in begin with the format 0x01, which no key does; then come, numbers in big-endian
// order, expires_at in microseconds since 1970 in 8 bytes, and the three tokens, each with its
// length in 4 bytes before it.
Secret PackCredential(const Credential& credential);

// Reads them back. INTERNAL for another format, or for one that is cut short or too long.
absl::StatusOr<Credential> UnpackCredential(const Secret& bytes);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_CREDENTIAL_H_
