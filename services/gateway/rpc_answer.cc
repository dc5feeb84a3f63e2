#include "services/gateway/rpc_answer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "services/gateway/wire_reader.h"

namespace playlog::gateway {
namespace {

constexpr std::string_view kHtml = "text/html";
constexpr char kPagePolicy[] =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// The value of a singular string or bytes field: its last occurrence, or nothing if it is unset.
absl::StatusOr<std::string_view> BytesOf(std::string_view wire, int number) {
  std::string_view bytes;
  WireReader reader(wire);
  WireRecord record;
  while (reader.Next(record)) {
    if (static_cast<int>(record.number) == number && record.wire_type == WireType::kLength) {
      bytes = record.bytes;
    }
  }
  if (!reader.ok()) return InternalError("a message is malformed");
  return bytes;
}

}  // namespace

HttpHeaders HeadersOf(const Route& route) {
  HttpHeaders headers = {{"Content-Type", route.content_type.empty()
                                              ? std::string("application/json")
                                              : route.content_type}};
  if (!route.file_name.empty()) {
    headers.emplace_back("Content-Disposition",
                         absl::StrCat("attachment; filename=\"", route.file_name, "\""));
  }
  if (route.content_type.starts_with(kHtml)) {
    headers.emplace_back("Content-Security-Policy", kPagePolicy);
  }
  return headers;
}

absl::StatusOr<HttpHeaders> SetCookiesOf(const Route& route, std::string_view wire,
                                         bool is_secure) {
  HttpHeaders headers;
  for (const CookieField& cookie : route.answer_cookies) {
    PLAYLOG_ASSIGN_OR_RETURN(const std::string_view value, BytesOf(wire, cookie.field->number()));
    PLAYLOG_ASSIGN_OR_RETURN(std::string text, FormatSetCookie(cookie, value, is_secure));
    headers.emplace_back("Set-Cookie", std::move(text));
  }
  return headers;
}

absl::Status AppendBody(const Route& route, std::string_view wire, std::string& out) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string_view body, BytesOf(wire, route.body_number));
  out.append(body);
  return absl::OkStatus();
}

}  // namespace playlog::gateway
