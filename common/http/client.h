#ifndef PLAYLOG_COMMON_HTTP_CLIENT_H_
#define PLAYLOG_COMMON_HTTP_CLIENT_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace playlog::http {

// One header field. The name of a received field is in lower case.
struct Header {
  std::string name;
  std::string value;
};

inline constexpr std::size_t kDefaultMaxBodyBytes = 8 << 20;

// What to ask for. Names and values of the headers are printable ASCII.
struct Request {
  std::string url = {};
  std::vector<Header> headers = {};
  std::string body = {};  // Sent by Post alone.
  // When the answer must be there at the latest. One try never takes over 10 s in any case.
  absl::Time deadline = absl::InfiniteFuture();
  // The longest answer body that is accepted, declared or not.
  std::size_t max_body_bytes = kDefaultMaxBodyBytes;
  // Asked some twenty times a second: true gives the request up. May be empty.
  std::function<bool()> cancelled = {};
};

// An answer that arrived whole, whatever its status says.
struct Response {
  int status = 0;
  std::vector<Header> headers = {};
  std::string body = {};

  // Returns the values of all fields of the name (in lower case), in the order of arrival.
  std::vector<std::string_view> HeaderValues(std::string_view name) const;
};

// Why there is no answer.
enum class Failure {
  kUnreachable,  // No such host, refused, or not connected in time.
  kTimeout,      // Not whole before the deadline, slower than 1 KB/s, or given up by the caller.
  kTooLarge,     // The body or the header section is over its limit.
  kGarbled,      // Cut, reset, not HTTP, or in an encoding that was not asked for.
  kTls,          // No trusted connection; nothing of the request was sent.
  kRefused,      // The request was not sent: its address or its headers are not allowed.
};

// Makes the status of a failure, and reads it back. `what` is for the log: it holds no address.
absl::Status FailureStatus(Failure failure, std::string_view what);
Failure FailureOf(const absl::Status& status);
// A failure's name in snake_case, for logs and metrics.
std::string_view NameOf(Failure failure);

// Sends HTTP requests. Redirects are not followed, nothing is decoded, no cookie is kept, and
// nothing is tried again: an answer is whole or it is a failure. Thread-safe; calls block.
class Client {
 public:
  virtual ~Client() = default;
  virtual absl::StatusOr<Response> Get(const Request& request) = 0;
  virtual absl::StatusOr<Response> Post(const Request& request) = 0;
};

// What every client demands of a request before it sends it, and of an answer that it received.
// kRefused, kTimeout for a deadline that has passed; kTooLarge or kGarbled for an answer.
absl::Status CheckRequest(const Request& request, absl::Time now);
absl::Status CheckResponse(const Request& request, const Response& response);

}  // namespace playlog::http

#endif  // PLAYLOG_COMMON_HTTP_CLIENT_H_
