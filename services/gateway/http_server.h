#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_SERVER_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/error.h"
#include "services/gateway/http_exchange.h"
#include "services/gateway/http_limits.h"
#include "services/gateway/http_message.h"

namespace playlog::gateway {

// What the log tells of one request, refused ones included. Method and path are "-" where they
// could not be read. The path comes without the query, which may hold what is nobody's business.
struct HttpAccess {
  std::string method;
  std::string path;
  int status = 0;  // 0: no answer, because the client left first
  std::uint64_t body_bytes = 0;
  bool complete = false;  // whether the whole answer was handed to the kernel
  absl::Duration duration;
  std::string request_id;
  std::string peer_address;
};

// Writes the line `http_request` with Log().
void LogHttpAccess(const HttpAccess& access);

struct HttpServerOptions {
  // `host:port` with a numeric host; port 0 takes any free one.
  std::string address = "127.0.0.1:8000";
  // Browsers come by https, through a proxy that ends it.
  bool is_https = false;
  HttpLimits limits;
  // Makes the answer to a request that the server itself refuses. Empty: MakeErrorResponse.
  std::function<HttpResponse(ErrorCode, std::string_view detail, std::string_view request_id)>
      make_error;
  // Requests that are answered however many others there are; they cost next to nothing.
  // Empty: /healthz and /readyz.
  std::function<bool(const HttpRequest&)> is_never_shed;
  // Called on the server's threads after each request. Empty: LogHttpAccess.
  std::function<void(const HttpAccess&)> access_log;
};

// An HTTP/1.1 server: bounded, strict about framing, with a deadline on everything that a client
// can delay. Start and Drain are for one thread; the handler's answers may come from any.
class HttpServer {
 public:
  // `handler` outlives the server.
  HttpServer(HttpServerOptions options, HttpHandler& handler);
  ~HttpServer();  // cuts what is still open
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds the port and starts the threads. INVALID_ARGUMENT for an address that is none;
  // FAILED_PRECONDITION, with a text for the operator, when the port is taken.
  absl::Status Start();

  // The bound port, after Start.
  int port() const;

  // Stops accepting and closes idle connections at once; requests in flight have up to `time` to
  // end, and are cut then. Returns when every connection is gone and the threads have ended.
  void Drain(absl::Duration time);

  // What is open at this moment.
  std::size_t connections() const;
  std::size_t requests_in_flight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_SERVER_H_
