#include "tests/bench/load_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::bench {
namespace {

constexpr absl::Duration kAnswerTime = absl::Seconds(60);
constexpr std::size_t kReadBytes = 256 * 1024;
// Of an answer that is not the expected one, in the message about it.
constexpr std::size_t kShownBytes = 1000;

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::runtime_error(absl::StrCat(what, ": ", std::strerror(errno)));
}

std::array<char, kReadBytes>& ReadBuffer() {
  static auto& buffer = *new std::array<char, kReadBytes>();
  return buffer;
}

}  // namespace

Socket::Socket(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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

Socket::~Socket() { close(socket_); }

void Socket::Send(const std::string& request) const {
  if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    ThrowErrno("cannot send a request");
  }
}

std::string_view Socket::Feed(AnswerReader& reader) const {
  auto& buffer = ReadBuffer();
  const ssize_t count = recv(socket_, buffer.data(), buffer.size(), 0);
  if (count < 0) ThrowErrno("cannot read an answer");
  if (count == 0) reader.Close();
  const std::string_view bytes(buffer.data(),
                               static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count > 0) reader.Feed(bytes);
  if (reader.broken()) {
    throw std::runtime_error(absl::StrCat("an answer broke off, its status ", reader.status()));
  }
  return bytes;
}

Readable::Readable() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) ThrowErrno("epoll_create1");
}

Readable::~Readable() { close(epoll_); }

void Readable::Watch(int socket, LoadConnection* connection) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = connection;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) ThrowErrno("epoll_ctl");
}

std::size_t Readable::Wait(absl::Duration time, std::array<LoadConnection*, kAtOnce>& ready) const {
  std::array<epoll_event, kAtOnce> events{};
  // To the nanosecond, for requests that are due between two milliseconds.
  const timespec patience = absl::ToTimespec(std::max(time, absl::ZeroDuration()));
  const int count = epoll_pwait2(epoll_, events.data(), events.size(), &patience, nullptr);
  if (count < 0 && errno != EINTR) ThrowErrno("epoll_pwait2");
  for (int i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(i);
    ready[place] = static_cast<LoadConnection*>(events[place].data.ptr);
  }
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

LoadConnection::LoadConnection(int port, const ExpectedAnswer& expected, const Readable& readable)
    : port_(port), expected_(expected), readable_(readable) {}

void LoadConnection::Ask(const std::string& request) {
  // Not before there is a request: one that nothing comes from would hold up a server that serves
  // one connection at a time, as gunicorn's workers do.
  if (socket_ == nullptr) {
    socket_ = std::make_unique<Socket>(port_);
    readable_.Watch(socket_->number(), this);
  }
  reader_ = AnswerReader();
  socket_->Send(request);
}

bool LoadConnection::Read() {
  const std::string_view bytes = socket_->Feed(reader_);
  if (!reader_.done()) return false;
  if (reader_.status() != expected_.status || reader_.body_bytes() < expected_.body_bytes_min ||
      reader_.body_bytes() > expected_.body_bytes_max) {
    throw std::runtime_error(
        absl::StrCat("an answer has status ", reader_.status(), " and ", reader_.body_bytes(),
                     " bytes instead of ", expected_.status, " and ", expected_.body_bytes_min,
                     " to ", expected_.body_bytes_max, ": ", ToAbsl(bytes.substr(0, kShownBytes))));
  }
  if (reader_.last_of_connection()) socket_.reset();
  return true;
}

}  // namespace playlog::bench
