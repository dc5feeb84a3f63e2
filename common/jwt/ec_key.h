#ifndef PLAYLOG_COMMON_JWT_EC_KEY_H_
#define PLAYLOG_COMMON_JWT_EC_KEY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/jwt/jwt.h"

namespace playlog::jwt {

// The part of ES256 that is OpenSSL's. All functions are thread-safe and leave OpenSSL's queue of
// errors empty.

// Makes a public key from the coordinates, each 32 bytes in base64url. INVALID_ARGUMENT if that is
// no point of the curve P-256.
absl::StatusOr<std::shared_ptr<evp_pkey_st>> MakePublicKey(std::string_view x, std::string_view y);

// Reads an unencrypted PEM private key on P-256; FAILED_PRECONDITION if it is none.
absl::StatusOr<std::shared_ptr<evp_pkey_st>> ReadPrivateKey(std::string_view pem);

// Returns the public half of a key on P-256.
absl::StatusOr<PublicKey> PublicKeyOf(evp_pkey_st& key);

// Returns whether `signature`, r and s of 32 bytes each, is the key's for the text.
bool VerifyEs256(evp_pkey_st& key, std::string_view text, std::string_view signature);

// Signs a text: r and s of 32 bytes each.
absl::StatusOr<std::string> SignEs256(evp_pkey_st& key, std::string_view text);

}  // namespace playlog::jwt

#endif  // PLAYLOG_COMMON_JWT_EC_KEY_H_
