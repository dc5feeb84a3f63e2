#ifndef PLAYLOG_SERVICES_GATEWAY_JSON_READER_H_
#define PLAYLOG_SERVICES_GATEWAY_JSON_READER_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <span>
#include <string_view>

#include "absl/status/status.h"

namespace playlog::gateway {

// Reads a JSON object into an empty message by the conventions of proto/README.md. The JSON is
// taken strictly (RFC 8259 and well-formed UTF-8), with these limits: 32 levels of nesting, 1000
// members in an object, 10,000 elements in an array.
//
// Errors:
//   INVALID_JSON   the text is not one JSON object, holds a key twice, a number that is not finite,
//   a
//                  byte order mark, or goes over a limit; wherever in the text, this comes first
//   UNKNOWN_FIELD  a key that the message does not know, by its name in snake_case, or one of the
//                  top-level fields `hidden`
//   INVALID_FIELD  a value that its field does not accept: of the wrong type or range, null where
//   the
//                  field cannot be unset, text with U+0000, an enum value's number
// Of the latter two the first in the text counts. After an error the message is unspecified.
absl::Status ReadJson(std::string_view json, google::protobuf::Message& message,
                      std::span<const google::protobuf::FieldDescriptor* const> hidden = {});

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_JSON_READER_H_
