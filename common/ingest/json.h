#ifndef PLAYLOG_COMMON_INGEST_JSON_H_
#define PLAYLOG_COMMON_INGEST_JSON_H_

#include <boost/json/value.hpp>
#include <optional>
#include <string_view>

namespace playlog::ingest {

// Parses one JSON document (RFC 8259, UTF-8, nothing after it) of what an upstream sent. Stricter
// than boost::json::parse: an object with a key twice and a number beyond double's range are
// refused. At most 32 levels deep; nothing is returned for anything else.
std::optional<boost::json::value> ParseJson(std::string_view text);

// The member of an object, nullptr if there is none. `object` may be nullptr.
const boost::json::value* Find(const boost::json::object* object, std::string_view key);

// The same if it is an object or an array, else nullptr.
const boost::json::object* FindObject(const boost::json::object* object, std::string_view key);
const boost::json::array* FindArray(const boost::json::object* object, std::string_view key);

// The string's characters if the value is a string.
std::optional<std::string_view> AsString(const boost::json::value* value);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_JSON_H_
