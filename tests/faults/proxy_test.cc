#include "tests/faults/proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/clock.h"
#include "common/testing/temporary_directory.h"

namespace playlog::faults {
namespace {

constexpr absl::Duration kDelay = absl::Milliseconds(200);

sockaddr_un NameOf(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  return name;
}

std::string ReadSome(int socket) {
  std::array<char, 4096> buffer;
  const ssize_t size = read(socket, buffer.data(), buffer.size());
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : "";
}

// Answers each request with "got " and the request, one connection after another, and remembers
// what it got.
class EchoServer {
 public:
  explicit EchoServer(const std::string& path) : listener_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    const sockaddr_un name = NameOf(path);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  // What it got in all.
  std::string Stop() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    return got_;
  }

 private:
  void Serve() {
    for (int client = 0; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
      for (std::string request; !(request = ReadSome(client)).empty();) {
        got_ += request;
        const std::string reply = "got " + request;
        if (send(client, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
      }
    }
  }

  const int listener_;
  std::string got_;
  std::thread thread_;
};

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() : server_(ServerPath()), proxy_({.path = ProxyPath()}, {{.path = ServerPath()}}, 7) {}

  std::string ServerPath() const { return directory_.path() + "/server"; }
  std::string ProxyPath() const { return directory_.path() + "/proxy"; }

  int Connect() const {
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un name = NameOf(ProxyPath());
    EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
    // So that a fault which swallows an answer does not hang the test.
    const timeval limit{.tv_sec = 0, .tv_usec = 300'000};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return client;
  }

  // What comes back for a request of a connection of its own; "" if nothing does.
  std::string Ask(std::string_view request) const {
    const int client = Connect();
    EXPECT_EQ(send(client, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string reply = ReadSome(client);
    close(client);
    return reply;
  }

  const testing::TemporaryDirectory directory_;
  EchoServer server_;
  Proxy proxy_;
};

TEST_F(ProxyTest, HandsOnWhatBothSidesSay) {
  EXPECT_EQ(Ask("hello"), "got hello");
  EXPECT_EQ(proxy_.fired(), 0);
  EXPECT_EQ(server_.Stop(), "hello");
}

TEST_F(ProxyTest, SpoilsOnlyTheRequestsOfItsRuleAndOnlySoOften) {
  proxy_.Set({.fault = WireFault::kDropReply, .request = "commit", .times = 2});
  EXPECT_EQ(Ask("begin"), "got begin");
  EXPECT_EQ(Ask("commit"), "");
  EXPECT_EQ(Ask("a commit"), "");
  EXPECT_EQ(Ask("commit"), "got commit");
  EXPECT_EQ(proxy_.fired(), 2);
  // The server did what it was asked to.
  EXPECT_EQ(server_.Stop(), "begincommita commitcommit");
}

TEST_F(ProxyTest, SparesTheRequestsThatTheDiceSpare) {
  proxy_.Set({.fault = WireFault::kDropReply, .permille = 500});
  int answered = 0;
  for (int i = 0; i < 40; ++i) answered += Ask("x").empty() ? 0 : 1;
  EXPECT_GT(answered, 5);
  EXPECT_LT(answered, 35);
  EXPECT_EQ(proxy_.fired(), 40 - answered);
  server_.Stop();
}

TEST_F(ProxyTest, DropsAndResetsRequestsBeforeTheServerSeesThem) {
  for (const WireFault fault : {WireFault::kDrop, WireFault::kReset, WireFault::kHalfClose}) {
    proxy_.Set({.fault = fault, .request = "x"});
    EXPECT_EQ(Ask("x"), "");
  }
  EXPECT_EQ(proxy_.fired(), 3);
  EXPECT_EQ(server_.Stop(), "");
}

TEST_F(ProxyTest, CutsReplies) {
  proxy_.Set({.fault = WireFault::kTruncate, .keep_bytes = 3});
  EXPECT_EQ(Ask("hello"), "got");
  EXPECT_EQ(server_.Stop(), "hello");
}

TEST_F(ProxyTest, DelaysRequests) {
  proxy_.Set({.fault = WireFault::kDelay, .delay = kDelay});
  const absl::Time began = absl::Now();
  EXPECT_EQ(Ask("hello"), "got hello");
  EXPECT_GE(absl::Now() - began, kDelay);
  server_.Stop();
}

TEST_F(ProxyTest, WithholdsWhatWouldCommit) {
  proxy_.Set({.fault = WireFault::kWithholdSync});
  EXPECT_EQ(Ask(std::string("run it") + std::string("S\0\0\0\4", 5)), "got run it");
  EXPECT_EQ(server_.Stop(), "run it");
}

TEST_F(ProxyTest, ListensAtAPortToo) {
  const Proxy proxy({}, {{.path = ServerPath()}}, 7);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(proxy.port()));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  EXPECT_EQ(send(client, "hello", 5, MSG_NOSIGNAL), 5);
  EXPECT_EQ(ReadSome(client), "got hello");
  close(client);
  server_.Stop();
}

}  // namespace
}  // namespace playlog::faults
