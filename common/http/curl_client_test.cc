#include "common/http/curl_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "common/http/raw_server.h"
#include "common/testing/matchers.h"

namespace playlog::http {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::RawConnection;
using ::playlog::testing::RawServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

absl::StatusOr<Response> Get(CurlClient& client, const RawServer& server,
                             absl::Duration timeout = absl::Seconds(5)) {
  Request request{.url = server.Url("/x?secret=s3")};
  request.deadline = absl::Now() + timeout;
  return client.Get(request);
}

Failure FailureOfGet(const RawServer& server, absl::Duration timeout = absl::Seconds(5)) {
  CurlClient client;
  const absl::StatusOr<Response> response = Get(client, server, timeout);
  EXPECT_THAT(response, Not(IsOk()));
  EXPECT_THAT(std::string(response.status().message()), Not(HasSubstr("s3")));
  return FailureOf(response.status());
}

TEST(CurlClient, SendsIdentityAndItsName) {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  CurlClient client;
  Request request{.url = server.Url("/v1/../x?a=%2F"), .headers = {{"Authorization", "Bearer t"}}};
  ASSERT_THAT(client.Get(request), IsOk());
  ASSERT_THAT(server.heads(), SizeIs(1));
  EXPECT_THAT(server.heads()[0], AllOf(HasSubstr("GET /v1/../x?a=%2F HTTP/1.1\r\n"),
                                       HasSubstr("Accept-Encoding: identity\r\n"),
                                       HasSubstr("User-Agent: Playlog/0.1\r\n"),
                                       HasSubstr("Authorization: Bearer t\r\n")));
}

TEST(CurlClient, KeepsTheConnection) {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", /*close_after=*/false);
  CurlClient client;
  for (int i = 0; i < 5; ++i) ASSERT_THAT(Get(client, server), IsOk());
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlClient, PostsTheBody) {
  RawServer server([](RawConnection& connection) {
    const std::string head = connection.ReadHead();
    connection.Write(head.find("POST / HTTP/1.1") == 0 &&
                             head.find("Content-Length: 3") != std::string::npos &&
                             head.find("Expect") == std::string::npos
                         ? "HTTP/1.1 204 No Content\r\n\r\n"
                         : "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    connection.Hang();
  });
  CurlClient client;
  const absl::StatusOr<Response> response =
      client.Post({.url = server.Url(), .headers = {}, .body = "a=b"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 204);
}

TEST(CurlClient, ReadsChunksAndIgnoresTrailersAndInterimAnswers) {
  RawServer server(
      "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\nRetry-After: 5\r\n\r\n");
  CurlClient client;
  const absl::StatusOr<Response> response = Get(client, server);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "abcde");
  EXPECT_THAT(response->HeaderValues("retry-after"), SizeIs(0));
}

TEST(CurlClient, SurvivesATrailerOf70Kilobytes) {
  RawServer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: " +
                   std::string(70'000, 'x') + "\r\n\r\n");
  const Failure failure = FailureOfGet(server);
  EXPECT_TRUE(failure == Failure::kGarbled || failure == Failure::kTooLarge);
}

TEST(CurlClient, BoundsTheHeaderSection) {
  RawServer one("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') +
                "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(FailureOfGet(one), Failure::kTooLarge);
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 5'000; ++i) many += "X: y\r\n";
  RawServer crowd(many + "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(FailureOfGet(crowd), Failure::kTooLarge);
}

TEST(CurlClient, BoundsTheBodyDeclaredOrNot) {
  const std::string body(9 << 20, 'x');
  RawServer declared("HTTP/1.1 200 OK\r\nContent-Length: 9437184\r\n\r\n" + body);
  EXPECT_EQ(FailureOfGet(declared), Failure::kTooLarge);
  RawServer undeclared("HTTP/1.1 200 OK\r\n\r\n" + body);
  EXPECT_EQ(FailureOfGet(undeclared), Failure::kTooLarge);
  RawServer chunked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n900000\r\n" + body +
                    "\r\n0\r\n\r\n");
  EXPECT_EQ(FailureOfGet(chunked), Failure::kTooLarge);
}

TEST(CurlClient, GivesUpOnAServerThatHangs) {
  RawServer server([](RawConnection& connection) { connection.Hang(); });
  const absl::Time begin = absl::Now();
  EXPECT_EQ(FailureOfGet(server, absl::Milliseconds(200)), Failure::kTimeout);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
}

TEST(CurlClient, GivesUpAfterTheTryTimeoutThoughTheDeadlineIsFar) {
  RawServer server([](RawConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    connection.Hang();
  });
  CurlClient client({.try_timeout = absl::Milliseconds(200)});
  const absl::StatusOr<Response> response = Get(client, server, absl::Hours(1));
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kTimeout);
}

TEST(CurlClient, GivesUpWhenTheCallerNoLongerWants) {
  RawServer server([](RawConnection& connection) { connection.Hang(); });
  CurlClient client;
  Request request{.url = server.Url()};
  request.deadline = absl::Now() + absl::Hours(1);
  int asked = 0;
  request.cancelled = [&asked] { return ++asked > 10; };
  const absl::Time begin = absl::Now();
  const absl::StatusOr<Response> response = client.Get(request);
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kTimeout);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(3));
}

TEST(CurlClient, GivesUpOnADrip) {
  RawServer server([](RawConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (connection.Write("x")) absl::SleepFor(absl::Milliseconds(10));
  });
  CurlClient client({.slow_body_grace = absl::Milliseconds(200)});
  const absl::Time begin = absl::Now();
  const absl::StatusOr<Response> response = Get(client, server);
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kTimeout);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST(CurlClient, TellsWhatWasCut) {
  for (const char* answer : {
           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
           "HTTP/1.1 abc\r\n\r\n",
           "\x16\x03\x01\x02garbage\r\n\r\n",
           "",
       }) {
    RawServer server(answer);
    EXPECT_EQ(FailureOfGet(server), Failure::kGarbled) << answer;
  }
}

TEST(CurlClient, TellsAReset) {
  RawServer server([](RawConnection& connection) {
    connection.ReadHead();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    connection.Reset();
  });
  EXPECT_EQ(FailureOfGet(server), Failure::kGarbled);
}

TEST(CurlClient, DoesNotReuseAConnectionThatSentMoreThanItDeclared) {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}excess", /*close_after=*/false);
  CurlClient client;
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<Response> response = Get(client, server);
    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->body, "{}");
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST(CurlClient, DoesNotTakeWhatCameUnaskedForTheNextAnswer) {
  absl::Notification answered;
  absl::Notification forged;
  RawServer server([&](RawConnection& connection) {
    connection.ReadHead();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    if (forged.HasBeenNotified()) return connection.Hang();
    answered.WaitForNotification();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    forged.Notify();
    connection.Hang();
  });
  CurlClient client;
  ASSERT_THAT(Get(client, server), IsOk());
  answered.Notify();
  forged.WaitForNotification();
  const absl::StatusOr<Response> second = Get(client, server);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->body, "{}");
  EXPECT_EQ(server.connections(), 2);
}

TEST(CurlClient, TellsWhenNobodyListens) {
  std::string url;
  {
    const RawServer server("");
    url = server.Url();
  }
  CurlClient client;
  const absl::StatusOr<Response> response = client.Get({.url = url});
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kUnreachable);
}

TEST(CurlClient, RefusesANameThatLeadsToThisMachine) {
  RawServer server([](RawConnection& connection) { connection.Hang(); });
  CurlClient client;
  std::string url = server.Url("/", "https");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  Request request{.url = url};
  request.deadline = absl::Now() + absl::Seconds(5);
  const absl::StatusOr<Response> response = client.Get(request);
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kUnreachable);
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace playlog::http
