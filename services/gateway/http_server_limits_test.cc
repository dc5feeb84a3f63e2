// What the server does when clients are slow, many or gone, and when the machine runs out.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "services/gateway/http_raw_client.h"
#include "services/gateway/http_server.h"

namespace playlog::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kHold[] = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr absl::Duration kPatience = absl::Seconds(10);

HttpLimits ShortLimits() {
  HttpLimits limits;
  limits.header_time = limits.body_time = absl::Milliseconds(80);
  limits.idle_time = absl::Milliseconds(160);
  limits.linger_time = absl::Milliseconds(50);
  return limits;
}

// A handler's function that keeps the exchanges until the test answers them.
class Holder {
 public:
  TestServer::Function function() {
    return [this](const HttpRequest&, std::shared_ptr<HttpExchange> exchange) {
      absl::MutexLock lock(&mutex_);
      held_.push_back(std::move(exchange));
    };
  }
  void WaitFor(std::size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto has_come = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return held_.size() >= count;
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&has_come), kPatience));
  }
  std::shared_ptr<HttpExchange> Take() {
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<HttpExchange> first = held_.front();
    held_.erase(held_.begin());
    return first;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::shared_ptr<HttpExchange>> held_ ABSL_GUARDED_BY(mutex_);
};

TEST(HttpDeadlines, CloseAConnectionThatSendsNothing) {
  TestServer server(ShortLimits());
  const absl::Time begin = absl::Now();
  RawClient client(server.port());
  EXPECT_TRUE(client.IsClosed());
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(75));
}

TEST(HttpDeadlines, AnswerASlowHeadWith408) {
  TestServer server(ShortLimits());
  RawClient client(server.port());
  client.Send("GET /hello HTTP/1.1\r\nHo");
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(answer.Has("Connection: close"));
  EXPECT_TRUE(client.IsClosed());
  EXPECT_THAT(server.TakeLog(1), SizeIs(1));
  server.ExpectGood();
}

TEST(HttpDeadlines, AnswerASlowBodyWith408) {
  for (const std::string framing : {"Content-Length: 100", "Transfer-Encoding: chunked"}) {
    TestServer server(ShortLimits());
    RawClient client(server.port());
    client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + framing +
                "\r\n\r\n32\r\n" + std::string(46, 'a'));
    const RawClient::Answer answer = client.ReadAnswer();
    EXPECT_EQ(answer.status, 408);
    EXPECT_THAT(answer.body, HasSubstr("\"code\":\"REQUEST_TIMEOUT\""));
    EXPECT_TRUE(client.IsClosed());
    server.ExpectGood();
  }
}

TEST(HttpDeadlines, CloseAnIdleConnectionAfterItsOwnTime) {
  TestServer server(ShortLimits());
  RawClient client(server.port());
  client.Send(kHello);
  EXPECT_EQ(client.ReadAnswer().status, 200);
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(client.IsClosed());
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(140));
  EXPECT_THAT(server.TakeLog(1), SizeIs(1));
}

TEST(HttpOverload, RefusesTheOldestWhenTheQueueIsFull) {
  HttpLimits limits;
  limits.threads = 1;  // so that requests come in the order in which they were sent
  limits.requests_in_flight = 1;
  limits.requests_queued = 1;
  limits.queue_age = kPatience;
  Holder holder;
  TestServer server(limits, holder.function());
  RawClient first(server.port());
  first.Send(kHold);
  holder.WaitFor(1);
  RawClient second(server.port());
  RawClient third(server.port());
  second.Send(kHello);
  // An exempt request behind the second one shows that the second one has been read.
  RawClient health(server.port());
  health.Send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  holder.WaitFor(2);
  third.Send(kHello);
  EXPECT_EQ(second.ReadAnswer().status, 503);
  holder.Take()->Send(HttpResponse());
  EXPECT_EQ(first.ReadAnswer().status, 200);
  EXPECT_EQ(third.ReadAnswer().status, 200);
  holder.Take()->Send(HttpResponse());
  EXPECT_EQ(health.ReadAnswer().status, 200);
}

TEST(HttpOverload, RefusesWhatWaitedTooLongAndKeepsTheConnection) {
  HttpLimits limits;
  limits.requests_in_flight = 1;
  limits.queue_age = absl::Milliseconds(50);
  Holder holder;
  TestServer server(limits, holder.function());
  RawClient first(server.port());
  first.Send(kHold);
  holder.WaitFor(1);
  RawClient second(server.port());
  second.Send(kHello);
  const RawClient::Answer refused = second.ReadAnswer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"code\":\"OVERLOADED\""));
  EXPECT_THAT(refused.head, HasSubstr("\r\nRetry-After: "));
  holder.Take()->Send(HttpResponse());
  EXPECT_EQ(first.ReadAnswer().status, 200);
  second.Send(kHello);
  EXPECT_EQ(second.ReadAnswer().status, 200);
}

