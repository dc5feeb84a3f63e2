#include "services/song_store/cursor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <set>
#include <utility>

#include "common/base/strings.h"

namespace playlog::song_store {
namespace {

constexpr std::size_t kKeyBytesMin = 31;
// 32 random bytes, also as hexadecimal digits, do not hold fewer different ones by chance.
constexpr std::size_t kDifferentBytesMin = 8;
constexpr char kVersion = 1;
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kPayloadBytes = 1 + 2 * kNumberBytes;  // version, played_at_us, id
constexpr std::size_t kSignatureBytes = 32;
// Keeps signatures for other purposes from being taken for a cursor's.
constexpr std::string_view kPurpose = "playlog.song_store.cursor";
constexpr std::string_view kPlacePurpose = "playlog.song_store.list_cursor";

void AppendNumber(std::string& bytes, std::int64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift));
  }
}

std::int64_t ReadNumber(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(number);
}

}  // namespace

absl::StatusOr<CursorCodec> CursorCodec::Create(Secret key) {
  if (key.Reveal().size() < kKeyBytesMin) {
    return absl::FailedPreconditionError("the cursor key has less than 32 bytes");
  }
  if (std::set<char>(key.Reveal().begin(), key.Reveal().end()).size() < kDifferentBytesMin) {
    return absl::FailedPreconditionError("the cursor key is too weak: it is not random");
  }
  return CursorCodec(std::move(key));
}

std::string CursorCodec::Sign(std::int64_t user_id, songs::v1::Source filter,
                              std::string_view payload) const {
  std::string message(kPurpose);
  AppendNumber(message, user_id);
  AppendNumber(message, filter);
  message.append(payload);
  return SignMessage(message);
}

// The length of the scope keeps it and the place apart.
std::string CursorCodec::SignPlace(std::string_view scope, std::string_view place) const {
  std::string message(kPlacePurpose);
  AppendNumber(message, static_cast<std::int64_t>(scope.size()));
  message.append(scope);
  message.append(place);
  return SignMessage(message);
}

std::string CursorCodec::SignMessage(std::string_view message) const {
  unsigned char signature[EVP_MAX_MD_SIZE];
  const std::string_view key = key_.Reveal();
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), signature, nullptr);
  return std::string(reinterpret_cast<const char*>(signature), kSignatureBytes);
}

std::string CursorCodec::Encode(std::int64_t user_id, songs::v1::Source filter,
                                Position position) const {
  std::string bytes(1, kVersion);
  AppendNumber(bytes, position.played_at_us);
  AppendNumber(bytes, position.id);
  bytes.append(Sign(user_id, filter, bytes));
  return Base64UrlEncode(bytes);
}

std::optional<Position> CursorCodec::Decode(std::int64_t user_id, songs::v1::Source filter,
                                            std::string_view cursor) const {
  const std::optional<std::string> bytes = Base64UrlDecode(cursor);
  if (!bytes.has_value() || bytes->size() != kPayloadBytes + kSignatureBytes) return std::nullopt;
  const std::string_view payload = std::string_view(*bytes).substr(0, kPayloadBytes);
  const std::string expected = Sign(user_id, filter, payload);
  if (CRYPTO_memcmp(expected.data(), bytes->data() + kPayloadBytes, kSignatureBytes) != 0 ||
      payload.front() != kVersion) {
    return std::nullopt;
  }
  return Position{ReadNumber(payload.substr(1, kNumberBytes)),
                  ReadNumber(payload.substr(1 + kNumberBytes, kNumberBytes))};
}

std::string CursorCodec::EncodePlace(std::string_view scope, std::string_view place) const {
  return Base64UrlEncode(SignPlace(scope, place).append(place));
}

std::optional<std::string> CursorCodec::DecodePlace(std::string_view scope,
                                                    std::string_view cursor) const {
  const std::optional<std::string> bytes = Base64UrlDecode(cursor);
  if (!bytes.has_value() || bytes->size() < kSignatureBytes) return std::nullopt;
  const std::string_view place = std::string_view(*bytes).substr(kSignatureBytes);
  const std::string expected = SignPlace(scope, place);
  if (CRYPTO_memcmp(expected.data(), bytes->data(), kSignatureBytes) != 0) return std::nullopt;
  return std::string(place);
}

}  // namespace playlog::song_store
