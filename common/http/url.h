#ifndef PLAYLOG_COMMON_HTTP_URL_H_
#define PLAYLOG_COMMON_HTTP_URL_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace playlog::http {

// Checks the address of an upstream as an operator configures it: `https://host[:port][/path]`, or
// `http://` where the host is a loopback address written as a number (127.x.y.z or [::1]). No user
// name, query or fragment, no slash at the end. FAILED_PRECONDITION says in one line what is wrong.
absl::Status CheckUpstreamUrl(std::string_view url);

// The host of an absolute URL without brackets, or "" if there is none.
std::string HostOf(std::string_view url);

// Whether the text is a loopback address written as a number: 127.0.0.0/8 or ::1.
bool IsLoopbackLiteral(std::string_view host);

// Whether a socket address (a sockaddr_in or sockaddr_in6 in network order) belongs to the public
// internet: not private, loopback, link-local, multicast, shared or reserved.
bool IsPublicAddress(const void* socket_address);

// Percent-encodes everything but RFC 3986's unreserved characters.
std::string PercentEncode(std::string_view text);

// Joins parameters to `a=1&b=2`, names and values percent-encoded.
std::string MakeQuery(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace playlog::http

#endif  // PLAYLOG_COMMON_HTTP_URL_H_
