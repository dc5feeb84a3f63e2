#ifndef PLAYLOG_COMMON_BASE_STRINGS_H_
#define PLAYLOG_COMMON_BASE_STRINGS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace playlog {

// Debian builds Abseil with a string_view type of its own, so the two are converted by hand. Our
// own interfaces use std::string_view.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromAbsl(absl::string_view text) { return {text.data(), text.size()}; }

// Returns whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view bytes);

// Returns the number of code points of well-formed UTF-8.
std::size_t CountCodePoints(std::string_view utf8);

// Whether all of the text is ASCII.
bool IsAscii(std::string_view text);

// Returns the text in Unicode's normal form NFC, or nothing if it is not well-formed UTF-8.
std::optional<std::string> NormalizeNfc(std::string_view utf8);

// Returns the text without white space (ASCII and Unicode's) at its ends.
std::string_view TrimWhitespace(std::string_view utf8);

// Returns whether every byte is printable ASCII, 0x20 to 0x7E: what may travel in a header field or
// in gRPC metadata, where anything else aborts the process.
bool IsPrintableAscii(std::string_view text);

// Base64url without padding (RFC 4648, section 5). Decoding is strict: no padding, no white space,
// no other alphabet, no stray bits; nothing is returned for anything else.
std::string Base64UrlEncode(std::string_view bytes);
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_STRINGS_H_
