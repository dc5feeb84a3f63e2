// Answers that are written in parts, and the end of the server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "services/gateway/http_raw_client.h"
#include "services/gateway/http_server.h"

namespace playlog::gateway {
namespace {

using ::testing::SizeIs;

constexpr char kGet[] = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr std::size_t kPartBytes = 64 * 1024;

// Writes parts, each when the one before has gone, as a producer behind a gRPC stream does.
class Producer : public std::enable_shared_from_this<Producer> {
 public:
  explicit Producer(int parts) : parts_(parts) {}

  void Start(std::shared_ptr<HttpExchange> exchange) {
    exchange_ = std::move(exchange);
    exchange_->OnCancelled([this] { cancelled_.Notify(); });
    exchange_->Begin(200, {{"Content-Type", "text/plain"}});
    Next();
  }
  // Parts that were made so far.
  int made() const { return made_; }
  // Waits until the server says that the client has gone.
  bool WaitForCancelled() { return cancelled_.WaitForNotificationWithTimeout(kPatience); }
  // Waits until the last callback came, and returns what it said.
  bool WaitForEnd() {
    EXPECT_TRUE(ended_.WaitForNotificationWithTimeout(kPatience));
    return all_written_;
  }

 private:
  void Next() {
    if (made_ == parts_) {
      exchange_->End();
      End(true);
      return;
    }
    ++made_;
    // From a thread of its own, as gRPC's callbacks come.
    auto on_done = [self = shared_from_this()](bool written) {
      std::thread([self, written] { written ? self->Next() : self->End(false); }).detach();
    };
    exchange_->Write(std::string(kPartBytes, 'a'), std::move(on_done));
  }
  void End(bool all_written) {
    all_written_ = all_written;
    exchange_.reset();
    ended_.Notify();
  }

  const int parts_;
  std::shared_ptr<HttpExchange> exchange_;
  std::atomic<int> made_ = 0;
  std::atomic<bool> all_written_ = false;
  absl::Notification cancelled_;
  absl::Notification ended_;
};

TestServer::Function Produce(const std::shared_ptr<Producer>& producer) {
  return [producer](const HttpRequest&, std::shared_ptr<HttpExchange> exchange) {
    producer->Start(std::move(exchange));
  };
}

TEST(HttpStream, ReachesTheClientWhole) {
  const auto producer = std::make_shared<Producer>(200);
  TestServer server(HttpLimits(), Produce(producer));
  RawClient client(server.port());
  client.Send(std::string(kGet) + kHello);
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_TRUE(answer.Has("Transfer-Encoding: chunked"));
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, SizeIs(200 * kPartBytes));
  EXPECT_TRUE(producer->WaitForEnd());
  EXPECT_EQ(client.ReadAnswer().body, "hello");
}

TEST(HttpStream, GoesOnAfterAnEmptyPart) {
  TestServer server(HttpLimits(), [](const HttpRequest&, std::shared_ptr<HttpExchange> exchange) {
    exchange->Begin(200, {});
    // Each part from a thread of its own, when the one before has gone and nothing is pending.
    exchange->Write("a", [exchange](bool) {
      std::thread([exchange] {
        exchange->Write("", [exchange](bool taken) {
          exchange->Write(taken ? "b" : "lost", [exchange](bool) { exchange->End(); });
        });
      }).detach();
    });
  });
  RawClient client(server.port());
  client.Send(kGet);
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body, "ab");
}

TEST(HttpStream, EndsWithTheConnectionForHttp10) {
  const auto producer = std::make_shared<Producer>(3);
  TestServer server(HttpLimits(), Produce(producer));
  RawClient client(server.port());
  client.Send("GET /stream HTTP/1.0\r\n\r\n");
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_TRUE(answer.Has("Connection: close"));
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, SizeIs(3 * kPartBytes));
}

TEST(HttpStream, IsOnlyItsHeadForHead) {
  const auto producer = std::make_shared<Producer>(1000);
  TestServer server(HttpLimits(), Produce(producer));
  RawClient client(server.port());
  client.Send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n").Send(kHello);
  EXPECT_EQ(client.ReadAnswer(true).status, 200);
  EXPECT_EQ(client.ReadAnswer().body, "hello");
  EXPECT_FALSE(producer->WaitForEnd());
}

