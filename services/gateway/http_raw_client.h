#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_RAW_CLIENT_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_RAW_CLIENT_H_

// For tests: a client that sends any bytes, and a server around a handler made of a function.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/http_server.h"

namespace playlog::gateway {

// A blocking TCP client. Every wait ends after 10 s at most.
class RawClient {
 public:
  struct Answer {
    int status = 0;  // 0: the connection ended before a head
    std::string head;
    std::string body;
    bool complete = false;  // whether the framing says that the body is whole
    bool Has(std::string_view field_line) const;
  };

  // A small receive buffer makes a slow reader felt by the server sooner; 0 leaves the default.
  explicit RawClient(int port, int receive_buffer_bytes = 0);
  // Has its descriptor and connects later.
  RawClient() : RawClient(0, 0) {}
  void Connect(int port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // Sends as much as the server takes.
  RawClient& Send(std::string_view bytes);
  // No more is sent, but the answer is read.
  void HalfClose();
  // Leaves with a TCP reset.
  void Reset();
  // Leaves orderly.
  void Close();

  // Reads one answer; `to_head` when the request was HEAD.
  Answer ReadAnswer(bool to_head = false);
  // Reads all until the server closes. `was_reset` tells how it did.
  std::string ReadToEnd();
  bool was_reset() const { return was_reset_; }
  // Reads some bytes, or "" at the end.
  std::string ReadSome(std::size_t at_most);
  // Returns whether the server has closed the connection, waiting for it.
  bool IsClosed() { return ReadToEnd().empty(); }

 private:
  bool Fill();
  bool ReadChunks(std::string& body);

  int socket_ = -1;
  std::string buffer_;
  bool was_reset_ = false;
};

// A running server. The paths /hello and /echo answer; others are the test's.
class TestServer : public HttpHandler {
 public:
  using Function = std::function<void(HttpRequest, std::shared_ptr<HttpExchange>)>;

  explicit TestServer(HttpLimits limits = HttpLimits(), Function function = nullptr);

  int port() const { return server_->port(); }
  HttpServer& server() { return *server_; }
  // What the log got since the last call, after waiting for that many lines.
  std::vector<HttpAccess> TakeLog(std::size_t lines);
  // How many requests reached the handler.
  int handled() const;
  // Asserts that a new connection is served.
  void ExpectGood();

 private:
  void Handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) override;

  const Function function_;
  mutable absl::Mutex mutex_;
  std::vector<HttpAccess> log_ ABSL_GUARDED_BY(mutex_);
  int handled_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_RAW_CLIENT_H_
