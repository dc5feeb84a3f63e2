#include "services/gateway/web_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "common/testing/matchers.h"
#include "services/gateway/admin_files.h"

namespace playlog::gateway {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string& Html() {
  static const auto& html = *new std::string(
      "<!doctype html><meta name=art content=\"{art_origins}\"><link "
      "href=\"{assets}/a.css\">{modules}" +
      std::string(500, ' '));
  return html;
}

std::vector<EmbeddedFile> Files(std::string_view css = "a{}") {
  return {{"index.html", Html()}, {"a.css", css}, {"b.js", "export {};"}, {"c.svg", "<svg/>"}};
}

WebPages Pages(const std::vector<std::string>& origins = {"https://art.example"}) {
  return WebPages::Create("/pages", Files(), origins).value();
}

std::string AssetPath(const WebPages& pages, const std::string& name) {
  for (const std::string& path : pages.paths()) {
    if (path.ends_with("/" + name)) return path;
  }
  ADD_FAILURE() << name << " is not served";
  return "";
}

HttpRequest Request(const std::string& path, HttpHeaders headers = {}) {
  HttpRequest request;
  request.method = "GET";
  request.path = path;
  request.headers = std::move(headers);
  return request;
}

HttpResponse GetPage(const WebPages& pages, HttpHeaders headers = {}) {
  return pages.Answer("/pages", Request("/pages/", std::move(headers)));
}

std::string Header(const HttpResponse& response, const std::string& name) {
  for (const auto& [field, value] : response.headers) {
    if (field == name) return value;
  }
  return "";
}

std::string Unzip(const std::string& gzip) {
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string text(1 << 20, '\0');
  std::string in = gzip;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(WebPages, NamesItsAssetsByAHashOfAllFiles) {
  const WebPages pages = Pages();
  EXPECT_THAT(pages.paths(), AllOf(SizeIs(4), Contains("/pages")));
  const std::string css = AssetPath(pages, "a.css");
  EXPECT_THAT(css, StartsWith("/pages/assets/"));
  EXPECT_THAT(GetPage(pages).body, HasSubstr("href=\"" + css + "\""));
  EXPECT_THAT(GetPage(pages).body,
              HasSubstr("<link rel=\"modulepreload\" href=\"" + AssetPath(pages, "b.js") + "\">"));
  const WebPages others =
      WebPages::Create("/pages", Files("a{color:red}"), {"https://art.example"}).value();
  EXPECT_FALSE(others.Has(css));
  EXPECT_FALSE(others.Has(AssetPath(pages, "b.js")));
  EXPECT_NE(Header(GetPage(pages), "ETag"), Header(GetPage(others), "ETag"));
}

TEST(WebPages, ServesAssetsForAYearEachWithItsType) {
  const WebPages pages = Pages();
  const std::pair<std::string, std::string> types[] = {{"a.css", "text/css; charset=utf-8"},
                                                       {"b.js", "text/javascript; charset=utf-8"},
                                                       {"c.svg", "image/svg+xml"}};
  for (const auto& [name, type] : types) {
    const std::string path = AssetPath(pages, name);
    const HttpResponse response = pages.Answer(path, Request(path));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(Header(response, "Content-Type"), type);
    EXPECT_EQ(Header(response, "Cache-Control"), "public, max-age=31536000, immutable");
    EXPECT_THAT(response.headers, Not(Contains(Key("ETag"))));
  }
}

TEST(WebPages, ServesThePageUnderAStrictPolicy) {
  const HttpResponse response = GetPage(Pages({"https://art.example", "http://127.0.0.1:8123"}));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Header(response, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(Header(response, "Cache-Control"), "no-cache");
  EXPECT_EQ(Header(response, "Cross-Origin-Opener-Policy"), "same-origin");
  EXPECT_THAT(Header(response, "Permissions-Policy"), HasSubstr("camera=()"));
  EXPECT_EQ(Header(response, "Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' https://art.example http://127.0.0.1:8123; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
            "require-trusted-types-for 'script'");
  EXPECT_THAT(response.body, HasSubstr("content=\"https://art.example http://127.0.0.1:8123\""));
}

TEST(WebPages, SendsThePathWithoutASlashToTheOneWithIt) {
  HttpRequest request = Request("/pages");
  HttpResponse response = Pages().Answer("/pages", request);
  EXPECT_EQ(response.status, 308);
  EXPECT_EQ(Header(response, "Location"), "/pages/");
  request.query = "view=users";
  response = Pages().Answer("/pages", request);
  EXPECT_EQ(Header(response, "Location"), "/pages/?view=users");
}

TEST(WebPages, CompressesForWhoeverTakesIt) {
  for (const char* accepted : {"gzip", "br, gzip;q=0.5", "deflate, GZIP"}) {
    const HttpResponse response = GetPage(Pages(), {{"accept-encoding", accepted}});
    EXPECT_EQ(Header(response, "Content-Encoding"), "gzip") << accepted;
    EXPECT_EQ(Header(response, "Vary"), "Accept-Encoding");
    EXPECT_EQ(Unzip(response.body), GetPage(Pages()).body);
  }
  for (const char* refused : {"", "identity", "br", "gzip;q=0", "gzip; q=0.000", "xgzip"}) {
    const HttpResponse response = GetPage(Pages(), {{"accept-encoding", refused}});
    EXPECT_EQ(Header(response, "Content-Encoding"), "") << refused;
    EXPECT_THAT(response.body, StartsWith("<!doctype html>"));
    EXPECT_EQ(Header(response, "Vary"), "Accept-Encoding");
  }
}

TEST(WebPages, LeavesAloneWhatCompressingMakesNoSmaller) {
  const WebPages pages = Pages();
  const std::string path = AssetPath(pages, "b.js");
  const HttpResponse response = pages.Answer(path, Request(path, {{"accept-encoding", "gzip"}}));
  EXPECT_EQ(Header(response, "Content-Encoding"), "");
  EXPECT_EQ(response.body, "export {};");
}

TEST(WebPages, AnswersThatThePageHasNotChanged) {
  const WebPages pages = Pages();
  const std::string etag = Header(GetPage(pages), "ETag");
  EXPECT_THAT(etag, StartsWith("W/\""));
  for (const std::string& known : {etag, etag.substr(2), "\"other\", " + etag, std::string("*")}) {
    const HttpResponse response = GetPage(pages, {{"if-none-match", known}});
    EXPECT_EQ(response.status, 304) << known;
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(Header(response, "ETag"), etag);
    EXPECT_THAT(Header(response, "Content-Security-Policy"), HasSubstr("frame-ancestors 'none'"));
  }
  EXPECT_EQ(GetPage(pages, {{"if-none-match", "W/\"other\""}}).status, 200);
}

TEST(WebPages, RefusesOriginsThatCouldChangeThePolicy) {
  for (const char* origin :
       {"", "*", "https://*", "https://*.example", "https://art.example/path",
        "data:", "https://a.example; script-src *", "https://a.example https://b.example",
        "http://art.example", "http://127.0.0.1", "https://", "https://user@art.example",
        "https://art.example\r\nX: y", "https://art.example\"", "'unsafe-inline'"}) {
    EXPECT_FALSE(WebPages::Create("/pages", Files(), {origin}).ok()) << origin;
  }
  for (const char* origin :
       {"https://art.example", "https://art.example:8443", "http://localhost:1"}) {
    EXPECT_THAT(WebPages::Create("/pages", Files(), {origin}).status(), playlog::testing::IsOk())
        << origin;
  }
}

TEST(WebPages, RefusesFilesThatItCannotServe) {
  const EmbeddedFile page = {"index.html", "<!doctype html>"};
  EXPECT_THAT(
      WebPages::Create("/pages", std::vector<EmbeddedFile>{page, {"a.exe", ""}}, {}).status(),
      playlog::testing::StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(WebPages::Create("/pages", std::vector<EmbeddedFile>{{"a.css", ""}}, {}).ok());
}

// A page that is opened for the first time loads all of them.
TEST(WebPages, TheAdminPagesFirstLoadIsUnder100KiB) {
  const WebPages pages = WebPages::Create("/admin", AdminFiles(), {"https://i.scdn.co"}).value();
  std::size_t bytes = 0;
  for (const std::string& path : pages.paths()) {
    const std::string asked = path == "/admin" ? "/admin/" : path;
    bytes += pages.Answer(path, Request(asked, {{"accept-encoding", "gzip"}})).body.size();
  }
  EXPECT_LT(bytes, 100U * 1024);
  RecordProperty("first_load_bytes", static_cast<int>(bytes));
}

}  // namespace
}  // namespace playlog::gateway
