#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_MESSAGE_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_MESSAGE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace playlog::gateway {

// Header fields in their order. The names of a request are in lower case.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// A request whose framing, header and target have been checked and whose body is complete.
struct HttpRequest {
  std::string method;  // GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS
  std::string target;  // origin-form: the path and, after a question mark, the query, as sent
  std::string path;    // still percent-encoded; decodes to UTF-8 without U+0000
  std::string query;   // the same, without the question mark
  HttpHeaders headers;
  std::string body;
  bool head = false;         // HEAD: the server leaves out the body of the answer
  int version = 11;          // 10 or 11
  std::string peer_address;  // of the connection; no header field is believed about it
  std::string request_id;    // 32 hexadecimal digits, made here

  // Returns the value of the field, whose name is given in lower case, or null.
  const std::string* Find(std::string_view name) const {
    for (const auto& [field_name, value] : headers) {
      if (field_name == name) return &value;
    }
    return nullptr;
  }
};

// An answer. The server adds Date, Content-Length, Connection and X-Request-Id, and the security
// fields and Cache-Control: no-store where the answer has no field of that name.
struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_MESSAGE_H_
