#include "tests/bench/http_load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/answer_reader.h"

namespace playlog::bench {
namespace {

constexpr absl::Duration kAnswerTime = absl::Seconds(60);
constexpr std::size_t kReadBytes = 256 * 1024;

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::runtime_error(absl::StrCat(what, ": ", std::strerror(errno)));
}

// A socket that closes itself.
class Socket {
 public:
  // Connects to a port of this machine. Reads give up after a minute.
  explicit Socket(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const timeval time = absl::ToTimeval(kAnswerTime);
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      const int error = errno;
      close(socket_);
      errno = error;
      ThrowErrno("cannot connect");
    }
  }
  ~Socket() { close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int number() const { return socket_; }

  // A request is far smaller than the socket's buffer, so it is taken at once.
  void Send(const std::string& request) const {
    if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      ThrowErrno("cannot send a request");
    }
  }

 private:
  const int socket_;
};

std::array<char, kReadBytes>& ReadBuffer() {
  static auto& buffer = *new std::array<char, kReadBytes>();
  return buffer;
}

// One connection after another with one request in flight.
class Client {
 public:
  Client(const LoadOptions& options, int epoll) : options_(options), epoll_(epoll) { Open(); }

  // Reads what is there; true if that completed a good answer, and then the next request is out.
  bool OnReadable() {
    auto& buffer = ReadBuffer();
    const ssize_t count = recv(socket_->number(), buffer.data(), buffer.size(), 0);
    if (count < 0) ThrowErrno("cannot read an answer");
    if (count == 0) reader_.Close();
    if (count > 0) reader_.Feed({buffer.data(), static_cast<std::size_t>(count)});
    if (reader_.broken()) {
      throw std::runtime_error(absl::StrCat("an answer broke off, its status ", reader_.status()));
    }
    if (!reader_.done()) return false;
    if (reader_.status() != 200 || reader_.body_bytes() != options_.body_bytes) {
      throw std::runtime_error(absl::StrCat("an answer has status ", reader_.status(), " and ",
                                            reader_.body_bytes(), " bytes instead of 200 and ",
                                            options_.body_bytes));
    }
    if (reader_.last_of_connection()) {
      Open();
    } else {
      Ask();
    }
    return true;
  }

 private:
  void Open() {
    socket_ = std::make_unique<Socket>(options_.port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_->number(), &event) != 0) ThrowErrno("epoll_ctl");
    Ask();
  }

  void Ask() {
    reader_ = AnswerReader();
    socket_->Send(options_.request);
  }

  const LoadOptions& options_;
  const int epoll_;
  std::unique_ptr<Socket> socket_;
  AnswerReader reader_;
};

class Epoll {
 public:
  Epoll() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) ThrowErrno("epoll_create1");
  }
  ~Epoll() { close(epoll_); }
  Epoll(const Epoll&) = delete;
  Epoll& operator=(const Epoll&) = delete;
  int number() const { return epoll_; }

 private:
  const int epoll_;
};

}  // namespace

double AnswersPerSecond(const LoadOptions& options) {
  const Epoll epoll;
  std::vector<std::unique_ptr<Client>> clients;
  const absl::Time begin = absl::Now();
  const absl::Time end = begin + options.time;
  for (int i = 0; i < options.connections; ++i) {
    clients.push_back(std::make_unique<Client>(options, epoll.number()));
  }
  std::int64_t answers = 0;
  std::array<epoll_event, 64> events{};
  absl::Time now = begin;
  absl::Time last_answer = begin;
  for (; now < end; now = absl::Now()) {
    const int count = epoll_wait(epoll.number(), events.data(), events.size(), 100);
    if (count < 0 && errno != EINTR) ThrowErrno("epoll_wait");
    if (now - last_answer > kAnswerTime) throw std::runtime_error("no answer for a minute");
    for (int i = 0; i < count; ++i) {
      if (!static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr)->OnReadable())
        continue;
      ++answers;
      last_answer = now;
    }
  }
  return static_cast<double>(answers) / absl::ToDoubleSeconds(now - begin);
}

Drained Drain(int port, const std::string& request) {
  const Socket socket(port);
  AnswerReader reader;
  Drained drained;
  const absl::Time begin = absl::Now();
  socket.Send(request);
  auto& buffer = ReadBuffer();
  while (!reader.done()) {
    const ssize_t count = recv(socket.number(), buffer.data(), buffer.size(), 0);
    if (count < 0) ThrowErrno("cannot read an answer");
    if (drained.first_byte == absl::ZeroDuration()) drained.first_byte = absl::Now() - begin;
    if (count == 0) reader.Close();
    if (count > 0) reader.Feed({buffer.data(), static_cast<std::size_t>(count)});
    if (reader.broken()) throw std::runtime_error("an answer broke off");
    if (absl::Now() - begin > kAnswerTime) throw std::runtime_error("an answer took over a minute");
  }
  drained.whole = absl::Now() - begin;
  drained.status = reader.status();
  drained.body_bytes = reader.body_bytes();
  return drained;
}

std::string GetRequest(const std::string& target, const std::string& token) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ",
                      token, "\r\n\r\n");
}

}  // namespace playlog::bench
