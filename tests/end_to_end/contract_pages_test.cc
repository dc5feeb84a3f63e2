// The admin pages as they are served: to anybody, since they hold no data, under a strict policy.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ContractPagesTest : public EndToEndTest {
 protected:
  static HttpAnswer Get(const std::string& target, const std::string& fields = "") {
    return Exchange(stack().http_port(), RequestText("GET", target, "", "", fields));
  }
  // The path of an asset that the page names, by the end of its name.
  static std::string AssetIn(const std::string& html, const std::string& name) {
    const std::size_t end = html.find(name);
    if (end == std::string::npos) return "";
    return html.substr(html.rfind('"', end) + 1, end + name.size() - html.rfind('"', end) - 1);
  }
};

TEST_F(ContractPagesTest, ThePageIsServedToAnybodyUnderAStrictPolicy) {
  const HttpAnswer page = Get("/admin/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.Header("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.Header("cache-control"), "no-cache");
  EXPECT_EQ(page.Header("content-security-policy"),
            absl::StrCat("default-src 'none'; script-src 'self'; style-src 'self'; "
                         "connect-src 'self'; img-src 'self' http://127.0.0.1:",
                         stack().standins_port(),
                         "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
                         "object-src 'none'; require-trusted-types-for 'script'"));
  EXPECT_EQ(page.Header("cross-origin-opener-policy"), "same-origin");
  EXPECT_EQ(page.Header("x-content-type-options"), "nosniff");
  EXPECT_EQ(page.Header("referrer-policy"), "no-referrer");
  EXPECT_EQ(page.Header("cross-origin-resource-policy"), "same-origin");
  EXPECT_THAT(page.Header("permissions-policy"), HasSubstr("geolocation=()"));
  EXPECT_THAT(page.body, Not(HasSubstr("{assets}")));
  // Any query is for the page alone.
  EXPECT_EQ(Get("/admin/?view=users&name=ann").body, page.body);
  const std::string etag = page.Header("etag");
  const HttpAnswer again = Get("/admin/", absl::StrCat("If-None-Match: ", etag, "\r\n"));
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
}

TEST_F(ContractPagesTest, ThePathWithoutASlashLeadsToTheOneWithIt) {
  const HttpAnswer answer = Get("/admin?view=users");
  EXPECT_EQ(answer.status, 308);
  EXPECT_EQ(answer.Header("location"), "/admin/?view=users");
}

TEST_F(ContractPagesTest, AssetsAreKeptForAYearAndCompressed) {
  const std::string html = Get("/admin/").body;
  for (const char* name : {"style.css", "app.js", "icon.svg"}) {
    const std::string path = AssetIn(html, name);
    EXPECT_THAT(path, StartsWith("/admin/assets/"));
    const HttpAnswer plain = Get(path);
    EXPECT_EQ(plain.status, 200) << path;
    EXPECT_EQ(plain.Header("cache-control"), "public, max-age=31536000, immutable");
    EXPECT_EQ(plain.Header("vary"), "Accept-Encoding");
    const HttpAnswer gzip = Get(path, "Accept-Encoding: gzip, br\r\n");
    EXPECT_EQ(gzip.Header("content-encoding"), "gzip");
    EXPECT_LT(gzip.body.size(), plain.body.size());
    EXPECT_THAT(gzip.body, StartsWith("\x1f\x8b"));
    const HttpAnswer head = api().Head(path);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("content-length"), absl::StrCat(plain.body.size()));
  }
}

TEST_F(ContractPagesTest, WhatIsNoPageIsAnsweredAsEverywhere) {
  ExpectError(Get("/admin/assets/000000000000/app.js"), 404, "NOT_FOUND");
  ExpectError(Get("/admin/index.html"), 404, "NOT_FOUND");
  ExpectError(Get("/admin/assets/"), 404, "NOT_FOUND");
  ExpectError(api().Post("/admin/", "{}"), 405, "METHOD_NOT_ALLOWED");
  ExpectError(api().Delete("/admin/"), 405, "METHOD_NOT_ALLOWED");
}

}  // namespace
}  // namespace playlog::harness
