#ifndef PLAYLOG_COMMON_JWT_JWT_H_
#define PLAYLOG_COMMON_JWT_JWT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

// OpenSSL's EVP_PKEY, whose headers stay out of ours.
struct evp_pkey_st;

namespace playlog::jwt {

// Access tokens: JWTs signed with ES256 (ECDSA on the curve P-256 with SHA-256), of the type
// `at+jwt`. One algorithm is fixed here; what a token's header says is compared, never obeyed.

inline constexpr std::size_t kTokenBytesMax = 8 * 1024;
inline constexpr absl::Duration kLifetimeMax = absl::Minutes(15);
inline constexpr std::string_view kIssuer = "playlog";
inline constexpr std::string_view kAudience = "playlog-api";

// What an access token says.
struct Claims {
  std::int64_t user_id = 0;        // `sub`, greater than 0.
  std::string token_id;            // `jti`, 1 to 64 characters of base64url, never used twice.
  std::int64_t token_version = 0;  // `tv`, 0 or greater; grows when a user's tokens are revoked.
  std::int64_t session_id = 0;     // `sid`, greater than 0: the sign-in that it comes from.
  bool staff = false;              // Whether `roles` has "staff".
  absl::Time issued_at;            // `iat`, whole seconds; Sign writes it as `nbf` too.
  absl::Time expires_at;           // `exp`, whole seconds: the token is good before it.
};

// The public half of a signing key, as in playlog.auth.v1.JsonWebKey.
struct PublicKey {
  std::string kid;  // 1 to 64 characters of base64url.
  std::string x;    // 32 bytes in base64url.
  std::string y;    // 32 bytes in base64url.
};

// The keys that a verifier trusts. Immutable, cheap to copy, thread-safe.
class PublicKeys {
 public:
  // No key: every token is refused.
  PublicKeys() = default;

  // INVALID_ARGUMENT if a kid is malformed or occurs twice, or a point does not lie on the curve.
  static absl::StatusOr<PublicKeys> Create(const std::vector<PublicKey>& keys);

  bool empty() const { return keys_.empty(); }
  // Whether both trust the same keys under the same names, in whatever order.
  bool operator==(const PublicKeys& other) const;
  // Returns the key of the kid, or nullptr. Valid as long as this object.
  evp_pkey_st* Find(const std::string& kid) const;

 private:
  struct Key {
    PublicKey text;
    std::shared_ptr<evp_pkey_st> parsed;
  };
  std::unordered_map<std::string, Key> keys_;
};

// Verifies a token and returns what it says. Every fault is the same INVALID_TOKEN, so that an
// attacker learns nothing from it: a size over kTokenBytesMax, anything but three parts of strict
// base64url, a header other than {"alg": "ES256", "typ": "at+jwt", "kid": a key of `keys`} (further
// members are ignored, but `crit` is refused), duplicate members, a wrong signature, an issuer or
// audience that is not ours, missing or mistyped claims, a lifetime over kLifetimeMax, and a time
// before `nbf` or `iat`, or not before `exp`, without leeway. Thread-safe; does no I/O.
absl::StatusOr<Claims> Verify(std::string_view token, const PublicKeys& keys, absl::Time now);

// The error that Verify returns, for callers that refuse a token for reasons of their own.
absl::Status InvalidTokenError();

// A private key on P-256 that signs tokens. Immutable, thread-safe.
class SigningKey {
 public:
  // Reads an unencrypted PEM private key (PKCS #8 or SEC 1). FAILED_PRECONDITION says in one line
  // what is wrong with it, without showing any of it.
  static absl::StatusOr<SigningKey> FromPem(std::string_view pem);

  // Reads one key or more, each as FromPem does, in their order; texts between them are ignored.
  // FAILED_PRECONDITION for none, over kSigningKeysMax, one that FromPem refuses, or one twice.
  static constexpr std::size_t kSigningKeysMax = 8;
  static absl::StatusOr<std::vector<SigningKey>> AllFromPem(std::string_view pem);

  // The public half. Its kid is the first 16 characters of the base64url of the SHA-256 of the
  // uncompressed point, so that it needs no keeping.
  const PublicKey& public_key() const { return public_key_; }

  // Signs a token that Verify accepts from `issued_at` to `expires_at`. INTERNAL for claims that
  // Verify would refuse by themselves.
  absl::StatusOr<std::string> Sign(const Claims& claims) const;

  // Signs any header and payload as they are. Sign is for tokens; this is what it rests on and what
  // the tests of verifiers forge tokens with.
  absl::StatusOr<std::string> SignParts(std::string_view header, std::string_view payload) const;

 private:
  SigningKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key);

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_;
};

}  // namespace playlog::jwt

#endif  // PLAYLOG_COMMON_JWT_JWT_H_
