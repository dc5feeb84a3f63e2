#include "common/db/param.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/strings.h"
#include "common/base/time_format.h"

namespace playlog::db {
namespace {

bool IsStorableText(std::string_view text) {
  return text.find('\0') == std::string_view::npos && IsValidUtf8(text);
}

bool IsStorableTime(absl::Time time) {
  static const absl::Time first = absl::FromCivil(absl::CivilYear(1), absl::UTCTimeZone());
  static const absl::Time end = absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone());
  return time >= first && time < end;
}

std::string ToHex(std::string_view bytes) {
  return absl::StrCat("\\x", absl::BytesToHexString(ToAbsl(bytes)));
}

}  // namespace

void Array::Separate() {
  if (size_++ > 0) literal_.push_back(',');
}

void Array::AddNull() {
  Separate();
  literal_.append("NULL");
}

void Array::Add(std::string_view text) {
  valid_ = valid_ && IsStorableText(text);
  Separate();
  // Always in quotes: without them an empty text, a text `NULL` and white space would be misread.
  literal_.push_back('"');
  // Next to no text has a special character, and to look for each alone is by far faster than
  // find_first_of.
  if (text.find('"') == std::string_view::npos && text.find('\\') == std::string_view::npos) {
    literal_.append(text);
    literal_.push_back('"');
    return;
  }
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t special = text.find_first_of("\"\\", begin);
    literal_.append(text, begin, special - begin);
    if (special == std::string_view::npos) break;
    literal_.push_back('\\');
    literal_.push_back(text[special]);
    begin = special + 1;
  }
  literal_.push_back('"');
}

void Array::Add(Bytes bytes) {
  Separate();
  // The backslash of a bytea's form is a special character of an array's.
  absl::StrAppend(&literal_, "\"\\\\x", absl::BytesToHexString(ToAbsl(bytes.value)), "\"");
}

void Array::Add(absl::Time time) {
  valid_ = valid_ && IsStorableTime(time);
  Separate();
  literal_.push_back('"');
  literal_.append(FormatRfc3339(time));
  literal_.push_back('"');
}

void Array::Add(bool value) {
  Separate();
  literal_.push_back(value ? 't' : 'f');
}

void Array::AddInteger(std::int64_t value) {
  Separate();
  absl::StrAppend(&literal_, value);
}

Param::Param(std::string_view text) : value_(text), valid_(IsStorableText(text)) {}

Param::Param(std::string&& text) : value_(std::move(text)), valid_(IsStorableText(value_)) {}

Param::Param(Bytes bytes) : value_(ToHex(bytes.value)) {}

Param::Param(absl::Time time) : valid_(IsStorableTime(time)) {
  if (valid_) value_ = FormatRfc3339(time);
}

Param::Param(double value) : value_(absl::StrFormat("%.17g", value)) {}

Param::Param(Array&& array) : value_(std::move(array.literal_)), valid_(array.valid_) {
  value_.push_back('}');
}

}  // namespace playlog::db
