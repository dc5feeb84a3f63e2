#include "services/gateway/field_rules.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/time_format.h"
#include "playlog/options/v1/options.pb.h"

namespace playlog::gateway {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kMaxEchoedBytes = 64;
constexpr std::string_view kAllowedText = "text without the character U+0000";

// The seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, between which Timestamps are.
constexpr std::int64_t kFirstTimestampSecond = -62'135'596'800;
constexpr std::int64_t kLastTimestampSecond = 253'402'300'799;

// `ErrorCode` becomes `ERROR_CODE_`.
std::string EnumPrefix(const EnumDescriptor& type) {
  std::string prefix;
  char previous = '\0';
  for (const char character : type.name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(character)) &&
        !absl::ascii_isupper(static_cast<unsigned char>(previous)) && previous != '\0') {
      prefix.push_back('_');
    }
    prefix.push_back(absl::ascii_toupper(static_cast<unsigned char>(character)));
    previous = character;
  }
  prefix.push_back('_');
  return prefix;
}

// The bytes of base64 in the standard or the URL alphabet, padded or not.
std::optional<std::string> FromBase64(std::string_view text) {
  std::string url_safe(text);
  if (url_safe.size() % 4 == 0) {
    for (int i = 0; i < 2 && url_safe.ends_with('='); ++i) url_safe.pop_back();
  }
  for (char& character : url_safe) {
    if (character == '+') character = '-';
    if (character == '/') character = '_';
  }
  return Base64UrlDecode(url_safe);
}

std::string AllowedEnumValues(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(EnumValueName(*type.value(i)));
  }
  if (names.empty()) return "left out";
  std::string last = names.back();
  names.pop_back();
  if (names.empty()) return last;
  return absl::StrCat(absl::StrJoin(names, ", "), " or ", last);
}

// Sets a singular field or appends to a repeated one, by the pair of Reflection's functions.
template <class Value>
void Put(Message& message, const FieldDescriptor& field, Value value,
         void (google::protobuf::Reflection::*set)(Message*, const FieldDescriptor*, Value) const,
         void (google::protobuf::Reflection::*add)(Message*, const FieldDescriptor*, Value) const) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  (reflection.*(field.is_repeated() ? add : set))(&message, &field, std::move(value));
}

absl::Status NotAllowed(const FieldDescriptor& field, std::string_view name) {
  return InvalidField(name, AllowedValues(field));
}

// The value as an Integer; INVALID_FIELD if it is no integer or out of range.
template <class Integer>
absl::StatusOr<Integer> ToInteger(const FieldDescriptor& field, const SentValue& value,
                                  std::string_view name) {
  const auto* as_signed = std::get_if<std::int64_t>(&value);
  const auto* as_unsigned = std::get_if<std::uint64_t>(&value);
  if (as_signed == nullptr && as_unsigned == nullptr) return NotAllowed(field, name);
  if (as_signed != nullptr && std::in_range<Integer>(*as_signed)) {
    return static_cast<Integer>(*as_signed);
  }
  if (as_unsigned != nullptr && std::in_range<Integer>(*as_unsigned)) {
    return static_cast<Integer>(*as_unsigned);
  }
  return InvalidField(name, absl::StrCat("an integer from ", std::numeric_limits<Integer>::min(),
                                         " to ", std::numeric_limits<Integer>::max()));
}

absl::StatusOr<double> ToNumber(const FieldDescriptor& field, const SentValue& value,
                                std::string_view name) {
  double number = 0;
  if (const auto* as_double = std::get_if<double>(&value)) {
    number = *as_double;
  } else if (const auto* as_signed = std::get_if<std::int64_t>(&value)) {
    number = static_cast<double>(*as_signed);
  } else if (const auto* as_unsigned = std::get_if<std::uint64_t>(&value)) {
    number = static_cast<double>(*as_unsigned);
  } else {
    return NotAllowed(field, name);
  }
  const bool fits = std::isfinite(number) &&
                    (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
                     std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max()));
  if (!fits) return NotAllowed(field, name);
  return number;
}

absl::Status SetEnum(Message& message, const FieldDescriptor& field, const SentValue& value,
                     std::string_view name) {
  const auto* text = std::get_if<std::string_view>(&value);
  const EnumValueDescriptor* found =
      text == nullptr ? nullptr : FindEnumValue(*field.enum_type(), *text);
  if (found == nullptr) return NotAllowed(field, name);
  Put<int>(message, field, found->number(), &google::protobuf::Reflection::SetEnumValue,
           &google::protobuf::Reflection::AddEnumValue);
  return absl::OkStatus();
}

absl::Status SetString(Message& message, const FieldDescriptor& field, const SentValue& value,
                       std::string_view name) {
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return NotAllowed(field, name);
  std::string contents(*text);
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    std::optional<std::string> bytes = FromBase64(*text);
    if (!bytes.has_value()) return NotAllowed(field, name);
    contents = *std::move(bytes);
  } else if (contents.find('\0') != std::string::npos) {
    return InvalidField(name, kAllowedText);
  }
  Put<std::string>(message, field, std::move(contents), &google::protobuf::Reflection::SetString,
                   &google::protobuf::Reflection::AddString);
  return absl::OkStatus();
}

