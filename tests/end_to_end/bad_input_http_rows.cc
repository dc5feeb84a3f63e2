// The corpus's layer HTTP: framing, and requests that are well framed and not acceptable.

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

constexpr char kGet[] = "GET /users/me/ HTTP/1.1\r\n";
constexpr char kAuthorization[] = "Authorization: Bearer {TOKEN}\r\n";
constexpr char kSecond[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

// A framing error: one answer, then the end.
BadRequest Framing(std::string id, std::string what, std::string bytes, int status = 400,
                   std::string code = "BAD_REQUEST") {
  return {.id = std::move(id),
          .what = std::move(what),
          .bytes = std::move(bytes),
          .status = status,
          .code = std::move(code),
          .closes = true};
}

std::string GetWith(std::string_view fields) {
  return absl::StrCat(kGet, "Host: playlog\r\n", kAuthorization,
                      absl::string_view(fields.data(), fields.size()), "\r\n");
}

std::string GetOf(std::string_view target) { return WithToken("GET", target); }

// A POST whose body's framing is `fields`, followed by `body` as it is.
std::string PostWith(std::string_view fields, std::string_view body) {
  return WithToken("POST", "/users/api-keys/",
                   absl::StrCat("Content-Type: application/json\r\n",
                                absl::string_view(fields.data(), fields.size()))) +
         std::string(body);
}

std::string Chunked(std::string_view chunks) {
  return PostWith("Transfer-Encoding: chunked\r\n", chunks);
}

// A good body in one chunk, then whatever follows it.
std::string ChunkedThen(std::string_view rest) {
  const std::string body =
      R"({"service_name":"lastfm","api_key":"key","service_user_id":"sender"})";
  return Chunked(absl::StrFormat("%x\r\n%s\r\n", body.size(), body) + std::string(rest));
}

}  // namespace

