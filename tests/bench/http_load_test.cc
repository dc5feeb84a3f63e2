#include "tests/bench/http_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/http/raw_server.h"

namespace playlog::bench {
namespace {

using ::playlog::testing::RawConnection;
using ::playlog::testing::RawServer;
using ::testing::Ge;
using ::testing::SizeIs;

constexpr char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

int PortOf(const RawServer& server) {
  const std::vector<std::string> parts = absl::StrSplit(server.Url(""), ':');
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(parts.back(), &port));
  return port;
}

// Answers until the other side leaves; the first request of all only after `first`.
RawServer::Handler Answering(const std::string& answer, absl::Duration first,
                             std::atomic<int>& requests) {
  return [&requests, answer, first](RawConnection& connection) {
    while (!connection.ReadHead().empty()) {
      if (requests++ == 0) absl::SleepFor(first);
      if (!connection.Write(answer)) return;
    }
  };
}

LoadOptions Load(const RawServer& server, int connections, absl::Duration time) {
  return {.port = PortOf(server),
          .next = Only(GetRequest("/", "token")),
          .connections = connections,
          .time = time,
          .expected = {.body_bytes_min = 5, .body_bytes_max = 5}};
}

TEST(OpenLoop, CountsTheWaitOfRequestsThatCouldNotBeSent) {
  std::atomic<int> requests = 0;
  const RawServer server(Answering(kAnswer, absl::Milliseconds(300), requests));
  const std::vector<double> latencies =
      LatenciesMs(Load(server, 1, absl::Milliseconds(100)), /*requests_per_second=*/100);
  ASSERT_THAT(latencies, SizeIs(10));
  EXPECT_EQ(requests, 10);
  // The first took 300 ms. The others were due 10 ms after each other and waited for it.
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    EXPECT_THAT(latencies[i], Ge(300 - 10 * static_cast<double>(i))) << i;
  }
}

TEST(OpenLoop, SendsNoSoonerThanRequestsAreDue) {
  std::atomic<int> requests = 0;
  const RawServer server(Answering(kAnswer, absl::ZeroDuration(), requests));
  const absl::Time begin = absl::Now();
  EXPECT_THAT(LatenciesMs(Load(server, 4, absl::Milliseconds(200)), 50), SizeIs(10));
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(180));
}

TEST(OpenLoop, OpensConnectionsAgainThatTheServerCloses) {
  const RawServer server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(LatenciesMs(Load(server, 2, absl::Milliseconds(100)), 100), SizeIs(10));
}

TEST(ClosedLoop, CountsAnswers) {
  std::atomic<int> requests = 0;
  const RawServer server(Answering(kAnswer, absl::ZeroDuration(), requests));
  const double rate = AnswersPerSecond(Load(server, 2, absl::Milliseconds(200)));
  EXPECT_GT(rate, 0);
  EXPECT_LE(rate * 0.2, requests);
}

TEST(Load, EndsAtAnAnswerThatIsNotGood) {
  for (const char* answer :
       {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell", "HTTP/1.1 200 OK\r\n\r\n"}) {
    const RawServer server(answer);
    EXPECT_THROW(AnswersPerSecond(Load(server, 1, absl::Seconds(5))), std::runtime_error) << answer;
    EXPECT_THROW(LatenciesMs(Load(server, 1, absl::Seconds(5)), 10), std::runtime_error) << answer;
  }
}

TEST(Shuffled, GivesEachRequestOnceBeforeAnyAgain) {
  std::vector<std::string> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(std::to_string(i));
  const NextRequest next = Shuffled(requests);
  std::vector<std::string> rounds[2];
  for (auto& round : rounds) {
    for (int i = 0; i < 100; ++i) round.push_back(next());
    EXPECT_THAT(std::set<std::string>(round.begin(), round.end()), SizeIs(100));
  }
  EXPECT_NE(rounds[0], requests);
  EXPECT_NE(rounds[0], rounds[1]);
}

TEST(GetRequest, TakesFurtherFields) {
  EXPECT_EQ(GetRequest("/x", "t", "If-None-Match: \"a\"\r\n"),
            "GET /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n"
            "If-None-Match: \"a\"\r\n\r\n");
}

}  // namespace
}  // namespace playlog::bench
