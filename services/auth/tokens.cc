#include "services/auth/tokens.h"

#include <cstddef>
#include <utility>

#include "common/base/strings.h"
#include "services/auth/crypto.h"

namespace playlog::auth {
namespace {

constexpr std::size_t kTokenIdSize = 16;
constexpr std::size_t kFamilySize = 16;
constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kTextSize = (kFamilySize + kSecretSize) / 3 * 4;

}  // namespace

AccessTokens::AccessTokens(jwt::SigningKey key, Clock& clock)
    : key_(std::move(key)), clock_(clock) {}

absl::StatusOr<std::string> AccessTokens::Issue(const User& user) const {
  // Whole seconds, which is all that a token can say.
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now()));
  return key_.Sign({.user_id = user.id,
                    .token_id = Base64UrlEncode(RandomBytes(kTokenIdSize)),
                    .token_version = user.token_version,
                    .staff = user.staff,
                    .issued_at = now,
                    .expires_at = now + kAccessTokenLifetime});
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