absl::Status SetTimestamp(Message& message, const FieldDescriptor& field, const SentValue& value,
                          std::string_view name) {
  const auto* text = std::get_if<std::string_view>(&value);
  const std::optional<absl::Time> time = text == nullptr ? std::nullopt : ParseRfc3339(*text);
  if (!time.has_value()) return NotAllowed(field, name);
  const std::int64_t seconds = absl::ToUnixSeconds(*time);
  if (seconds < kFirstTimestampSecond || seconds > kLastTimestampSecond) {
    return NotAllowed(field, name);
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  Message& timestamp = field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                           : *reflection.MutableMessage(&message, &field);
  const google::protobuf::Descriptor& type = *field.message_type();
  const auto nanoseconds = absl::ToInt64Nanoseconds(*time - absl::FromUnixSeconds(seconds));
  timestamp.GetReflection()->SetInt64(&timestamp, type.FindFieldByNumber(1), seconds);
  timestamp.GetReflection()->SetInt32(&timestamp, type.FindFieldByNumber(2),
                                      static_cast<std::int32_t>(nanoseconds));
  return absl::OkStatus();
}

// An integer of at most 64 bits as JSON writes it; nothing for anything else, such as +1, 01, 1.0.
std::optional<SentValue> ReadInteger(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  for (const char character : digits) {
    if (character < '0' || character > '9') return std::nullopt;
  }
  const char* end = text.data() + text.size();
  std::int64_t as_signed = 0;
  if (std::from_chars(text.data(), end, as_signed).ec == std::errc()) return as_signed;
  std::uint64_t as_unsigned = 0;
  if (std::from_chars(text.data(), end, as_unsigned).ec == std::errc()) return as_unsigned;
  return std::nullopt;
}

std::optional<SentValue> ReadNumber(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace

std::string EnumValueName(const EnumValueDescriptor& value) {
  const std::string prefix = EnumPrefix(*value.type());
  std::string_view name = value.name();
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return absl::AsciiStrToLower(ToAbsl(name));
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, std::string_view name) {
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor& value = *type.value(i);
    if (value.number() != 0 && EnumValueName(value) == name) return &value;
  }
  return nullptr;
}

bool IsTimestamp(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == "google.protobuf.Timestamp";
}

bool IsScalar(const FieldDescriptor& field) {
  return !field.is_repeated() &&
         (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(field));
}

bool IsRepeatedScalar(const FieldDescriptor& field) {
  return field.is_repeated() &&
         (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(field));
}

bool IsCookie(const FieldDescriptor& field) {
  return field.options().HasExtension(options::v1::cookie);
}

std::string AllowedValues(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return "an integer";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return AllowedEnumValues(*field.enum_type());
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? "a string in base64" : "a string";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return IsTimestamp(field) ? "an RFC 3339 time such as 2024-01-15T14:30:00Z" : "an object";
  }
  return "left out";
}

absl::Status SetField(Message& message, const FieldDescriptor& field, const SentValue& value,
                      std::string_view name) {
  using google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      PLAYLOG_ASSIGN_OR_RETURN(const auto number, ToInteger<std::int32_t>(field, value, name));
      Put(message, field, number, &Reflection::SetInt32, &Reflection::AddInt32);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      PLAYLOG_ASSIGN_OR_RETURN(const auto number, ToInteger<std::int64_t>(field, value, name));
      Put(message, field, number, &Reflection::SetInt64, &Reflection::AddInt64);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      PLAYLOG_ASSIGN_OR_RETURN(const auto number, ToInteger<std::uint32_t>(field, value, name));
      Put(message, field, number, &Reflection::SetUInt32, &Reflection::AddUInt32);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      PLAYLOG_ASSIGN_OR_RETURN(const auto number, ToInteger<std::uint64_t>(field, value, name));
      Put(message, field, number, &Reflection::SetUInt64, &Reflection::AddUInt64);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      PLAYLOG_ASSIGN_OR_RETURN(const double number, ToNumber(field, value, name));
      Put(message, field, number, &Reflection::SetDouble, &Reflection::AddDouble);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_FLOAT: {
      PLAYLOG_ASSIGN_OR_RETURN(const double number, ToNumber(field, value, name));
      Put(message, field, static_cast<float>(number), &Reflection::SetFloat, &Reflection::AddFloat);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool* as_bool = std::get_if<bool>(&value);
      if (as_bool == nullptr) return NotAllowed(field, name);
      Put(message, field, *as_bool, &Reflection::SetBool, &Reflection::AddBool);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(message, field, value, name);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(message, field, value, name);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsTimestamp(field)) return SetTimestamp(message, field, value, name);
      return NotAllowed(field, name);
  }
  return NotAllowed(field, name);
}

absl::Status SetFieldFromText(Message& message, const FieldDescriptor& field, std::string_view text,
                              std::string_view name) {
  std::optional<SentValue> value;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      value = ReadInteger(text);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      value = ReadNumber(text);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text == "true" || text == "false") value = text == "true";
      break;
    default:
      value = text;
  }
  if (!value.has_value()) return NotAllowed(field, name);
  return SetField(message, field, *value, name);
}

std::string Shortened(std::string_view name) {
  if (name.size() <= kMaxEchoedBytes) return std::string(name);
  std::size_t end = kMaxEchoedBytes;
  // A byte of the form 10xxxxxx goes on with the character before it.
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(ToAbsl(name.substr(0, end)), "…");
}

}  // namespace playlog::gateway
