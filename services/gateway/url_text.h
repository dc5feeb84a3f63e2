#ifndef PLAYLOG_SERVICES_GATEWAY_URL_TEXT_H_
#define PLAYLOG_SERVICES_GATEWAY_URL_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

namespace playlog::gateway {

// Decodes %XX once, and `+` as a space where `plus_is_space`. Nothing is returned for an escape
// that is not followed by two hexadecimal digits, and for what is not well-formed UTF-8 once
// decoded.
std::optional<std::string> DecodeUrlText(std::string_view encoded, bool plus_is_space);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_URL_TEXT_H_
