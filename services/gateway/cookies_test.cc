#include "services/gateway/cookies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kTicket[] =
    "[(playlog.options.v1.cookie) = {name: 'ticket', path: '/x', max_age_s: 60}];";

std::optional<std::string> Find(const std::string& cookies) {
  const auto found = FindCookie({{"host", "a"}, {"cookie", cookies}}, "ticket");
  EXPECT_THAT(found, IsOk()) << cookies;
  return found.ok() ? *found : std::nullopt;
}

TEST(CookieFieldsOf, FindsTheFieldsWithTheOption) {
  const TestProtos protos(std::string("message M { string text = 1; string tie = 2 ") + kTicket +
                          "}");
  const auto cookies = CookieFieldsOf(protos.Type("M"));
  ASSERT_THAT(cookies, IsOk());
  ASSERT_EQ(cookies->size(), 1u);
  EXPECT_EQ(cookies->front().field->name(), "tie");
  EXPECT_EQ(cookies->front().name, "ticket");
  EXPECT_EQ(cookies->front().path, "/x");
  EXPECT_EQ(cookies->front().max_age_s, 60);
}

TEST(CookieFieldsOf, RefusesWhatNoCookieCanBe) {
  const std::string option = "[(playlog.options.v1.cookie) = ";
  const std::string rows[] = {
      std::string("message M { bytes tie = 1 ") + kTicket + "}",
      std::string("message M { int64 tie = 1 ") + kTicket + "}",
      std::string("message M { repeated string tie = 1 ") + kTicket + "}",
      std::string("message M { optional string tie = 1 ") + kTicket + "}",
      std::string("message M { oneof one { string tie = 1 ") + kTicket + "} }",
      "message M { string tie = 1 " + option + "{path: '/', max_age_s: 1}]; }",
      "message M { string tie = 1 " + option + "{name: 'a b', path: '/', max_age_s: 1}]; }",
      "message M { string tie = 1 " + option + "{name: 'a=', path: '/', max_age_s: 1}]; }",
      "message M { string tie = 1 " + option + "{name: 'a', max_age_s: 1}]; }",
      "message M { string tie = 1 " + option + "{name: 'a', path: 'x', max_age_s: 1}]; }",
      "message M { string tie = 1 " + option + "{name: 'a', path: '/;', max_age_s: 1}]; }",
      "message M { string tie = 1 " + option + "{name: 'a', path: '/'}]; }",
      std::string("message M { I inner = 1; } message I { string tie = 1 ") + kTicket + "}",
      std::string("message M { repeated I inner = 1; } message I { J more = 1; M back = 2; }"
                  "message J { string tie = 1 ") +
          kTicket + "}",
  };
  for (const std::string& row : rows) {
    const TestProtos protos(row);
    const auto cookies = CookieFieldsOf(protos.Type("M"));
    EXPECT_THAT(cookies, StatusIs(absl::StatusCode::kFailedPrecondition)) << row;
    EXPECT_THAT(cookies.status().message(), HasSubstr("playlog.test.v1.")) << row;
  }
}

TEST(FindCookie, TakesTheOneOfThatName) {
  EXPECT_EQ(Find("ticket=abc"), "abc");
  EXPECT_EQ(Find("a=1; ticket=abc; b=2"), "abc");
  EXPECT_EQ(Find("ticket=a=b!~"), "a=b!~");
  EXPECT_EQ(Find("ticket=" + std::string(256, 'x')), std::string(256, 'x'));
}

TEST(FindCookie, LeavesEveryOtherAlone) {
  EXPECT_THAT(FindCookie({}, "ticket"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(FindCookie({{"x-cookie", "ticket=abc"}}, "ticket"), IsOkAndHolds(std::nullopt));
  for (const std::string cookies : {"Ticket=a", "ticket2=a", "a=ticket=b", "ticket", "tick=et",
                                    "=ticket", "a=\"x, y\"; b= z\\"}) {
    EXPECT_EQ(Find(cookies), std::nullopt) << cookies;
  }
  EXPECT_EQ(Find("a; =b; c=d e; ticket=abc"), "abc");
}

TEST(FindCookie, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string cookies :
       {"ticket=a; ticket=a", "ticket=a; ticket=b", "ticket=a; b=1; ticket=c", "", ";", "; ",
        "ticket=a;", "ticket=a; ", "ticket=a;b=1", "ticket=a;  b=1", " ticket=a", "a=1;; b=2"}) {
    EXPECT_THAT(FindCookie({{"cookie", cookies}}, "ticket").status(),
                ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST))
        << cookies;
  }
  EXPECT_THAT(FindCookie({{"cookie", "ticket=a"}, {"cookie", "b=1"}}, "ticket").status(),
              ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST));
}

TEST(FindCookie, RefusesValuesThatWereNeverSet) {
  for (const std::string& value :
       {std::string(), std::string("\"a\""), std::string("a b"), std::string("a,b"),
        std::string("a\\b"), std::string("a\tb"), std::string("\xC3\xA9"), std::string(257, 'x')}) {
    const absl::Status status = FindCookie({{"cookie", "ticket=" + value}}, "ticket").status();
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST)) << value;
    EXPECT_TRUE(value.size() < 2 || status.ToString().find(value) == std::string::npos) << value;
  }
}

TEST(FormatSetCookie, KeepsTheCookieFromScriptsAndOtherSites) {
  const TestProtos protos(std::string("message M { string tie = 1 ") + kTicket + "}");
  const CookieField cookie = CookieFieldsOf(protos.Type("M")).value().front();
  EXPECT_THAT(FormatSetCookie(cookie, "abc", false),
              IsOkAndHolds("ticket=abc; Path=/x; Max-Age=60; HttpOnly; SameSite=Lax"));
  EXPECT_THAT(FormatSetCookie(cookie, "abc", true),
              IsOkAndHolds("ticket=abc; Path=/x; Max-Age=60; HttpOnly; SameSite=Lax; Secure"));
  EXPECT_THAT(FormatSetCookie(cookie, "", true),
              IsOkAndHolds("ticket=; Path=/x; Max-Age=0; HttpOnly; SameSite=Lax; Secure"));
}

TEST(FormatSetCookie, RefusesValuesThatWouldSayMore) {
  const TestProtos protos(std::string("message M { string tie = 1 ") + kTicket + "}");
  const CookieField cookie = CookieFieldsOf(protos.Type("M")).value().front();
  for (const std::string& value : {std::string("a; Domain=b"), std::string("a\r\nX: y"),
                                   std::string("a b"), std::string(257, 'x')}) {
    EXPECT_THAT(FormatSetCookie(cookie, value, false), StatusIs(absl::StatusCode::kInternal));
  }
}

}  // namespace
}  // namespace playlog::gateway
