#include "services/gateway/openapi_schemas.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/strings.h"
#include "playlog/options/v1/options.pb.h"
#include "services/gateway/field_rules.h"

namespace playlog::gateway {
namespace {

namespace json = boost::json;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

json::object Reference(const std::string& name) {
  return {{"$ref", absl::StrCat("#/components/schemas/", name)}};
}

// A schema that null fits too.
json::object Nullable(json::object schema) {
  if (schema.contains("$ref")) {
    return {{"anyOf", json::array{std::move(schema), json::object{{"type", "null"}}}}};
  }
  schema["type"] = json::array{schema["type"], "null"};
  return schema;
}

}  // namespace

template <class Element>
std::string CommentOf(const Element& element) {
  google::protobuf::SourceLocation location;
  if (!element.GetSourceLocation(&location)) return "";
  std::string text;
  for (absl::string_view line : absl::StrSplit(location.leading_comments, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    const bool joins = !text.empty() && text.back() != '\n' && !line.empty();
    absl::StrAppend(&text, joins ? " " : "", line.empty() && !text.empty() ? "\n\n" : "", line);
  }
  return std::string(absl::StripAsciiWhitespace(text));
}

template std::string CommentOf(const google::protobuf::Descriptor&);
template std::string CommentOf(const google::protobuf::EnumDescriptor&);
template std::string CommentOf(const google::protobuf::EnumValueDescriptor&);
template std::string CommentOf(const google::protobuf::FieldDescriptor&);
template std::string CommentOf(const google::protobuf::MethodDescriptor&);
template std::string CommentOf(const google::protobuf::ServiceDescriptor&);

FieldComment ReadFieldComment(const FieldDescriptor& field) {
  const std::string whole = CommentOf(field);
  absl::string_view text = whole;
  FieldComment comment;
  comment.is_required = absl::ConsumePrefix(&text, "REQUIRED.");
  text = absl::StripLeadingAsciiWhitespace(text);
  comment.is_input_only = absl::ConsumePrefix(&text, "INPUT_ONLY.");
  comment.text = std::string(absl::StripLeadingAsciiWhitespace(text));
  return comment;
}

// Types share their short name's first owner; a later one of the same name has its full name.
std::string OpenApiSchemas::NameOf(const std::string& short_name, const std::string& full_name) {
  const auto [owner, is_new] = owners_.try_emplace(short_name, full_name);
  return is_new || owner->second == full_name ? short_name : full_name;
}

json::object OpenApiSchemas::Message(const Descriptor& type, Direction direction,
                                     const Fields& hidden) {
  const bool is_request = direction == Direction::kRequest;
  // A type that is both sent and received has two schemas.
  const bool is_inner_request = is_request && !type.name().ends_with("Request");
  const std::string suffix = is_inner_request ? "Input" : "";
  const std::string name = NameOf(type.name() + suffix, type.full_name() + suffix);
  if (schemas_.contains(name)) return Reference(name);
  schemas_[name] = nullptr;  // Its place, so that a type may hold itself.
  json::object properties;
  json::array required;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (hidden.contains(&field) || IsCookie(field)) continue;
    properties[field.name()] = Field(field, direction);
    const auto& behaviour = field.options().GetExtension(options::v1::json_behaviour);
    if (is_request ? ReadFieldComment(field).is_required : !behaviour.omit_when_unset()) {
      required.emplace_back(field.name());
    }
  }
  json::object schema{{"type", "object"}, {"description", CommentOf(type)}};
  schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  if (is_request) schema["additionalProperties"] = false;
  schemas_[name] = std::move(schema);
  return Reference(name);
}

json::object OpenApiSchemas::Enum(const EnumDescriptor& type) {
  const std::string name = NameOf(type.name(), type.full_name());
  if (schemas_.contains(name)) return Reference(name);
  json::array values;
  std::string description = CommentOf(type);
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    if (value.number() == 0) continue;
    values.emplace_back(EnumValueName(value));
    absl::StrAppend(&description, "\n\n- `", EnumValueName(value), "`: ", CommentOf(value));
  }
  schemas_[name] =
      json::object{{"type", "string"}, {"description", description}, {"enum", std::move(values)}};
  return Reference(name);
}

// The schema of one value of the field, whether it is repeated or not.
json::object OpenApiSchemas::Value(const FieldDescriptor& field, Direction direction) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::CPPTYPE_INT32:
      return {{"type", "integer"}, {"format", "int32"}};
    case FieldDescriptor::CPPTYPE_INT64:
      return {{"type", "integer"}, {"format", "int64"}};
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", "integer"}, {"minimum", 0}};
    case FieldDescriptor::CPPTYPE_FLOAT:
      return {{"type", "number"}, {"format", "float"}};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"type", "number"}, {"format", "double"}};
    case FieldDescriptor::CPPTYPE_ENUM:
      return Enum(*field.enum_type());
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() != FieldDescriptor::TYPE_BYTES) return {{"type", "string"}};
      return {{"type", "string"}, {"contentEncoding", "base64"}};
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  if (IsTimestamp(field)) return {{"type", "string"}, {"format", "date-time"}};
  return Message(*field.message_type(), direction);
}

json::object OpenApiSchemas::Field(const FieldDescriptor& field, Direction direction) {
  const FieldComment comment = ReadFieldComment(field);
  json::object schema;
  if (field.is_map()) {
    schema = {{"type", "object"}};
    schema["additionalProperties"] = Value(*field.message_type()->map_value(), direction);
  } else if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", Value(field, direction)}};
  } else {
    schema = Value(field, direction);
    if (field.has_presence() && !comment.is_required) schema = Nullable(std::move(schema));
  }
  schema["description"] = comment.text;
  if (comment.is_input_only) schema["writeOnly"] = true;
  return schema;
}

// What is given several times is an array to OpenAPI, whose form in a query is just that.
json::object OpenApiSchemas::Parameter(const FieldDescriptor& field) {
  if (field.is_repeated()) {
    return {{"type", "array"}, {"items", Value(field, Direction::kRequest)}};
  }
  return Value(field, Direction::kRequest);
}

}  // namespace playlog::gateway
