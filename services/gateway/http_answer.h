#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_ANSWER_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_ANSWER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "services/gateway/http_message.h"

namespace playlog::gateway {

// How the reader of an answer finds its end.
struct AnswerFraming {
  enum class Kind {
    kLength,      // Content-Length
    kChunked,     // Transfer-Encoding: chunked
    kUntilClose,  // the end of the connection: streams to HTTP/1.0
    kNone,        // an answer that has no body by its status
  };
  Kind kind = Kind::kLength;
  std::uint64_t length = 0;
  bool close = false;  // announces that the connection ends after the answer
};

// Returns whether an answer may be sent: a final status, sound field names, and no control
// character in a value, through which a text from outside could forge a second answer.
bool IsSoundAnswer(int status, const HttpHeaders& headers);

// Returns whether answers of the status never have a body (204, 304).
bool HasNoBody(int status);

// Returns whether the answer is a stream of server-sent events, which goes on until something
// happens and not until it is written.
bool IsEventStream(const HttpHeaders& headers);

// Writes the status line and the header fields: the answer's own but for those of the framing,
// which are the server's; Date; the request's id; the security fields and Cache-Control: no-store
// that the answer does not set itself. With `is_https` browsers are told to come by https alone for
// a year (RFC 6797), which those ignore that came by http.
std::string FormatAnswerHead(int status, const HttpHeaders& headers, const AnswerFraming& framing,
                             std::string_view request_id, bool is_https);

// Returns 128 fresh random bits in hexadecimal.
std::string MakeRequestId();

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_ANSWER_H_
