#ifndef PLAYLOG_TESTS_STANDINS_HTTP_LISTENER_H_
#define PLAYLOG_TESTS_STANDINS_HTTP_LISTENER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/standins/http_message.h"

namespace playlog::standins {

// A small HTTP/1.1 server that sends exactly the bytes it is told to, well-formed or not.
//
// One thread serves all connections (the one inside Run), so the handler needs no locks. Limits:
// a request head of 64 KiB, a body of 4 MiB with a Content-Length, `max_connections` connections;
// what is beyond gets 431, 413 or 503 and its connection is closed.
class HttpListener {
 public:
  using Handler = std::function<Answer(const HttpRequest&)>;

  // Binds at once; throws std::exception when the address cannot be bound. `port` 0 picks a free
  // one.
  HttpListener(const std::string& ip_address, std::uint16_t port, int max_connections,
               Handler handler);
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  std::uint16_t port() const;

  // Serves until Stop. With `until_signal` SIGTERM and SIGINT also end it.
  void Run(bool until_signal);

  // From any thread. Open connections are dropped.
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_HTTP_LISTENER_H_