std::vector<BadRequest> HttpFramingRows() {
  const std::string second = kSecond;
  const std::string nul(1, '\0');
  return {
      Framing("H01", "no Host", absl::StrCat(kGet, kAuthorization, "\r\n")),
      Framing("H02", "two Hosts", GetWith("Host: b\r\n")),
      Framing("H03", "an empty Host", absl::StrCat(kGet, "Host: \r\n\r\n")),
      Framing("H04", "a user in Host", absl::StrCat(kGet, "Host: a@b\r\n\r\n")),
      Framing("H04", "a blank in Host", absl::StrCat(kGet, "Host: a b\r\n\r\n")),
      Framing("H04", "a slash in Host", absl::StrCat(kGet, "Host: a/b\r\n\r\n")),
      Framing("H04", "an open bracket in Host", absl::StrCat(kGet, "Host: [::1\r\n\r\n")),
      Framing(
          "H05", "length, then chunked",
          PostWith("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + second)),
      Framing("H08", "gzip, chunked", PostWith("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
              501, "NOT_IMPLEMENTED"),
      Framing("H10", "chunked, chunked",
              PostWith("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n" + second)),
      Framing("H11", "xchunked", PostWith("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" + second)),
      Framing("H13", "two Transfer-Encodings",
              PostWith("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                       "0\r\n\r\n" + second)),
      Framing("H14", "HTTP/1.0 with chunked",
              "POST /users/api-keys/ HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n"
              "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
                  second),
      Framing("H15", "a blank before the colon",
              PostWith("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + second)),
      Framing("H17", "Content-Length: 4, 4", PostWith("Content-Length: 4, 4\r\n", "{}{}" + second)),
      Framing("H18", "the same length twice",
              PostWith("Content-Length: 4\r\nContent-Length: 4\r\n", "{}{}" + second)),
      Framing("H19", "two lengths",
              PostWith("Content-Length: 4\r\nContent-Length: 5\r\n", "{}{}" + second)),
      Framing("H23", "bare LF", "GET /users/me/ HTTP/1.1\nHost: a\n\n"),
      Framing("H24", "bare CR in a value", GetWith("X-A: a\rb\r\n")),
      Framing("H25", "NUL in a value", GetWith("X-A: a" + nul + "b\r\n")),
      Framing("H25", "0x01 in a value", GetWith("X-A: a\x01z\r\n")),
      Framing("H25", "0x7f in a value", GetWith("X-A: a\x7fz\r\n")),
      Framing("H27", "a blank in a name", GetWith("X A: b\r\n")),
      Framing("H27", "an empty name", GetWith(": b\r\n")),
      Framing("H27", "no colon", GetWith("nothing\r\n")),
      Framing("H32", "a NUL in the method",
              "G" + nul + "ET /users/me/ HTTP/1.1\r\nHost: a\r\n\r\n"),
      Framing("H37", "HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "VERSION_NOT_SUPPORTED"),
      Framing("H37", "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "VERSION_NOT_SUPPORTED"),
      Framing("H37", "HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505,
              "VERSION_NOT_SUPPORTED"),
      Framing("H38", "HTTP/0.9", "GET /\r\n\r\n"),
      Framing(
          "H39", "a TLS hello",
          std::string("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 11) + std::string(160, 'r'),
          0),
      Framing("H39", "an SSH banner", "SSH-2.0-OpenSSH_9.2p1\r\n", 0),
      Framing("H39", "64 KB of noise", std::string(64 * 1024, '\xA7'), 0),
      Framing("H46", "a negative chunk", Chunked("-1\r\n{}\r\n0\r\n\r\n")),
      Framing("H46", "a blank before the size", Chunked(" 2\r\n{}\r\n0\r\n\r\n")),
      Framing("H46", "a blank behind the size", Chunked("2 \r\n{}\r\n0\r\n\r\n")),
      Framing("H46", "a hexadecimal prefix", Chunked("0x2\r\n{}\r\n0\r\n\r\n")),
      Framing("H46", "a size over 64 bits", Chunked("10000000000000003\r\n{}\r\n0\r\n\r\n")),
      Framing("H46", "bare LF in chunks", Chunked("2\n{}\n0\n\n")),
      Framing("H49", "a chunk extension of 9000 bytes",
              Chunked("2;a=" + std::string(9000, 'x') + "\r\n{}\r\n0\r\n\r\n")),
      Framing("H53", "a trailer of 70000 bytes",
              ChunkedThen("0\r\nX-A: " + std::string(70'000, 'x') + "\r\n\r\n"), 0),
      Framing("H54", "a trailer Content-Length", ChunkedThen("0\r\nContent-Length: 5\r\n\r\n")),
      Framing("H55", "GET with a body", GetWith("Content-Length: 3\r\n") + "abc" + second),
      Framing("H59", "a length over the limit",
              PostWith("Content-Length: 2000000\r\n", std::string(1000, ' ')), 413,
              "BODY_TOO_LARGE"),
  };
}

std::vector<BadRequest> HttpRequestRows() {
  const auto row = [](std::string id, std::string what, std::string bytes, int status,
                      std::string code) {
    return BadRequest{
        std::move(id), std::move(what), std::move(bytes), status, std::move(code), "", false,
        false};
  };
  std::vector<BadRequest> rows = {
      row("H32", "method FOO", WithToken("FOO", "/users/me/"), 501, "NOT_IMPLEMENTED"),
      row("H32", "method get", WithToken("get", "/users/me/"), 501, "NOT_IMPLEMENTED"),
      row("H33", "TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\nX-Secret: x\r\n\r\n", 405,
          "METHOD_NOT_ALLOWED"),
      row("H33", "CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405,
          "METHOD_NOT_ALLOWED"),
      row("H36", "a preflight of another origin",
          "OPTIONS /users/register/ HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n"
          "Access-Control-Request-Method: POST\r\n\r\n",
          204, ""),
      row("H41", "target *", GetOf("*"), 400, "BAD_REQUEST"),
      row("H42", "a fragment", GetOf("/users/me/#a"), 400, "BAD_REQUEST"),
      row("H42", "raw UTF-8", GetOf("/users/m\xC3\xA9/"), 400, "BAD_REQUEST"),
      row("H44", "encoded dots", GetOf("/admin/%2e%2e/%2e%2e/etc/passwd"), 404, "NOT_FOUND"),
      row("H44", "dots and encoded slashes", GetOf("/admin/..%2f..%2fetc/passwd"), 404,
          "NOT_FOUND"),
      row("H44", "four dots", GetOf("/admin/....//"), 404, "NOT_FOUND"),
      row("H45", "doubled slashes", GetOf("//music//get-stored-songs/"), 404, "NOT_FOUND"),
      row("H45", "capitals", GetOf("/MUSIC/get-stored-songs/"), 404, "NOT_FOUND"),
      row("H45", "no trailing slash", GetOf("/music/get-stored-songs"), 200, ""),
      row("H57", "an unknown expectation", GetWith("Expect: foo\r\n"), 417, "EXPECTATION_FAILED"),
      row("H67", "a gzip body", PostWith("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"),
          415, "UNSUPPORTED_MEDIA_TYPE"),
  };
  for (const char* escape : {"%00", "%zz", "%", "%c0%ae%c0%ae"}) {
    rows.push_back(row("H43", escape, GetOf(absl::StrCat("/music/get-stored-songs/", escape)), 400,
                       "BAD_REQUEST"));
  }
  for (const char* character : {"\"", "<", ">", "{", "}", "|", "^", "`"}) {
    rows.push_back(
        row("H42", character, GetOf(absl::StrCat("/users/me/?a=", character)), 400, "BAD_REQUEST"));
  }
  for (const char* type : {"Content-Type: text/plain\r\n", "",
                           "Content-Type: application/x-www-form-urlencoded\r\n"}) {
    rows.push_back(row(
        "H65", absl::StrCat("media type ", type),
        WithToken("POST", "/users/api-keys/", absl::StrCat(type, "Content-Length: 2\r\n")) + "{}",
        415, "UNSUPPORTED_MEDIA_TYPE"));
  }
  for (const char* trailer : {"X-Forwarded-For: 10.0.0.1", "Host: evil.example", "Cookie: a=b",
                              "Content-Type: text/plain"}) {
    BadRequest trailed =
        row("H52", trailer, ChunkedThen(absl::StrCat("0\r\n", trailer, "\r\n\r\n")), 200, "");
    trailed.writes = true;
    rows.push_back(std::move(trailed));
  }
  BadRequest closing = row("H72", "close and keep-alive",
                           GetWith("Connection: close, keep-alive\r\n") + kSecond, 200, "");
  closing.closes = true;
  rows.push_back(std::move(closing));
  return rows;
}

}  // namespace playlog::harness
