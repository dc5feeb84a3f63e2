#ifndef PLAYLOG_SERVICES_GATEWAY_FIELD_RULES_H_
#define PLAYLOG_SERVICES_GATEWAY_FIELD_RULES_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"

namespace playlog::gateway {

// What a single protobuf field looks like to clients, whether its value comes from JSON, from the
// query or from the path. All functions are safe to call from any thread.

// The name of an enum value for clients: in lower case and without the enum's own prefix, so that
// SOURCE_SPOTIFY of `enum Source` is "spotify".
std::string EnumValueName(const google::protobuf::EnumValueDescriptor& value);

// The value that has this name; null if there is none. The zero value, which means that nothing
// was said, has no name that clients may send.
const google::protobuf::EnumValueDescriptor* FindEnumValue(
    const google::protobuf::EnumDescriptor& type, std::string_view name);

// Whether the field is a google.protobuf.Timestamp, written as an RFC 3339 string.
bool IsTimestamp(const google::protobuf::FieldDescriptor& field);

// Whether the field is one value that can stand in a query or a path: neither repeated nor a
// message other than a Timestamp.
bool IsScalar(const google::protobuf::FieldDescriptor& field);

// Whether the field is a number of such values, which a query gives one by one.
bool IsRepeatedScalar(const google::protobuf::FieldDescriptor& field);

// Whether the field travels as a cookie (the option `cookie`), and so neither in JSON nor in a URL.
bool IsCookie(const google::protobuf::FieldDescriptor& field);

// What the field accepts, as the end of the sentence "<field> must be …".
std::string AllowedValues(const google::protobuf::FieldDescriptor& field);

// A value as it was sent. Text stands for strings, bytes (base64), enums and Timestamps.
using SentValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;

// Sets the field, or appends to it if it is repeated. A value of the wrong type, out of the
// field's range, or text with U+0000, which no store of ours keeps, is INVALID_FIELD naming `name`.
absl::Status SetField(google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field, const SentValue& value,
                      std::string_view name);

// The same for the text of a query or path parameter, well-formed UTF-8: integers and numbers are
// written as in JSON, booleans as `true` and `false`.
absl::Status SetFieldFromText(google::protobuf::Message& message,
                              const google::protobuf::FieldDescriptor& field, std::string_view text,
                              std::string_view name);

// A name that a client sent, cut to 64 bytes at a character's end, fit for the text of an error.
std::string Shortened(std::string_view name);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_FIELD_RULES_H_
