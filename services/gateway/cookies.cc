#include "services/gateway/cookies.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "playlog/options/v1/options.pb.h"
#include "services/gateway/field_rules.h"

namespace playlog::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr std::string_view kSeparator = "; ";

absl::Status BadCookie(std::string_view why) {
  return Error(errors::v1::ERROR_CODE_BAD_REQUEST, absl::StrCat("Malformed cookie: ", ToAbsl(why)),
               "Begin again, with cookies as they were set.");
}

// RFC 6265's cookie-octet: printable ASCII but for the space, quotes, commas, semicolons and
// backslashes.
bool IsCookieOctet(char character) {
  return character > 0x20 && character < 0x7F && character != '"' && character != ',' &&
         character != ';' && character != '\\';
}

bool IsCookieValue(std::string_view value) {
  return !value.empty() && value.size() <= kCookieValueBytesMax &&
         std::all_of(value.begin(), value.end(), IsCookieOctet);
}

// Names and paths are ours to choose, so these are narrower than what RFC 6265 allows.
bool IsCookieName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char character) {
    return absl::ascii_isalnum(static_cast<unsigned char>(character)) || character == '_' ||
           character == '-';
  });
}
bool IsCookiePath(std::string_view path) {
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), IsCookieOctet);
}

absl::StatusOr<CookieField> CookieFieldOf(const FieldDescriptor& field) {
  const auto& option = field.options().GetExtension(options::v1::cookie);
  const bool is_string = field.type() == FieldDescriptor::TYPE_STRING && !field.is_repeated() &&
                         field.containing_oneof() == nullptr;
  if (!is_string || !IsCookieName(option.name()) || !IsCookiePath(option.path()) ||
      option.max_age_s() <= 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        field.full_name(), ": its cookie needs a string field, a name, a path and an age"));
  }
  return CookieField{&field, option.name(), option.path(), option.max_age_s()};
}

// Looks through the messages that the type's fields are of, and through theirs.
absl::Status CheckInnerMessages(const Descriptor& type, std::set<const Descriptor*>& seen) {
  for (int i = 0; i < type.field_count(); ++i) {
    const Descriptor* inner = type.field(i)->message_type();
    if (inner == nullptr || !seen.insert(inner).second) continue;
    for (int j = 0; j < inner->field_count(); ++j) {
      if (!IsCookie(*inner->field(j))) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(inner->field(j)->full_name(), ": no cookie reaches an inner message"));
    }
    PLAYLOG_RETURN_IF_ERROR(CheckInnerMessages(*inner, seen));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CookieField>> CookieFieldsOf(const Descriptor& type) {
  std::vector<CookieField> cookies;
  for (int i = 0; i < type.field_count(); ++i) {
    if (!IsCookie(*type.field(i))) continue;
    PLAYLOG_ASSIGN_OR_RETURN(CookieField cookie, CookieFieldOf(*type.field(i)));
    cookies.push_back(std::move(cookie));
  }
  std::set<const Descriptor*> seen;
  PLAYLOG_RETURN_IF_ERROR(CheckInnerMessages(type, seen));
  return cookies;
}

absl::StatusOr<std::optional<std::string>> FindCookie(const HttpHeaders& headers,
                                                      std::string_view name) {
  const auto is_cookie = [](const auto& field) { return field.first == "cookie"; };
  const auto field = std::find_if(headers.begin(), headers.end(), is_cookie);
  if (field == headers.end()) return std::nullopt;
  if (std::any_of(std::next(field), headers.end(), is_cookie)) {
    return BadCookie("there are two Cookie fields");
  }
  std::optional<std::string> found;
  std::string_view rest = field->second;
  for (bool is_last = false; !is_last;) {
    const std::size_t length = std::min(rest.find(';'), rest.size());
    const std::string_view pair = rest.substr(0, length);
    is_last = length == rest.size();
    rest.remove_prefix(length);
    if (pair.empty() || pair.front() == ' ' || (!is_last && !rest.starts_with(kSeparator))) {
      return BadCookie("cookies are separated by a semicolon and a space");
    }
    if (!is_last) rest.remove_prefix(kSeparator.size());
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    if (found.has_value()) return BadCookie(absl::StrCat(ToAbsl(name), " stands twice"));
    found = std::string(pair.substr(equals + 1));
    if (!IsCookieValue(*found)) {
      return BadCookie(absl::StrCat(ToAbsl(name), " has a value that was never set"));
    }
  }
  return found;
}

absl::StatusOr<std::string> FormatSetCookie(const CookieField& cookie, std::string_view value,
                                            bool is_secure) {
  if (!value.empty() && !IsCookieValue(value)) {
    return InternalError(absl::StrCat(cookie.field->full_name(), " is no cookie's value"));
  }
  return absl::StrCat(cookie.name, "=", ToAbsl(value), "; Path=", cookie.path,
                      "; Max-Age=", value.empty() ? 0 : cookie.max_age_s,
                      "; HttpOnly; SameSite=Lax", is_secure ? "; Secure" : "");
}

}  // namespace playlog::gateway
