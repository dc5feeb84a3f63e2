// What only a socket shows: the bytes of broken answers and what becomes of the connection.

#include "tests/standins/standin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <string>

#include "tests/standins/control_client.h"

namespace playlog::standins {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class StandinServerTest : public ::testing::Test {
 protected:
  std::string Ask(const std::string& token) {
    return RawExchange(server_.port(),
                       "GET /spotify/v1/me/player/recently-played?limit=5 HTTP/1.1\r\n"
                       "Host: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer " +
                           token + "\r\n\r\n");
  }

  static std::size_t BodyBytes(const std::string& answer) {
    return answer.size() - answer.find("\r\n\r\n") - 4;
  }
  static std::size_t ContentLength(const std::string& answer) {
    return std::stoul(answer.substr(answer.find("Content-Length: ") + 16));
  }

  StandinServer server_;
};

TEST_F(StandinServerTest, KeepsAConnectionForSeveralRequests) {
  const std::string request = "GET /control/health HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string last = "GET /control/health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string answers = RawExchange(server_.port(), request + request + last);
  std::size_t count = 0;
  for (std::size_t at = 0; (at = answers.find("HTTP/1.1 200 OK", at)) != std::string::npos; ++at) {
    ++count;
  }
  EXPECT_EQ(count, 3u);
}

TEST_F(StandinServerTest, RefusesWhatIsNoHttp) {
  EXPECT_THAT(RawExchange(server_.port(), "hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(RawExchange(server_.port(), "GET / HTTP/1.1\r\nX: " + std::string(70'000, 'a')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(StandinServerTest, LiesAboutLengths) {
  const std::string good = Ask("alice");
  EXPECT_EQ(ContentLength(good), BodyBytes(good));
  const std::string larger = Ask("scenario:length_larger");
  EXPECT_EQ(ContentLength(larger), BodyBytes(larger) + 1000);
  const std::string smaller = Ask("scenario:length_smaller");
  EXPECT_EQ(ContentLength(smaller), BodyBytes(smaller) - 100);
}

TEST_F(StandinServerTest, SendsAChunkedAnswerWithALongTrailer) {
  const std::string answer = Ask("scenario:trailer");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_GT(answer.size() - answer.find("\r\n0\r\nX-Checksum: "), 70'000u);
}

TEST_F(StandinServerTest, SendsNineMebibytes) {
  const std::string answer = Ask("scenario:big");
  EXPECT_GT(answer.size(), 9u * 1024 * 1024);
  EXPECT_EQ(ContentLength(answer), BodyBytes(answer));
  EXPECT_NO_THROW(boost::json::parse(answer.substr(answer.find("\r\n\r\n") + 4)));
  EXPECT_GT(Ask("scenario:big_close").size(), 9u * 1024 * 1024);
  EXPECT_THAT(Ask("scenario:big_chunked"), EndsWith("\r\n0\r\n\r\n"));
}

TEST_F(StandinServerTest, AnswersNothingOrHalf) {
  EXPECT_EQ(Ask("scenario:close"), "");
  EXPECT_EQ(Ask("scenario:reset"), "");
  const std::string half = Ask("scenario:reset_body");
  EXPECT_LT(BodyBytes(half), ContentLength(half));
}

TEST_F(StandinServerTest, DripsAndIsSlow) {
  const auto start = std::chrono::steady_clock::now();
  Ask("scenario:slow:60");
  EXPECT_THAT(Ask("scenario:drip_head:0"), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(60));
}

TEST_F(StandinServerTest, CountsRedirectsThatWereFollowed) {
  const ControlClient control(server_.port());
  EXPECT_THAT(Ask("scenario:redirect:307"),
              HasSubstr("Location: http://127.0.0.1/canary/redirect\r\n"));
  EXPECT_EQ(control.CanaryHits(), 0);
  RawExchange(server_.port(), "GET /canary/redirect HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(control.CanaryHits(), 1);
}

TEST_F(StandinServerTest, IsScriptedThroughTheClient) {
  const ControlClient control(server_.port());
  control.Script("alice", boost::json::parse(R"([{"status":429,"headers":{"Retry-After":"3"}}])"));
  EXPECT_THAT(Ask("alice"), HasSubstr("Retry-After: 3\r\n"));
  EXPECT_THAT(Ask("alice"), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(control.Calls("alice").size(), 2u);
  control.AddPlays("alice", 2, 5);
  control.Reset();
  EXPECT_EQ(control.Calls("alice").size(), 0u);
  EXPECT_THROW(control.Script("alice", boost::json::parse("[{\"nonsense\":1}]")),
               std::runtime_error);
}

}  // namespace
}  // namespace playlog::standins
