#include "common/jwt/jwt.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/jwt/ec_key.h"
#include "common/jwt/json_object.h"

namespace playlog::jwt {
namespace {

constexpr std::string_view kAlgorithm = "ES256";
constexpr std::string_view kType = "at+jwt";
constexpr std::string_view kStaffRole = "staff";
constexpr std::string_view kPemBegin = "-----BEGIN ";
constexpr std::string_view kPemPrivateKey = "PRIVATE KEY-----";
constexpr std::size_t kIdSizeMax = 64;
// The last second of the year 9999. Farther times are no times.
constexpr std::int64_t kUnixSecondsMax = 253'402'300'799;

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kIdSizeMax &&
         std::all_of(id.begin(), id.end(), [](unsigned char character) {
           return absl::ascii_isalnum(character) || character == '-' || character == '_';
         });
}

const std::string* FindText(const JsonObject& object, const std::string& name) {
  const auto member = object.find(name);
  return member == object.end() ? nullptr : std::get_if<std::string>(&member->second);
}

std::optional<std::int64_t> FindInteger(const JsonObject& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end()) return std::nullopt;
  const auto* const value = std::get_if<std::int64_t>(&member->second);
  return value == nullptr ? std::nullopt : std::optional<std::int64_t>(*value);
}

std::optional<absl::Time> FindTime(const JsonObject& object, const std::string& name) {
  const std::optional<std::int64_t> seconds = FindInteger(object, name);
  if (!seconds.has_value() || *seconds < 0 || *seconds > kUnixSecondsMax) return std::nullopt;
  return absl::FromUnixSeconds(*seconds);
}

bool HasText(const JsonObject& object, const std::string& name, std::string_view expected) {
  const std::string* const text = FindText(object, name);
  return text != nullptr && *text == expected;
}

// A user's id in the one spelling that we write: digits, no leading zero, no sign.
std::optional<std::int64_t> ParseUserId(std::string_view text) {
  if (text.empty() || text.size() > 19 || text.front() == '0') return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

// Reads `roles`, which may be missing; returns nothing if it is no list of texts.
std::optional<bool> FindStaff(const JsonObject& payload) {
  const auto member = payload.find("roles");
  if (member == payload.end()) return false;
  const auto* const roles = std::get_if<std::vector<std::string>>(&member->second);
  if (roles == nullptr) return std::nullopt;
  return std::find(roles->begin(), roles->end(), kStaffRole) != roles->end();
}

std::optional<Claims> ReadClaims(const JsonObject& payload, absl::Time now) {
  if (!HasText(payload, "iss", kIssuer) || !HasText(payload, "aud", kAudience)) {
    return std::nullopt;
  }
  const std::string* const subject = FindText(payload, "sub");
  const std::string* const token_id = FindText(payload, "jti");
  if (subject == nullptr || token_id == nullptr || !IsId(*token_id)) return std::nullopt;
  const std::optional<std::int64_t> user_id = ParseUserId(*subject);
  const std::optional<std::int64_t> token_version = FindInteger(payload, "tv");
  const std::optional<std::int64_t> session_id = FindInteger(payload, "sid");
  const std::optional<absl::Time> issued_at = FindTime(payload, "iat");
  const std::optional<absl::Time> not_before = FindTime(payload, "nbf");
  const std::optional<absl::Time> expires_at = FindTime(payload, "exp");
  const std::optional<bool> staff = FindStaff(payload);
  if (!user_id || !token_version || *token_version < 0 || !staff) return std::nullopt;
  if (!session_id || *session_id <= 0) return std::nullopt;
  if (!issued_at || !not_before || !expires_at) return std::nullopt;
  if (now < *issued_at || now < *not_before || now >= *expires_at) return std::nullopt;
  if (*expires_at - *issued_at > kLifetimeMax) return std::nullopt;
  return Claims{.user_id = *user_id,
                .token_id = *token_id,
                .token_version = *token_version,
                .session_id = *session_id,
                .staff = *staff,
                .issued_at = *issued_at,
                .expires_at = *expires_at};
}

// The three parts of a compact token, still encoded.
struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;  // header.payload
};

std::optional<Parts> Split(std::string_view token) {
  if (token.size() > kTokenBytesMax) return std::nullopt;
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  // A third dot is caught by the decoding of the signature.
  return Parts{.header = token.substr(0, first),
               .payload = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1),
               .signed_text = token.substr(0, second)};
}

std::optional<JsonObject> DecodeObject(std::string_view part) {
  const std::optional<std::string> json = Base64UrlDecode(part);
  return json.has_value() ? ParseJsonObject(*json) : std::nullopt;
}

// Returns the key that the header names if the header is one of ours.
evp_pkey_st* FindKey(const JsonObject& header, const PublicKeys& keys) {
  if (!HasText(header, "alg", kAlgorithm) || !HasText(header, "typ", kType)) return nullptr;
  if (header.contains("crit")) return nullptr;
  const std::string* const kid = FindText(header, "kid");
  return kid == nullptr ? nullptr : keys.Find(*kid);
}

std::optional<Claims> VerifyParts(const Parts& parts, const PublicKeys& keys, absl::Time now) {
  const std::optional<std::string> signature = Base64UrlDecode(parts.signature);
  if (!signature.has_value()) return std::nullopt;
  const std::optional<JsonObject> header = DecodeObject(parts.header);
  if (!header.has_value()) return std::nullopt;
  evp_pkey_st* const key = FindKey(*header, keys);
  if (key == nullptr) return std::nullopt;
  // Nothing of the payload is read before the signature holds.
  if (!VerifyEs256(*key, parts.signed_text, *signature)) return std::nullopt;
  const std::optional<JsonObject> payload = DecodeObject(parts.payload);
  return payload.has_value() ? ReadClaims(*payload, now) : std::nullopt;
}

}  // namespace

