#include "tests/harness/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "common/base/strings.h"

namespace playlog::harness {
namespace {

constexpr absl::Duration kSendTime = absl::Seconds(30);

sockaddr_in Loopback(const std::string& address, int port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &result.sin_addr);
  return result;
}

bool AwaitSocket(int socket, short events, absl::Time end) {
  const auto left = static_cast<int>(
      std::clamp<std::int64_t>(absl::ToInt64Milliseconds(end - absl::Now()), 0, 3'600'000));
  pollfd entry{socket, events, 0};
  return poll(&entry, 1, left) > 0;
}

void SetOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof(value));
}

bool BodyIsEmpty(int status) { return status == 204 || status == 304 || status < 200; }

}  // namespace

std::string HttpAnswer::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (field == name) return value;
  }
  return "";
}

int HttpAnswer::CountHeaders(std::string_view name) const {
  return static_cast<int>(std::count_if(headers.begin(), headers.end(),
                                        [name](const auto& field) { return field.first == name; }));
}

HttpConnection::HttpConnection(int port, const std::string& source_address,
                               int receive_buffer_bytes)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer_bytes > 0) SetOption(socket_, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  SetOption(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
  const sockaddr_in server = Loopback("127.0.0.1", port);
  const sockaddr_in source = Loopback(source_address, 0);
  const bool bound = source_address.empty() ||
                     bind(socket_, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) == 0;
  if (!bound || connect(socket_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0) {
    close(socket_);
    socket_ = -1;
    closed_ = true;
    return;
  }
  fcntl(socket_, F_SETFL, O_NONBLOCK);
  sent_at_ = absl::Now();
}

HttpConnection::~HttpConnection() {
  if (socket_ >= 0) close(socket_);
}

bool HttpConnection::Send(std::string_view bytes) {
  const absl::Time end = absl::Now() + kSendTime;
  while (!bytes.empty() && socket_ >= 0) {
    const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if ((errno != EAGAIN && errno != EINTR) || !AwaitSocket(socket_, POLLOUT, end)) {
      return false;
    }
  }
  sent_at_ = absl::Now();
  return socket_ >= 0;
}

void HttpConnection::ShutdownWrite() { shutdown(socket_, SHUT_WR); }

void HttpConnection::Reset() {
  const linger at_once{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(socket_);
  socket_ = -1;
  closed_ = true;
}

bool HttpConnection::Fill(absl::Time end) {
  while (!closed_ && AwaitSocket(socket_, POLLIN, end)) {
    char bytes[64 * 1024];
    const ssize_t count = recv(socket_, bytes, sizeof(bytes), 0);
    if (count > 0) {
      buffer_.append(bytes, static_cast<std::size_t>(count));
      return true;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) closed_ = true;
  }
  return false;
}

std::optional<std::string> HttpConnection::TakeLine(absl::Time end) {
  while (true) {
    const std::size_t length = buffer_.find("\r\n");
    if (length != std::string::npos) {
      std::string line = buffer_.substr(0, length);
      buffer_.erase(0, length + 2);
      return line;
    }
    if (!Fill(end)) return std::nullopt;
  }
}

bool HttpConnection::TakeBytes(std::size_t count, absl::Time end, std::string& to) {
  while (buffer_.size() < count) {
    if (Fill(end)) continue;
    to += std::exchange(buffer_, {});
    return false;
  }
  to.append(buffer_, 0, count);
  buffer_.erase(0, count);
  return true;
}

bool HttpConnection::ReadHead(absl::Time end, HttpAnswer& answer) {
  const std::optional<std::string> status_line = TakeLine(end);
  if (!status_line.has_value() || status_line->size() < 12) return false;
  answer.status_line = *status_line;
  if (!absl::SimpleAtoi(status_line->substr(9, 3), &answer.status)) return false;
  answer.headers.clear();
  while (true) {
    const std::optional<std::string> line = TakeLine(end);
    if (!line.has_value()) return false;
    if (line->empty()) return true;
    const std::size_t colon = line->find(": ");
    if (colon == std::string::npos) return false;
    answer.headers.emplace_back(absl::AsciiStrToLower(line->substr(0, colon)),
                                line->substr(colon + 2));
  }
}

bool HttpConnection::ReadChunks(absl::Time end, HttpAnswer& answer) {
  while (true) {
    const std::optional<std::string> line = TakeLine(end);
    std::size_t size = 0;
    if (!line.has_value() ||
        std::from_chars(line->data(), line->data() + line->size(), size, 16).ec != std::errc()) {
      return false;
    }
    if (!TakeBytes(size, end, answer.body)) return false;
    const std::optional<std::string> line_end = TakeLine(end);
    if (!line_end.has_value() || !line_end->empty()) return false;
    if (size == 0) return true;
  }
}

HttpAnswer HttpConnection::Read(absl::Duration time, bool has_body) {
  const absl::Time end = absl::Now() + time;
  HttpAnswer answer;
  if (!buffer_.empty() || Fill(end)) answer.first_byte = absl::Now() - sent_at_;
  do {
    if (!ReadHead(end, answer)) return answer;
  } while (answer.status < 200);
  std::size_t length = 0;
  if (!has_body || BodyIsEmpty(answer.status)) {
    answer.whole = true;
  } else if (answer.Header("transfer-encoding") == "chunked") {
    answer.whole = ReadChunks(end, answer);
  } else if (absl::SimpleAtoi(answer.Header("content-length"), &length)) {
    answer.whole = TakeBytes(length, end, answer.body);
  }
  answer.duration = absl::Now() - sent_at_;
  return answer;
}

std::string HttpConnection::ReadBytes(std::size_t count, absl::Duration time) {
  std::string bytes;
  TakeBytes(count, absl::Now() + time, bytes);
  return bytes;
}

bool HttpConnection::AwaitClose(absl::Duration time, std::string* left) {
  const absl::Time end = absl::Now() + time;
  while (Fill(end)) {
  }
  if (left != nullptr) *left = buffer_;
  return closed_;
}

HttpAnswer Exchange(int port, std::string_view request, absl::Duration time, bool has_body) {
  HttpConnection connection(port);
  connection.Send(request);
  return connection.Read(time, has_body);
}

}  // namespace playlog::harness
