#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_GUARD_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_GUARD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "services/gateway/http_limits.h"
#include "services/gateway/http_message.h"

namespace playlog::gateway {

// The guard reads the head of a request, strictly by the grammar of RFC 9112, before any other
// code sees it. Where two readers could understand a request differently, it is refused: that is
// what request smuggling lives on. Pure functions.

// Why a request is refused.
struct HttpRefusal {
  ErrorCode code;
  std::string detail;
};

// The head of a request that passed.
struct RequestHead {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  int version = 11;
  HttpHeaders headers;

  bool chunked = false;
  std::uint64_t content_length = 0;
  bool expects_continue = false;
  bool wants_close = false;

  bool HasBody() const { return chunked || content_length > 0; }
};

// The verbs that the server knows, as a 405 names them.
inline constexpr std::string_view kKnownMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// Checks a whole head: the bytes up to and with the empty line. Fills `head` as far as it could be
// read (for the log) and returns why it is refused, if it is.
std::optional<HttpRefusal> CheckHead(std::string_view bytes, const HttpLimits& limits,
                                     RequestHead& head);

// Checks a head of which the end hasn't come yet, so that what can't become a request any more is
// refused at once and not when its time is over.
std::optional<HttpRefusal> CheckPartialHead(std::string_view bytes, const HttpLimits& limits,
                                            RequestHead& head);

// Returns whether the text has a valid percent-encoding that decodes to UTF-8 without U+0000.
bool IsSoundPercentEncoding(std::string_view text);

// Returns whether the text is `host` or `host:port` by the grammar of RFC 3986, and not empty.
bool IsAuthority(std::string_view text);

// Returns whether the text is a token: the grammar of methods and of field names.
bool IsToken(std::string_view text);

// Returns whether the text has no control character but the tab.
bool IsFieldValue(std::string_view text);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_GUARD_H_