absl::Status InvalidTokenError() {
  return Error(errors::v1::ERROR_CODE_INVALID_TOKEN, "Invalid token",
               "Sign in again, or exchange the refresh token for a new access token.");
}

absl::StatusOr<PublicKeys> PublicKeys::Create(const std::vector<PublicKey>& keys) {
  PublicKeys result;
  for (const PublicKey& key : keys) {
    if (!IsId(key.kid)) return absl::InvalidArgumentError("a public key has a malformed kid");
    PLAYLOG_ASSIGN_OR_RETURN(std::shared_ptr<evp_pkey_st> parsed, MakePublicKey(key.x, key.y));
    if (!result.keys_.emplace(key.kid, Key{key, std::move(parsed)}).second) {
      return absl::InvalidArgumentError("two public keys have the same kid");
    }
  }
  return result;
}

evp_pkey_st* PublicKeys::Find(const std::string& kid) const {
  const auto key = keys_.find(kid);
  return key == keys_.end() ? nullptr : key->second.parsed.get();
}

bool PublicKeys::operator==(const PublicKeys& other) const {
  return keys_.size() == other.keys_.size() &&
         std::all_of(keys_.begin(), keys_.end(), [&other](const auto& entry) {
           const auto found = other.keys_.find(entry.first);
           return found != other.keys_.end() && found->second.text.x == entry.second.text.x &&
                  found->second.text.y == entry.second.text.y;
         });
}

absl::StatusOr<Claims> Verify(std::string_view token, const PublicKeys& keys, absl::Time now) {
  const std::optional<Parts> parts = Split(token);
  if (!parts.has_value()) return InvalidTokenError();
  std::optional<Claims> claims = VerifyParts(*parts, keys, now);
  if (!claims.has_value()) return InvalidTokenError();
  return *std::move(claims);
}

SigningKey::SigningKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key)
    : key_(std::move(key)), public_key_(std::move(public_key)) {}

absl::StatusOr<SigningKey> SigningKey::FromPem(std::string_view pem) {
  PLAYLOG_ASSIGN_OR_RETURN(std::shared_ptr<evp_pkey_st> key, ReadPrivateKey(pem));
  PLAYLOG_ASSIGN_OR_RETURN(PublicKey public_key, PublicKeyOf(*key));
  return SigningKey(std::move(key), std::move(public_key));
}

absl::StatusOr<std::vector<SigningKey>> SigningKey::AllFromPem(std::string_view pem) {
  std::vector<SigningKey> keys;
  for (std::size_t begin = pem.find(kPemBegin); begin != std::string_view::npos;) {
    const std::size_t next = pem.find(kPemBegin, begin + kPemBegin.size());
    const std::string_view block = pem.substr(begin, next - begin);
    begin = next;
    // Other blocks, such as EC PARAMETERS, are not ours to read.
    if (block.substr(0, block.find('\n')).find(kPemPrivateKey) == std::string_view::npos) continue;
    PLAYLOG_ASSIGN_OR_RETURN(SigningKey key, FromPem(block));
    const bool known = std::any_of(keys.begin(), keys.end(), [&key](const SigningKey& other) {
      return other.public_key().kid == key.public_key().kid;
    });
    if (known) return absl::FailedPreconditionError("it holds one private key twice");
    if (keys.size() == kSigningKeysMax) {
      return absl::FailedPreconditionError(
          absl::StrCat("it holds more than ", kSigningKeysMax, " private keys"));
    }
    keys.push_back(std::move(key));
  }
  // Without such a block, the reader of one key says what is wrong.
  if (keys.empty()) {
    PLAYLOG_ASSIGN_OR_RETURN(SigningKey key, FromPem(pem));
    keys.push_back(std::move(key));
  }
  return keys;
}

absl::StatusOr<std::string> SigningKey::Sign(const Claims& claims) const {
  if (claims.user_id <= 0 || claims.token_version < 0 || claims.session_id <= 0 ||
      !IsId(claims.token_id)) {
    return InternalError("claims that no verifier accepts");
  }
  const std::int64_t issued_at = absl::ToUnixSeconds(claims.issued_at);
  const std::int64_t expires_at = absl::ToUnixSeconds(claims.expires_at);
  if (issued_at < 0 || expires_at <= issued_at ||
      absl::Seconds(expires_at - issued_at) > kLifetimeMax) {
    return InternalError("a token's lifetime that no verifier accepts");
  }
  const std::string header = absl::StrCat(R"({"alg":")", ToAbsl(kAlgorithm), R"(","typ":")",
                                          ToAbsl(kType), R"(","kid":")", public_key_.kid, R"("})");
  const std::string payload = absl::StrCat(
      R"({"iss":")", ToAbsl(kIssuer), R"(","aud":")", ToAbsl(kAudience), R"(","sub":")",
      claims.user_id, R"(","exp":)", expires_at, R"(,"iat":)", issued_at, R"(,"nbf":)", issued_at,
      R"(,"jti":")", claims.token_id, R"(","tv":)", claims.token_version, R"(,"sid":)",
      claims.session_id, claims.staff ? R"(,"roles":["staff"]})" : R"(,"roles":[]})");
  return SignParts(header, payload);
}

absl::StatusOr<std::string> SigningKey::SignParts(std::string_view header,
                                                  std::string_view payload) const {
  std::string token = absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(payload));
  PLAYLOG_ASSIGN_OR_RETURN(const std::string signature, SignEs256(*key_, token));
  absl::StrAppend(&token, ".", Base64UrlEncode(signature));
  return token;
}

}  // namespace playlog::jwt
