#include "services/gateway/http_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/gateway/http_answer.h"

namespace playlog::gateway {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(HttpError, HasTheContractsBodyInItsOrder) {
  const HttpResponse response = MakeErrorResponse(
      Error(errors::v1::ERROR_CODE_NOT_FOUND, "No \"such\" song", "Look."), "id1");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(
      response.body,
      R"({"error":"No \"such\" song","code":"NOT_FOUND","detail":"Look.","request_id":"id1"})");
  EXPECT_THAT(response.headers, Contains(Pair("Content-Type", "application/json")));
  EXPECT_THAT(response.headers, Contains(Pair("Cache-Control", "no-store")));
}

TEST(HttpError, AsksForATokenWith401) {
  const HttpResponse response = MakeErrorResponse(
      Error(errors::v1::ERROR_CODE_AUTHENTICATION_REQUIRED, "Authentication required"), "id1");
  EXPECT_EQ(response.status, 401);
  EXPECT_THAT(response.headers, Contains(Pair("WWW-Authenticate", "Bearer")));
}

TEST(HttpError, SaysWhenToComeBack) {
  const HttpResponse limited = MakeErrorResponse(
      RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, "Slow down", "", absl::Seconds(7)), "");
  EXPECT_EQ(limited.status, 429);
  EXPECT_THAT(limited.headers, Contains(Pair("Retry-After", "7")));
  const HttpResponse away = MakeErrorResponse(errors::v1::ERROR_CODE_UNAVAILABLE, "", "");
  EXPECT_EQ(away.status, 503);
  EXPECT_THAT(away.headers, Contains(Pair("Retry-After", "1")));
  for (int i = 0; i < 20; ++i) {
    const HttpResponse overloaded = MakeErrorResponse(errors::v1::ERROR_CODE_OVERLOADED, "", "");
    EXPECT_THAT(overloaded.headers,
                Contains(Pair("Retry-After", ::testing::MatchesRegex("[1-5]"))));
  }
}

TEST(HttpError, ShowsNothingOfTheInside) {
  for (const absl::Status& status :
       {InternalError("SELECT secret"), absl::UnavailableError("10.0.0.1:5432"),
        absl::UnknownError("std::bad_alloc"), absl::NotFoundError("/etc/keys")}) {
    const HttpResponse response = MakeErrorResponse(status, "id1");
    for (const char* inside : {"secret", "10.0.0.1", "std::", "/etc"}) {
      EXPECT_THAT(response.body, Not(HasSubstr(inside)));
    }
  }
  EXPECT_THAT(MakeErrorResponse(InternalError("x"), "id1").body,
              HasSubstr(R"({"error":"Internal error","code":"INTERNAL",)"));
}

TEST(HttpAnswer, LeavesTheFramingToTheServer) {
  AnswerFraming framing;
  framing.length = 3;
  const std::string head = FormatAnswerHead(
      200, {{"content-length", "9"}, {"Server", "x"}, {"cache-control", "max-age=60"}}, framing,
      "id1", false);
  EXPECT_EQ(head.substr(0, 17), "HTTP/1.1 200 OK\r\n");
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\ncache-control: max-age=60\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("no-store")));
  EXPECT_THAT(head, Not(HasSubstr("Server")));
  EXPECT_THAT(head, Not(HasSubstr(": 9")));
  EXPECT_THAT(head, Not(HasSubstr("Connection: close")));
}

TEST(HttpAnswer, TellsBrowsersToComeByHttpsAloneWhereTheyCanAndTheServiceCannotSayOtherwise) {
  const HttpHeaders forged = {{"strict-transport-security", "max-age=0"}};
  EXPECT_THAT(FormatAnswerHead(200, forged, {}, "id1", true),
              HasSubstr("\r\nStrict-Transport-Security: max-age=31536000\r\n"));
  EXPECT_THAT(FormatAnswerHead(200, forged, {}, "id1", false), Not(HasSubstr("max-age")));
}

TEST(HttpAnswer, IsUnsoundWithAForgedField) {
  EXPECT_TRUE(IsSoundAnswer(200, {{"X-A", "b"}}));
  EXPECT_FALSE(IsSoundAnswer(200, {{"X-A", "b\r\nX-B: c"}}));
  EXPECT_FALSE(IsSoundAnswer(200, {{"X A", "b"}}));
  EXPECT_FALSE(IsSoundAnswer(100, {}));
}

}  // namespace
}  // namespace playlog::gateway
