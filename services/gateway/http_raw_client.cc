#include "services/gateway/http_raw_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"

namespace playlog::gateway {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

}  // namespace

bool RawClient::Answer::Has(std::string_view field_line) const {
  return head.find("\r\n" + std::string(field_line) + "\r\n") != std::string::npos;
}

RawClient::RawClient(int port, int receive_buffer_bytes) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{absl::ToInt64Seconds(kPatience), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (receive_buffer_bytes > 0) {
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof(receive_buffer_bytes));
  }
  if (port > 0) Connect(port);
}

void RawClient::Connect(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

RawClient::~RawClient() { Close(); }

void RawClient::Close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::Reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

void RawClient::HalfClose() { ::shutdown(socket_, SHUT_WR); }

RawClient& RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return *this;
}

std::string RawClient::ReadSome(std::size_t at_most) {
  if (buffer_.empty()) {
    buffer_.resize(at_most);
    const ssize_t got = ::recv(socket_, buffer_.data(), at_most, 0);
    if (got < 0 && errno == ECONNRESET) was_reset_ = true;
    if (got < 0 && errno == EAGAIN) ADD_FAILURE() << "the server stayed silent";
    buffer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  return std::exchange(buffer_, "");
}

bool RawClient::Fill() {
  std::string held = std::exchange(buffer_, "");
  const std::string more = ReadSome(64 * 1024);
  buffer_ = held + more;
  return !more.empty();
}

std::string RawClient::ReadToEnd() {
  while (Fill()) {
  }
  return std::exchange(buffer_, "");
}

bool RawClient::ReadChunks(std::string& body) {
  while (true) {
    std::size_t line_end = 0;
    while ((line_end = buffer_.find("\r\n")) == std::string::npos) {
      if (!Fill()) return false;
    }
    std::size_t size = 0;
    std::from_chars(buffer_.data(), buffer_.data() + line_end, size, 16);
    while (buffer_.size() < line_end + 2 + size + 2) {
      if (!Fill()) return false;
    }
    body += buffer_.substr(line_end + 2, size);
    buffer_.erase(0, line_end + 2 + size + 2);
    if (size == 0) return true;
  }
}

RawClient::Answer RawClient::ReadAnswer(bool to_head) {
  Answer answer;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return answer;
  }
  answer.head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
  const std::size_t length_at = answer.head.find("Content-Length: ");
  if (to_head || answer.status == 204 || answer.status == 100) {
    answer.complete = true;
  } else if (length_at != std::string::npos) {
    std::size_t length = 0;
    std::from_chars(answer.head.data() + length_at + 16, answer.head.data() + answer.head.size(),
                    length);
    while (buffer_.size() < length && Fill()) {
    }
    answer.complete = buffer_.size() >= length;
    answer.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
  } else if (answer.Has("Transfer-Encoding: chunked")) {
    answer.complete = ReadChunks(answer.body);
  } else {
    answer.body = ReadToEnd();
    answer.complete = !was_reset_;
  }
  return answer;
}

TestServer::TestServer(HttpLimits limits, Function function) : function_(std::move(function)) {
  HttpServerOptions options;
  options.address = "127.0.0.1:0";
  options.limits = limits;
  options.access_log = [this](const HttpAccess& access) {
    absl::MutexLock lock(&mutex_);
    log_.push_back(access);
  };
  server_ = std::make_unique<HttpServer>(std::move(options), *this);
  const absl::Status status = server_->Start();
  EXPECT_TRUE(status.ok()) << status;
}

void TestServer::Handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  {
    absl::MutexLock lock(&mutex_);
    ++handled_;
  }
  if (request.path == "/hello") {
    exchange->Send(HttpResponse{200, {{"Content-Type", "text/plain"}}, "hello"});
  } else if (request.path == "/echo") {
    std::string fields;
    for (const auto& [name, value] : request.headers)
      absl::StrAppend(&fields, name, "=", value, ";");
    exchange->Send(HttpResponse{200, {{"X-Fields", fields}}, request.body});
  } else if (function_) {
    function_(std::move(request), std::move(exchange));
  }
}

std::vector<HttpAccess> TestServer::TakeLog(std::size_t lines) {
  absl::MutexLock lock(&mutex_);
  const auto has_come = [this, lines]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return log_.size() >= lines; };
  mutex_.AwaitWithTimeout(absl::Condition(&has_come), kPatience);
  return std::exchange(log_, {});
}

int TestServer::handled() const {
  absl::MutexLock lock(&mutex_);
  return handled_;
}

void TestServer::ExpectGood() {
  RawClient client(port());
  client.Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
}

}  // namespace playlog::gateway
