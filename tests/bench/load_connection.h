#ifndef PLAYLOG_TESTS_BENCH_LOAD_CONNECTION_H_
#define PLAYLOG_TESTS_BENCH_LOAD_CONNECTION_H_

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "tests/bench/answer_reader.h"

namespace playlog::bench {

// What every answer under load must be. Answers are counted and not kept, so their length is all
// that is known of them.
struct ExpectedAnswer {
  int status = 200;
  std::size_t body_bytes_min = 0;
  std::size_t body_bytes_max = 0;
};

// A blocking socket of this process to a port of this machine.
class Socket {
 public:
  // Connects. Reads give up after a minute. Throws std::runtime_error if nobody listens.
  explicit Socket(int port);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int number() const { return socket_; }

  // A request is far smaller than the socket's buffer, so it is taken at once.
  void Send(const std::string& request) const;
  // Gives the reader what is there, or the end of the connection. Returns what was there, which
  // is good until the next call.
  std::string_view Feed(AnswerReader& reader) const;

 private:
  const int socket_;
};

class LoadConnection;

// Waits for the connections that have something to read.
class Readable {
 public:
  Readable();
  ~Readable();
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;

  void Watch(int socket, LoadConnection* connection) const;

  // Calls `read` with each connection that has something to read, after at most `time`.
  template <class Read>
  void Wait(absl::Duration time, const Read& read) const {
    std::array<LoadConnection*, kAtOnce> ready{};
    const std::size_t count = Wait(time, ready);
    for (std::size_t i = 0; i < count; ++i) read(*ready[i]);
  }

 private:
  static constexpr std::size_t kAtOnce = 64;

  std::size_t Wait(absl::Duration time, std::array<LoadConnection*, kAtOnce>& ready) const;

  const int epoll_;
};

// A connection with at most one request in flight. It is opened with its first request, and with
// the next one after an answer behind which the server closes. Everything that fails throws
// std::runtime_error. Stays where it is in memory.
class LoadConnection {
 public:
  // The arguments must live as long.
  LoadConnection(int port, const ExpectedAnswer& expected, const Readable& readable);
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;

  void Ask(const std::string& request);
  // Reads what is there; true if that completed a good answer. Throws at one that is not good.
  bool Read();

 private:
  const int port_;
  const ExpectedAnswer& expected_;
  const Readable& readable_;
  std::unique_ptr<Socket> socket_;  // Null while it is not open.
  AnswerReader reader_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_LOAD_CONNECTION_H_
