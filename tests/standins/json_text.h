#ifndef PLAYLOG_TESTS_STANDINS_JSON_TEXT_H_
#define PLAYLOG_TESTS_STANDINS_JSON_TEXT_H_

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace playlog::standins {

// The text as a JSON string, with its quotes.
std::string Quoted(std::string_view text);

// Sets what the JSON pointer (RFC 6901) names, making the last member if it is new; an index one
// past the end appends. False when the pointer leads nowhere.
bool SetAtPointer(boost::json::value& document, std::string_view pointer,
                  const boost::json::value& value);

// Takes out what the JSON pointer names. False when it is not there.
bool RemoveAtPointer(boost::json::value& document, std::string_view pointer);

// A member of the object that `value` may be; null when there is none.
const boost::json::value* MemberOf(const boost::json::value& value, std::string_view name);

// A member that is a string, or an integer.
std::optional<std::string> TextMember(const boost::json::value& value, std::string_view name);
std::optional<std::int64_t> NumberMember(const boost::json::value& value, std::string_view name);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_JSON_TEXT_H_
