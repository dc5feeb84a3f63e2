#include "common/http/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace playlog::testing {
namespace {

constexpr int kPollMs = 20;

// Waits until there is something to read; false when the test ends.
bool WaitReadable(int descriptor, const std::atomic<bool>& stopping) {
  while (!stopping) {
    pollfd entry{.fd = descriptor, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kPollMs) > 0) return true;
  }
  return false;
}

}  // namespace

std::string RawConnection::ReadHead() {
  std::string head;
  char byte = 0;
  while (!head.ends_with("\r\n\r\n")) {
    if (!WaitReadable(descriptor_, stopping_)) return "";
    if (::recv(descriptor_, &byte, 1, 0) != 1) return "";
    head.push_back(byte);
  }
  return head;
}

bool RawConnection::Write(std::string_view bytes) {
  while (!bytes.empty() && !stopping_) {
    pollfd entry{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (::poll(&entry, 1, kPollMs) == 0) continue;
    const ssize_t written = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return !stopping_;
}

void RawConnection::Hang() {
  char buffer[4096];
  while (WaitReadable(descriptor_, stopping_)) {
    if (::recv(descriptor_, buffer, sizeof(buffer), 0) <= 0) return;
  }
}

void RawConnection::Reset() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

RawServer::RawServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

RawServer::RawServer(std::string answer, bool close_after)
    : RawServer([this, answer = std::move(answer), close_after](RawConnection& connection) {
        for (;;) {
          std::string head = connection.ReadHead();
          if (head.empty()) return;
          {
            const absl::MutexLock lock(&mutex_);
            heads_.push_back(std::move(head));
          }
          if (!connection.Write(answer) || close_after) return;
        }
      }) {}

RawServer::~RawServer() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& session : sessions_) session.join();
  ::close(listener_);
}

std::string RawServer::Url(std::string_view path, std::string_view scheme) const {
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

std::vector<std::string> RawServer::heads() const {
  const absl::MutexLock lock(&mutex_);
  return heads_;
}

void RawServer::Accept() {
  while (WaitReadable(listener_, stopping_)) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) continue;
    ++connections_;
    sessions_.emplace_back([this, descriptor] {
      RawConnection connection(descriptor, stopping_);
      handler_(connection);
      ::close(descriptor);
    });
  }
}

}  // namespace playlog::testing
