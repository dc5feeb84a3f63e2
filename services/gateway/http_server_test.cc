#include "services/gateway/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "services/gateway/http_acceptor.h"
#include "services/gateway/http_raw_client.h"

namespace playlog::gateway {
namespace {

using namespace std::string_literals;  // for texts with NUL
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kSecond[] = "GET /hello HTTP/1.1\r\nHost: smuggled\r\n\r\n";

std::string Post(const std::string& fields, const std::string& body) {
  return "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + fields + "\r\n" +
         body;
}
std::string PostChunked(const std::string& body) {
  return Post("Transfer-Encoding: chunked\r\n", body);
}

int CountAnswers(const std::string& bytes) {
  int count = 0;
  for (std::size_t at = 0; (at = bytes.find("HTTP/1.1 ", at)) != std::string::npos; ++at) ++count;
  return count;
}

struct BadInput {
  std::string name;
  std::string bytes;
  int status;
};

std::vector<BadInput> BadFraming() {
  return {
      {"H05", Post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"H08", Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n") + kSecond, 501},
      {"H10", Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n") + kSecond, 400},
      {"H11", Post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n") + kSecond, 400},
      {"TE gzip", Post("Transfer-Encoding: gzip\r\n", "0\r\n\r\n") + kSecond, 400},
      {"TE ends in identity",
       Post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n") + kSecond, 400},
      {"TE gzip and CL",
       Post("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "0\r\n\r\n") + kSecond, 400},
      {"quoted LF", PostChunked("1;a=\"\n\"\r\na\r\n0\r\n\r\n") + kSecond, 400},
      {"H13", Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", ""), 400},
      {"H14",
       "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n"s +
           kSecond,
       400},
      {"H15", Post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {"H17", Post("Content-Length: 4, 4\r\n", "abcd"), 400},
      {"H18", Post("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd"), 400},
      {"H19", Post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcd"), 400},
      {"H46 -1", PostChunked("-1\r\na\r\n0\r\n\r\n"), 400},
      {"H46 blank before", PostChunked(" 3\r\nabc\r\n0\r\n\r\n"), 400},
      {"H46 blank behind", PostChunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
      {"H46 0x", PostChunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
      {"H46 too long", PostChunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
      {"H46 bare LF", PostChunked("3\nabc\n0\n\n"), 400},
      {"H50", PostChunked("1;" + std::string(2'000'000, 'a') + "\r\na\r\n0\r\n\r\n"), 400},
      {"H53", PostChunked("1\r\na\r\n0\r\nX-A: " + std::string(70'000, 'a') + "\r\n\r\n"), 400},
      {"H54", PostChunked("1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n") + kSecond, 400},
      {"H55", "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"s + kSecond, 400},
      {"H59", Post("Content-Length: 2000000\r\n", std::string(2'000'000, 'a')), 413},
      {"H67", Post("Content-Encoding: gzip\r\nContent-Length: 4\r\n", "\x1F\x8B\x08\x00"s), 415},
  };
}

std::vector<BadInput> BadHeads() {
  return {
      {"H01", "GET /hello HTTP/1.1\r\n\r\n", 400},
      {"H02", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"H03", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"H04", "GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      {"H23", "GET /hello HTTP/1.1\nHost: a\n\n", 400},
      {"H24", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n", 400},
      {"H25", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\x00\r\n\r\n"s, 400},
      {"H27", "GET /hello HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n", 400},
      {"H32 unknown", "FOO /hello HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"H32 broken", "G\x00ET /hello HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"H33 TRACE", "TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"H33 CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"H37", "GET /hello HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"H37 HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"H38", "GET /hello\r\n", 400},
      {"H39 TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"s, 400},
      {"H39 SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 400},
      {"H39 random", std::string(65536, '\x9B'), 400},
      {"H41", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"H42", "GET /hello#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"H43", "GET /hello%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"H57", "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n", 417},
      {"H65", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 415},
      {"long target", "GET /" + std::string(7500, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"long header", "GET / HTTP/1.1\r\nX-A: " + std::string(9000, 'a') + "\r\n\r\n", 431},
      {"cut off", "GET / HTTP/1.1\r\nHo", 400},
  };
}

class BadInputs : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, GetOneErrorAndTheEndOfTheConnection) {
  TestServer server;
  const BadInput& input = GetParam();
  RawClient client(server.port());
  client.Send(input.bytes);
  if (input.name == "cut off") client.HalfClose();
  const std::string bytes = client.ReadToEnd();

  EXPECT_EQ(bytes.substr(0, 12), "HTTP/1.1 " + std::to_string(input.status));
  EXPECT_EQ(CountAnswers(bytes), 1);
  EXPECT_THAT(bytes, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(bytes, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(bytes, HasSubstr("\r\n\r\n{\"error\":\""));
  EXPECT_EQ(bytes.find("\r\nAllow: GET, ") != std::string::npos, input.status == 405);
  EXPECT_EQ(server.handled(), 0);

  const std::vector<HttpAccess> log = server.TakeLog(1);
  ASSERT_THAT(log, SizeIs(1));
  EXPECT_EQ(log[0].status, input.status);
  EXPECT_THAT(bytes, HasSubstr("\"request_id\":\"" + log[0].request_id + "\""));
  server.ExpectGood();
}

INSTANTIATE_TEST_SUITE_P(Framing, BadInputs, ::testing::ValuesIn(BadFraming()));
INSTANTIATE_TEST_SUITE_P(Heads, BadInputs, ::testing::ValuesIn(BadHeads()));

TEST(HttpServer, CutsAChunkedBodyAtItsLimit) {
  TestServer server;
  RawClient client(server.port());
  std::string chunks;
  for (int i = 0; i < 2000; ++i) chunks += "3E8\r\n" + std::string(1000, 'a') + "\r\n";
  client.Send(PostChunked(chunks + "0\r\n\r\n"));
  const std::string bytes = client.ReadToEnd();
  EXPECT_THAT(bytes, HasSubstr("HTTP/1.1 413 "));
  EXPECT_THAT(bytes, HasSubstr("BODY_TOO_LARGE"));
  EXPECT_EQ(server.handled(), 0);
  server.ExpectGood();
}

TEST(HttpServer, AnswersWithTheSecurityFieldsAndAFreshRequestId) {
  TestServer server;
  RawClient client(server.port());
  client.Send("GET /hello?secret=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n");
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(answer.Has("X-Content-Type-Options: nosniff"));
  EXPECT_TRUE(answer.Has("Content-Security-Policy: default-src 'none'; frame-ancestors 'none'"));
  EXPECT_TRUE(answer.Has("Referrer-Policy: no-referrer"));
  EXPECT_TRUE(answer.Has("Cross-Origin-Resource-Policy: same-origin"));
  EXPECT_TRUE(answer.Has("Cache-Control: no-store"));
  EXPECT_THAT(answer.head, HasSubstr("\r\nDate: "));
  EXPECT_THAT(answer.head, Not(HasSubstr("Server:")));
  const std::vector<HttpAccess> log = server.TakeLog(1);
  ASSERT_THAT(log, SizeIs(1));
  EXPECT_EQ(log[0].path, "/hello");
  EXPECT_EQ(log[0].method, "GET");
  EXPECT_EQ(log[0].peer_address, "127.0.0.1");
  EXPECT_EQ(log[0].body_bytes, 5U);
  EXPECT_THAT(log[0].request_id, SizeIs(32));
  EXPECT_TRUE(answer.Has("X-Request-Id: " + log[0].request_id));
}

TEST(HttpServer, ServesOneRequestAfterAnotherOnAConnection) {
  TestServer server;
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.Send(kHello);
    EXPECT_EQ(client.ReadAnswer().body, "hello");
  }
  client.Send("\r\n"s + kHello + Post("Content-Length: 2\r\n", "{}") + kHello);
  EXPECT_EQ(client.ReadAnswer().body, "hello");
  EXPECT_EQ(client.ReadAnswer().body, "{}");
  EXPECT_EQ(client.ReadAnswer().body, "hello");
}

TEST(HttpServer, HonoursConnectionCloseAndHttp10) {
  TestServer server;
  for (const char* head :
       {"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n"}) {
    RawClient client(server.port());
    client.Send(head);
    const RawClient::Answer answer = client.ReadAnswer();
    EXPECT_EQ(answer.body, "hello");
    EXPECT_TRUE(answer.Has("Connection: close"));
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST(HttpServer, LeavesOutTheBodyForHead) {
  TestServer server;
  RawClient client(server.port());
  client.Send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"s + kHello);
  const RawClient::Answer answer = client.ReadAnswer(true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.Has("Content-Length: 5"));
  EXPECT_EQ(client.ReadAnswer().body, "hello");
}

TEST(HttpServer, ContinuesAnExpectedBody) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Post("Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_EQ(client.ReadAnswer().status, 100);
  client.Send("{}");
  EXPECT_EQ(client.ReadAnswer().body, "{}");
}

TEST(HttpServer, ReadsLargeAndChunkedBodiesWhole) {
  TestServer server;
  RawClient client(server.port());
  const std::string body(1024 * 1024, 'a');
  client.Send(Post("Content-Length: 1048576\r\n", body));
  EXPECT_EQ(client.ReadAnswer().body, body);
  client.Send(PostChunked("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n") + kHello);
  EXPECT_EQ(client.ReadAnswer().body, "{}");
  EXPECT_EQ(client.ReadAnswer().body, "hello");
}

TEST(HttpServer, NeverMergesTrailersIntoTheFields) {
  TestServer server;
  RawClient client(server.port());
  client.Send(
      PostChunked("0\r\nHost: b\r\nX-Forwarded-For: c\r\nCookie: d\r\n"
                  "Authorization: Bearer e\r\n\r\n"));
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(
      answer.Has("X-Fields: host=a;content-type=application/json;transfer-encoding=chunked;"))
      << answer.head;
}

TEST(HttpServer, RefusesToSendAForgedAnswer) {
  TestServer server(HttpLimits(), [](const HttpRequest&, const std::shared_ptr<HttpExchange>& e) {
    e->Send(HttpResponse{200, {{"X-A", "b\r\nSet-Cookie: c"}}, "secret"});
  });
  RawClient client(server.port());
  client.Send("GET /forge HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawClient::Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr("\"error\":\"Internal error\",\"code\":\"INTERNAL\""));
  EXPECT_THAT(answer.head, Not(HasSubstr("Set-Cookie")));
}

TEST(HttpServer, AnswersForAHandlerThatThrowsOrForgets) {
  TestServer server(HttpLimits(),
                    [](const HttpRequest& request, const std::shared_ptr<HttpExchange>&) {
                      if (request.path == "/throw") throw std::runtime_error("inside");
                    });
  RawClient client(server.port());
  for (const std::string path : {"/throw", "/forget"}) {
    client.Send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    const RawClient::Answer answer = client.ReadAnswer();
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.body, Not(HasSubstr("inside")));
  }
}

TEST(HttpServer, SaysThatAPortIsTaken) {
  TestServer first;
  class Silent final : public HttpHandler {
    void Handle(HttpRequest, std::shared_ptr<HttpExchange>) override {}
  } handler;
  HttpServerOptions options;
  options.address = "127.0.0.1:" + std::to_string(first.port());
  HttpServer second(options, handler);
  const absl::Status status = second.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("already in use"));
  options.address = "localhost";
  HttpServer third(options, handler);
  EXPECT_EQ(third.Start().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PeerAddressText, IsThatOfIpv4WhereASocketOfIpv6TookIt) {
  const auto text = [](const char* address) {
    return PeerAddressText(boost::asio::ip::make_address(address));
  };
  EXPECT_EQ(text("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(text("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(text("2001:db8:0:0::7"), "2001:db8::7");
  EXPECT_EQ(text("::1"), "::1");
}

}  // namespace
}  // namespace playlog::gateway
