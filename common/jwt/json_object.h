#ifndef PLAYLOG_COMMON_JWT_JSON_OBJECT_H_
#define PLAYLOG_COMMON_JWT_JSON_OBJECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace playlog::jwt {

// A member of a JSON object as tokens need it: a text, an integer, a list that held only texts, or
// monostate for every other value (null, a boolean, a fraction, an object, a mixed list).
using JsonValue = std::variant<std::monostate, std::string, std::int64_t, std::vector<std::string>>;

// The members of one JSON object.
using JsonObject = std::unordered_map<std::string, JsonValue>;

// Parses text that is exactly one JSON object in UTF-8. Nothing is returned for anything else, for
// a member that occurs twice at any depth, or for more than 4 levels.
std::optional<JsonObject> ParseJsonObject(std::string_view text);

}  // namespace playlog::jwt

#endif  // PLAYLOG_COMMON_JWT_JSON_OBJECT_H_
