#include "services/auth/api_keys.h"

#include <cstddef>

#include "common/base/error.h"
#include "common/base/strings.h"

namespace playlog::auth {
namespace {

constexpr std::size_t kApiKeySizeMax = 4096;
constexpr std::size_t kServiceUserIdCharactersMax = 128;
constexpr std::string_view kSpotify = "spotify";
constexpr std::string_view kLastfm = "lastfm";

// The control characters of ASCII and, in UTF-8, of Latin-1: U+0080 to U+009F.
bool HasControlCharacter(std::string_view utf8) {
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == 0xC2 && static_cast<unsigned char>(utf8[i + 1]) < 0xA0) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::string> ServiceNameOf(songs::v1::Source source) {
  switch (source) {
    case songs::v1::SOURCE_SPOTIFY:
      return std::string(kSpotify);
    case songs::v1::SOURCE_LASTFM:
      return std::string(kLastfm);
    default:
      return InvalidField("service_name", "spotify or lastfm");
  }
}

songs::v1::Source SourceOf(std::string_view service_name) {
  if (service_name == kSpotify) return songs::v1::SOURCE_SPOTIFY;
  if (service_name == kLastfm) return songs::v1::SOURCE_LASTFM;
  return songs::v1::SOURCE_UNSPECIFIED;
}

absl::Status CheckApiKey(std::string_view key) {
  const bool blank = key.find_first_not_of(' ') == std::string_view::npos;
  if (!blank && key.size() <= kApiKeySizeMax && IsPrintableAscii(key)) return absl::OkStatus();
  return InvalidField("api_key", "1 to 4096 printable ASCII characters, not only spaces");
}

absl::StatusOr<std::optional<std::string>> ReadServiceUserId(std::string_view id) {
  if (id.empty()) return std::nullopt;
  if (!IsValidUtf8(id) || HasControlCharacter(id) ||
      CountCodePoints(id) > kServiceUserIdCharactersMax) {
    return InvalidField("service_user_id", "at most 128 characters without control characters");
  }
  return std::string(id);
}

}  // namespace playlog::auth
