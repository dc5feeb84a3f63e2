// Rows of the layer HTTP that are about a connection's life rather than one request.

#include <gmock/gmock.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

class BadConnectionTest : public BadInputTest {
 protected:
  static std::string ChunkedPost() {
    return "POST /users/token/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\n\r\n";
  }
  // Sends a piece again and again until the other side has had enough; returns the bytes sent.
  static std::size_t SendUntilRefused(HttpConnection& connection, const std::string& piece,
                                      std::size_t bytes_max) {
    std::size_t sent = 0;
    while (sent < bytes_max && connection.Send(piece)) sent += piece.size();
    return sent;
  }
};

TEST_F(BadConnectionTest, H50AChunkExtensionWithoutEndIsCutOff) {
  const std::int64_t before = stack().process("gateway").MemoryKib("VmHWM");
  HttpConnection connection(stack().http_port());
  ASSERT_TRUE(connection.Send(ChunkedPost() + "2;a="));
  const std::size_t limit = 64 * 1024 * 1024;
  EXPECT_LT(SendUntilRefused(connection, std::string(64 * 1024, 'x'), limit), limit);
  EXPECT_TRUE(connection.AwaitClose(absl::Seconds(5)));
  EXPECT_LE(stack().process("gateway").MemoryKib("VmHWM") - before, 8 * 1024);
  ExpectStillGood();
}

TEST_F(BadConnectionTest, H60AChunkedBodyOverTheLimitIs413) {
  HttpConnection connection(stack().http_port());
  ASSERT_TRUE(connection.Send(ChunkedPost()));
  const std::string chunk = absl::StrFormat("400\r\n%s\r\n", std::string(1024, ' '));
  for (int i = 0; i < 2048 && connection.Send(chunk); ++i) {
  }
  const HttpAnswer answer = connection.Read(absl::Seconds(5));
  ExpectError(answer, 413, "BODY_TOO_LARGE");
  EXPECT_EQ(answer.Header("connection"), "close");
  EXPECT_TRUE(connection.AwaitClose(absl::Seconds(5)));
  ExpectStillGood();
}

// The three waits run side by side: each is ten seconds.
TEST_F(BadConnectionTest, H62H64ThoseWhoSayNothingAreClosedAfterTenSeconds) {
  HttpConnection silent(stack().http_port());
  HttpConnection slow_header(stack().http_port());
  HttpConnection slow_body(stack().http_port());
  slow_header.Send("GET /users/me/ HTTP/1.1\r\nHost:");
  slow_body.Send(
      "POST /users/token/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 100\r\n\r\n" +
      std::string(50, ' '));
  const absl::Time start = absl::Now();
  ExpectError(slow_body.Read(absl::Seconds(12)), 408, "REQUEST_TIMEOUT");
  EXPECT_GE(absl::Now() - start, absl::Seconds(9));
  EXPECT_LE(absl::Now() - start, absl::Seconds(11.5));
  EXPECT_TRUE(slow_body.AwaitClose(absl::Seconds(2)));
  ExpectError(slow_header.Read(absl::Seconds(2)), 408, "REQUEST_TIMEOUT");
  EXPECT_TRUE(slow_header.AwaitClose(absl::Seconds(2)));
  std::string left;
  EXPECT_TRUE(silent.AwaitClose(absl::Seconds(2), &left));
  EXPECT_EQ(left, "");
  EXPECT_LE(absl::Now() - start, absl::Seconds(13));
  ExpectStillGood();
}

TEST_F(BadConnectionTest, H69AForwardedAddressIsNotBelieved) {
  const std::size_t log = LogEnd();
  const HttpAnswer answer = Exchange(
      stack().http_port(), RequestText("GET", "/healthz", "", "",
                                       "X-Forwarded-For: 10.9.8.7\r\nX-Real-IP: 10.9.8.7\r\n"));
  EXPECT_EQ(answer.status, 200);
  ExpectOneLogLine(log, answer);
}

TEST_F(BadConnectionTest, H73TheSecondRequestIsItsOwnUsers) {
  const User other = api().NewUser();
  HttpConnection connection(stack().http_port());
  for (const User* user : {&Sender(), &other}) {
    connection.Send(absl::StrCat("GET /users/me/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
                                 user->access, "\r\n\r\n"));
    EXPECT_EQ(Member(connection.Read(absl::Seconds(5)).body, "username"), user->name);
  }
  connection.Send("GET /users/me/ HTTP/1.1\r\nHost: a\r\n\r\n");
  ExpectError(connection.Read(absl::Seconds(5)), 401, "AUTHENTICATION_REQUIRED");
}

TEST_F(BadConnectionTest, H73RequestsInOneWriteAreAnsweredInOrder) {
  HttpConnection connection(stack().http_port());
  const std::string request =
      "GET /users/me/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + Sender().access + "\r\n\r\n";
  connection.Send(request + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + request);
  EXPECT_EQ(Member(connection.Read(absl::Seconds(5)).body, "username"), Sender().name);
  EXPECT_EQ(Member(connection.Read(absl::Seconds(5)).body, "status"), "ok");
  EXPECT_EQ(Member(connection.Read(absl::Seconds(5)).body, "username"), Sender().name);
}

TEST_F(BadConnectionTest, H74ResetsWhileAnswersAreWrittenDoNoHarm) {
  const std::string request = RequestText("GET", "/openapi.json", "");
  for (int i = 0; i < 100; ++i) {
    HttpConnection connection(stack().http_port());
    connection.Send(request);
    if (i % 2 == 0) connection.ReadBytes(1, absl::Seconds(5));
    connection.Reset();
  }
  // The descriptors are free again when the gauge is back to the one that asks nothing.
  EXPECT_TRUE(
      Await(absl::Seconds(5), [] { return GatewayMetric("playlog_http_connections") == 0; }));
  ExpectStillGood();
}

TEST_F(BadConnectionTest, ManyIdleConnectionsOfOneAddressLeaveRoomForOthers) {
  std::vector<std::unique_ptr<HttpConnection>> idle;
  for (int i = 0; i < 300; ++i) {
    idle.push_back(std::make_unique<HttpConnection>(stack().http_port(), "127.0.0.7"));
  }
  ExpectStillGood();
  EXPECT_TRUE(
      Await(absl::Seconds(5), [] { return GatewayMetric("playlog_http_connections") <= 256; }));
}

}  // namespace
}  // namespace playlog::harness
