#ifndef PLAYLOG_SERVICES_AUTH_API_KEYS_H_
#define PLAYLOG_SERVICES_AUTH_API_KEYS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "playlog/songs/v1/song.pb.h"

namespace playlog::auth {

// The rules for what users store. Pure.

// Returns "spotify" or "lastfm"; INVALID_FIELD naming service_name for anything else.
absl::StatusOr<std::string> ServiceNameOf(songs::v1::Source source);

// The way back; SOURCE_UNSPECIFIED for another name.
songs::v1::Source SourceOf(std::string_view service_name);

// INVALID_FIELD unless the key is 1 to 4096 printable ASCII characters and not only spaces: it
// travels in a header of the upstream's requests.
absl::Status CheckApiKey(std::string_view key);

// Returns the user's name at the service, nothing for an empty one. INVALID_FIELD for a name over
// 128 characters, with control characters or not UTF-8.
absl::StatusOr<std::optional<std::string>> ReadServiceUserId(std::string_view id);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_API_KEYS_H_