TEST(HttpOverload, NeverRefusesHealth) {
  HttpLimits limits;
  limits.requests_in_flight = 1;
  limits.requests_queued = 0;
  Holder holder;
  TestServer server(limits, holder.function());
  RawClient first(server.port());
  first.Send(kHold);
  holder.WaitFor(1);
  RawClient health(server.port());
  health.Send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  holder.WaitFor(2);
  RawClient other(server.port());
  other.Send(kHello);
  EXPECT_EQ(other.ReadAnswer().status, 503);
  holder.Take()->Send(HttpResponse());
  holder.Take()->Send(HttpResponse());
  EXPECT_EQ(health.ReadAnswer().status, 200);
  EXPECT_EQ(first.ReadAnswer().status, 200);
}

TEST(HttpOverload, BoundsTheMemoryOfAllBodies) {
  HttpLimits limits;
  limits.bodies_bytes = 100'000;
  TestServer server(limits);
  RawClient client(server.port());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 200000\r\n\r\n" +
      std::string(200'000, 'a'));
  EXPECT_EQ(client.ReadAnswer().status, 503);
  EXPECT_TRUE(client.IsClosed());
  RawClient smaller(server.port());
  smaller.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 90000\r\n\r\n" +
      std::string(90'000, 'a'));
  EXPECT_EQ(smaller.ReadAnswer().status, 200);
}

TEST(HttpConnections, AreBoundedByPeer) {
  HttpLimits limits;
  limits.connections_per_peer = 2;
  TestServer server(limits);
  RawClient first(server.port());
  first.Send(kHello);
  EXPECT_EQ(first.ReadAnswer().status, 200);
  {
    RawClient second(server.port());
    second.Send(kHello);
    EXPECT_EQ(second.ReadAnswer().status, 200);
    RawClient third(server.port());
    EXPECT_TRUE(third.IsClosed());
    second.Send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(second.ReadAnswer().status, 200);
  }
  // The place is free once the server has seen the second one leave.
  while (server.server().connections() > 1) absl::SleepFor(absl::Milliseconds(1));
  server.ExpectGood();
}

TEST(HttpConnections, BeyondTheLimitWaitForOneToEnd) {
  HttpLimits limits;
  limits.connections = 1;
  TestServer server(limits);
  auto first = std::make_unique<RawClient>(server.port());
  first->Send(kHello);
  EXPECT_EQ(first->ReadAnswer().status, 200);
  RawClient second(server.port());
  second.Send(kHello);
  EXPECT_EQ(server.handled(), 1);
  first.reset();
  EXPECT_EQ(second.ReadAnswer().status, 200);
}

// Lowers the limit on descriptors to those in use, for its lifetime.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next);
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(HttpConnections, AreAcceptedAgainAfterDescriptorsRanOut) {
  HttpLimits limits;
  limits.accept_pause = absl::Milliseconds(20);
  TestServer server(limits);
  server.ExpectGood();
  while (server.server().connections() > 0) absl::SleepFor(absl::Milliseconds(1));
  {
    RawClient waiting;
    const NoMoreDescriptors none;
    waiting.Connect(server.port());
    // The reserve descriptor lets the server turn the client away instead of leaving it waiting.
    EXPECT_TRUE(waiting.IsClosed());
  }
  server.ExpectGood();
}

TEST(HttpConnections, SurviveClientsThatLeaveDuringTheAnswer) {
  TestServer server(HttpLimits(), [](const HttpRequest&, const std::shared_ptr<HttpExchange>& e) {
    HttpResponse response;
    response.body = std::string(8 * 1024 * 1024, 'a');
    e->Send(std::move(response));
  });
  for (int i = 0; i < 20; ++i) {
    RawClient client(server.port());
    client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_FALSE(client.ReadSome(10).empty());
    client.Reset();
  }
  const std::vector<HttpAccess> log = server.TakeLog(20);
  ASSERT_THAT(log, SizeIs(20));
  for (const HttpAccess& access : log) EXPECT_FALSE(access.complete);
  server.ExpectGood();
}

}  // namespace
}  // namespace playlog::gateway
