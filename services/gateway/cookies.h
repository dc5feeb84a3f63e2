#ifndef PLAYLOG_SERVICES_GATEWAY_COOKIES_H_
#define PLAYLOG_SERVICES_GATEWAY_COOKIES_H_

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/gateway/http_message.h"

namespace playlog::gateway {

// Fields that travel as cookies (the field option `cookie`). A cookie never says who the caller is:
// requests are authorised by their bearer token alone. All functions are safe from any thread.

// The longest value of a cookie of ours, in bytes.
inline constexpr std::size_t kCookieValueBytesMax = 256;

// A field of a message and the cookie that it travels as.
struct CookieField {
  const google::protobuf::FieldDescriptor* field = nullptr;
  std::string name;
  std::string path;
  int max_age_s = 0;
};

// The message's fields that travel as cookies. FAILED_PRECONDITION, naming the field, for one that
// is not one string without `optional`, whose cookie has no sound name, path or age, and for one
// that stands in a message within the message, where no cookie reaches.
absl::StatusOr<std::vector<CookieField>> CookieFieldsOf(const google::protobuf::Descriptor& type);

// The value of the one cookie of that name among a request's header fields; nothing if it did not
// come. What other cookies look like is nobody's business here: they may belong to other programs
// on the same host. BAD_REQUEST if there are two Cookie fields, the separators are not `; `
// (RFC 6265, 4.2.1), or the cookie stands twice or has a value that is not 1 to 256 characters of
// that grammar.
absl::StatusOr<std::optional<std::string>> FindCookie(const HttpHeaders& headers,
                                                      std::string_view name);

// The value of a Set-Cookie field, always with HttpOnly and SameSite=Lax; an empty `value` removes
// the cookie. INTERNAL for a value that no cookie may have.
absl::StatusOr<std::string> FormatSetCookie(const CookieField& cookie, std::string_view value,
                                            bool is_secure);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_COOKIES_H_
