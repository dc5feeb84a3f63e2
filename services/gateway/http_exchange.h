#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_EXCHANGE_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_EXCHANGE_H_

#include <functional>
#include <memory>
#include <string>

#include "services/gateway/http_message.h"

namespace playlog::gateway {

// The writer of one answer: Send once; or Begin, then Write for each part, then End. Its functions
// may be called from any thread, never block, and after the end (or once the client has gone) do
// nothing. An exchange that is destroyed before the end answers 500 or, where a part has been sent
// already, breaks the connection.
//
// Callbacks run on a thread of the server or, if what they report has already happened, within the
// call that gives them; they must not block. All are released when the answer has ended, so a
// callback may hold the exchange.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // The whole answer.
  virtual void Send(HttpResponse response) = 0;

  // The head of a streamed answer. For a HEAD request this is the whole answer.
  virtual void Begin(int status, HttpHeaders headers) = 0;

  // The next part, which becomes one chunk (an empty one none): about 64 KiB are best. `done` is
  // called exactly once: with true when the socket took the part, and it's time to make the next
  // one; with false when the client has gone, and there is nobody to write for.
  virtual void Write(std::string part, std::function<void(bool)> done) = 0;

  // The answer is complete.
  virtual void End() = 0;

  // The answer can't be completed: breaks the connection (by a TCP reset), so that a cut answer
  // never parses as a whole one. Where nothing has been sent yet, it answers 500.
  virtual void Abort() = 0;

  // `cancelled` is called, at most once, when the client leaves before the answer has ended, or the
  // server cuts the connection. The handler should stop its work, and still end the exchange.
  virtual void OnCancelled(std::function<void()> cancelled) = 0;
};

// What answers the requests.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Starts to answer. Runs on one of the server's few threads, so it must not block.
  virtual void Handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) = 0;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_EXCHANGE_H_
