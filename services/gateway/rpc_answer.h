#ifndef PLAYLOG_SERVICES_GATEWAY_RPC_ANSWER_H_
#define PLAYLOG_SERVICES_GATEWAY_RPC_ANSWER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/gateway/http_message.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// What an RPC's answer becomes over HTTP beside JSON: header fields, cookies and bodies of bytes.
// `wire` is the answer, or a part of it, as gRPC brings it. All functions are safe from any thread.

// The fields that every successful answer of the route has: the media type; the name for saving;
// for a page of HTML a Content-Security-Policy under which it can load, run and send nothing.
HttpHeaders HeadersOf(const Route& route);

// The answer's cookies, one Set-Cookie field each. INTERNAL if the wire is malformed or a value is
// no cookie's.
absl::StatusOr<HttpHeaders> SetCookiesOf(const Route& route, std::string_view wire, bool is_secure);

// Appends the bytes of the field `body` of a raw route's answer. INTERNAL, with `out` as before, if
// the wire is malformed.
absl::Status AppendBody(const Route& route, std::string_view wire, std::string& out);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RPC_ANSWER_H_