TEST(HttpStream, HoldsBackTheProducerAndCutsAReaderThatStops) {
  HttpLimits limits;
  limits.write_stall_time = absl::Milliseconds(300);
  const auto producer = std::make_shared<Producer>(10'000);
  TestServer server(limits, Produce(producer));
  RawClient client(server.port(), 64 * 1024);
  client.Send(kGet);
  EXPECT_FALSE(client.ReadSome(1000).empty());
  EXPECT_TRUE(producer->WaitForCancelled());
  EXPECT_FALSE(producer->WaitForEnd());
  // What the kernel's buffers on both sides hold, and not 640 MB.
  EXPECT_LT(producer->made(), 100);
  client.ReadToEnd();
  EXPECT_TRUE(client.was_reset());
  const auto log = server.TakeLog(1);
  ASSERT_THAT(log, SizeIs(1));
  EXPECT_FALSE(log[0].complete);
  server.ExpectGood();
}

TEST(HttpStream, DoesNotCutASlowReader) {
  HttpLimits limits;
  limits.write_stall_time = absl::Milliseconds(300);
  limits.least_bytes_per_second = 10'000;
  const auto producer = std::make_shared<Producer>(40);
  TestServer server(limits, Produce(producer));
  RawClient client(server.port(), 64 * 1024);
  client.Send(kGet);
  std::size_t total = 0;
  // Much longer in all than the stall time.
  while (total < 40 * kPartBytes) {
    const std::string some = client.ReadSome(50'000);
    ASSERT_FALSE(some.empty());
    total += some.size();
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(producer->WaitForEnd());
}

TEST(HttpStream, GivesUpItsPlaceWhileItWaitsForTheClient) {
  HttpLimits limits;
  limits.requests_in_flight = 1;
  limits.requests_queued = 0;
  const auto producer = std::make_shared<Producer>(10'000);
  TestServer server(limits, Produce(producer));
  RawClient client(server.port(), 64 * 1024);
  client.Send(kGet);
  int status = 503;
  while (status == 503) {
    RawClient other(server.port());
    other.Send(kHello);
    status = other.ReadAnswer().status;
  }
  EXPECT_EQ(status, 200);
  client.Reset();
  EXPECT_TRUE(producer->WaitForCancelled());
  EXPECT_FALSE(producer->WaitForEnd());
}

TEST(HttpStream, TellsTheHandlerThatTheClientLeftMidway) {
  const auto producer = std::make_shared<Producer>(10'000);
  TestServer server(HttpLimits(), Produce(producer));
  RawClient client(server.port());
  client.Send(kGet);
  EXPECT_FALSE(client.ReadSome(1000).empty());
  client.Close();
  EXPECT_TRUE(producer->WaitForCancelled());
  EXPECT_FALSE(producer->WaitForEnd());
  server.ExpectGood();
}

TEST(HttpStream, TellsAWorkingHandlerThatTheClientLeft) {
  absl::Notification begun;
  absl::Notification cancelled;
  TestServer server(HttpLimits(),
                    [&](const HttpRequest&, const std::shared_ptr<HttpExchange>& exchange) {
                      exchange->OnCancelled([&cancelled, exchange] {
                        cancelled.Notify();
                        exchange->Abort();
                      });
                      begun.Notify();
                    });
  RawClient client(server.port());
  client.Send(kGet);
  ASSERT_TRUE(begun.WaitForNotificationWithTimeout(kPatience));
  client.Close();
  EXPECT_TRUE(cancelled.WaitForNotificationWithTimeout(kPatience));
}

TEST(HttpStream, NeverParsesAsWholeWhenItIsAborted) {
  TestServer server(HttpLimits(),
                    [](const HttpRequest& request, const std::shared_ptr<HttpExchange>& exchange) {
                      exchange->Begin(200, {});
                      const bool aborts = request.path == "/abort";
                      exchange->Write("{\"results\":[]}", [exchange, aborts](bool) {
                        if (aborts) exchange->Abort();  // else the exchange is simply dropped
                      });
                    });
  for (const std::string path : {"/abort", "/drop"}) {
    for (const std::string version : {"1.0", "1.1"}) {
      RawClient client(server.port());
      client.Send("GET " + path + " HTTP/" + version + "\r\nHost: a\r\n\r\n");
      EXPECT_FALSE(client.ReadAnswer().complete) << path << version;
      EXPECT_TRUE(client.was_reset());
    }
  }
}

TEST(HttpStream, BreaksOffAHandlerThatDoesNotWait) {
  HttpLimits limits;
  limits.pending_bytes = 1024 * 1024;
  absl::Notification refused;
  TestServer server(limits, [&](const HttpRequest&, const std::shared_ptr<HttpExchange>& exchange) {
    exchange->Begin(200, {});
    for (int i = 0; i < 100 && !refused.HasBeenNotified(); ++i) {
      exchange->Write(std::string(kPartBytes, 'a'), [&](bool written) {
        if (!written && !refused.HasBeenNotified()) refused.Notify();
      });
    }
  });
  RawClient client(server.port());
  client.Send(kGet);
  // Nothing had been sent yet, so there was still room for an error.
  EXPECT_EQ(client.ReadAnswer().status, 500);
  EXPECT_TRUE(refused.HasBeenNotified());
}

// Begins a stream of events that goes on for as long as `held` is there.
TestServer::Function HoldEvents(std::shared_ptr<HttpExchange>& held) {
  return [&held](const HttpRequest&, std::shared_ptr<HttpExchange> exchange) {
    held = exchange;
    exchange->Begin(200, {{"Content-Type", "text/event-stream"}});
    exchange->Write("data: 1\n\n", [](bool) {});
  };
}

TEST(HttpStream, OfEventsTakesNoPlaceFromRequests) {
  HttpLimits limits;
  limits.requests_in_flight = 1;
  limits.requests_queued = 1;
  std::shared_ptr<HttpExchange> held;
  TestServer server(limits, HoldEvents(held));
  RawClient client(server.port());
  client.Send("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string first = client.ReadSome(1000);
  EXPECT_NE(first.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_NE(first.find("Cache-Control: no-store\r\n"), std::string::npos);
  server.ExpectGood();
  held->End();
  EXPECT_TRUE(client.ReadToEnd().ends_with("0\r\n\r\n"));
  EXPECT_FALSE(client.was_reset());
}

TEST(HttpDrain, CutsStreamsOfEventsAtOnce) {
  std::shared_ptr<HttpExchange> held;
  TestServer server(HttpLimits(), HoldEvents(held));
  RawClient client(server.port());
  client.Send(kGet);
  EXPECT_FALSE(client.ReadSome(1000).empty());
  server.server().Drain(absl::Hours(1));
  EXPECT_EQ(server.server().connections(), 0U);
  client.ReadToEnd();
  EXPECT_TRUE(client.was_reset());
}

TEST(HttpDrain, FinishesWhatIsInFlightAndClosesWhatIsIdle) {
  std::shared_ptr<HttpExchange> held;
  absl::Notification begun;
  TestServer server(HttpLimits(), [&](const HttpRequest&, std::shared_ptr<HttpExchange> exchange) {
    held = std::move(exchange);
    begun.Notify();
  });
  RawClient idle(server.port());
  idle.Send(kHello);
  EXPECT_EQ(idle.ReadAnswer().status, 200);
  RawClient busy(server.port());
  busy.Send(kGet);
  ASSERT_TRUE(begun.WaitForNotificationWithTimeout(kPatience));

  std::thread drain([&server] { server.server().Drain(kPatience); });
  EXPECT_TRUE(idle.IsClosed());
  held->Send(HttpResponse{200, {}, "late"});
  const RawClient::Answer answer = busy.ReadAnswer();
  EXPECT_EQ(answer.body, "late");
  EXPECT_TRUE(answer.Has("Connection: close"));
  busy.Close();
  drain.join();
  EXPECT_EQ(server.server().connections(), 0U);
}

TEST(HttpDrain, AnswersWhoIsConnectedAndNotAcceptedYet) {
  HttpLimits limits;
  limits.connections = 1;
  TestServer server(limits);
  RawClient first(server.port());
  first.Send(kHello);
  EXPECT_EQ(first.ReadAnswer().status, 200);
  // The server, which is full, looks only now and then whether it still is.
  RawClient second(server.port());
  second.Send(kHello);
  first.Close();
  while (server.server().connections() > 0) std::this_thread::yield();
  server.server().Drain(kPatience);
  EXPECT_EQ(second.ReadAnswer().status, 200);
}

TEST(HttpDrain, CutsWhatDoesNotEndInTime) {
  const auto producer = std::make_shared<Producer>(10'000);
  TestServer server(HttpLimits(), Produce(producer));
  RawClient client(server.port());
  client.Send(kGet);
  EXPECT_FALSE(client.ReadSome(1000).empty());
  server.server().Drain(absl::Milliseconds(50));
  EXPECT_EQ(server.server().connections(), 0U);
  EXPECT_TRUE(producer->WaitForCancelled());
  EXPECT_FALSE(producer->WaitForEnd());
  client.ReadToEnd();
  EXPECT_TRUE(client.was_reset());
}

}  // namespace
}  // namespace playlog::gateway
