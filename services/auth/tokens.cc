#include "services/auth/tokens.h"

#include <cstddef>
#include <utility>

#include "common/base/crypto.h"
#include "common/base/strings.h"

namespace playlog::auth {
namespace {

constexpr std::size_t kTokenIdSize = 16;
constexpr std::size_t kFamilySize = 16;
constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kTextSize = (kFamilySize + kSecretSize) / 3 * 4;

}  // namespace

AccessTokens::AccessTokens(std::vector<jwt::SigningKey> keys, Clock& clock) : clock_(clock) {
  Replace(std::move(keys));
}

absl::StatusOr<std::string> AccessTokens::Issue(const User& user, std::int64_t session_id) const {
  // Whole seconds, which is all that a token can say.
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now()));
  return CurrentKeys()->front().Sign({.user_id = user.id,
                                      .token_id = Base64UrlEncode(RandomBytes(kTokenIdSize)),
                                      .token_version = user.token_version,
                                      .session_id = session_id,
                                      .staff = user.staff,
                                      .issued_at = now,
                                      .expires_at = now + kAccessTokenLifetime});
}

void AccessTokens::Replace(std::vector<jwt::SigningKey> keys) {
  auto shared = std::make_shared<const std::vector<jwt::SigningKey>>(std::move(keys));
  const absl::MutexLock lock(&mutex_);
  keys_ = std::move(shared);
}

std::vector<jwt::PublicKey> AccessTokens::public_keys() const {
  std::vector<jwt::PublicKey> keys;
  const Keys current = CurrentKeys();  // A temporary would be gone before the loop begins.
  for (const jwt::SigningKey& key : *current) keys.push_back(key.public_key());
  return keys;
}

AccessTokens::Keys AccessTokens::CurrentKeys() const {
  const absl::MutexLock lock(&mutex_);
  return keys_;
}

RefreshToken::RefreshToken(std::string family, std::string secret)
    : family_(std::move(family)), secret_(std::move(secret)) {}

RefreshToken RefreshToken::NewFamily() {
  return RefreshToken(RandomBytes(kFamilySize), RandomBytes(kSecretSize));
}

std::optional<RefreshToken> RefreshToken::Parse(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  const std::optional<std::string> bytes = Base64UrlDecode(text);
  if (!bytes.has_value()) return std::nullopt;
  return RefreshToken(bytes->substr(0, kFamilySize), bytes->substr(kFamilySize));
}

RefreshToken RefreshToken::Next() const { return RefreshToken(family_, RandomBytes(kSecretSize)); }

std::string RefreshToken::Text() const { return Base64UrlEncode(family_ + secret_); }

RefreshTokenHash RefreshToken::Hash() const {
  // The secret's hash covers the family too, so that a secret is worth nothing elsewhere.
  return {.family = Sha256(family_), .token = Sha256(family_ + secret_)};
}

}  // namespace playlog::auth
