#include "services/gateway/http_guard.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/gateway/http_chunked_body.h"

namespace playlog::gateway {
namespace {

using namespace std::string_literals;  // for texts with NUL

// Returns the code of the refusal, or "OK".
std::string Check(const std::string& bytes, RequestHead* head = nullptr) {
  RequestHead own;
  const auto refusal = CheckHead(bytes, HttpLimits(), head != nullptr ? *head : own);
  return refusal.has_value() ? NameOf(refusal->code) : "OK";
}

std::string CheckPartial(const std::string& bytes) {
  RequestHead head;
  const auto refusal = CheckPartialHead(bytes, HttpLimits(), head);
  return refusal.has_value() ? NameOf(refusal->code) : "OK";
}

std::string WithLine(const std::string& line) { return line + "\r\nHost: a\r\n\r\n"; }
std::string WithTarget(const std::string& target) {
  return WithLine("GET " + target + " HTTP/1.1");
}
std::string WithFields(const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }
std::string PostWith(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + fields + "\r\n";
}

struct Row {
  std::string input;
  std::string expected;
};

TEST(Guard, ReadsTheRequestLine) {
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1", "OK"},
      {"GET / HTTP/1.0", "OK"},
      {"OPTIONS / HTTP/1.1", "OK"},
      {"FOO / HTTP/1.1", "NOT_IMPLEMENTED"},
      {"get / HTTP/1.1", "NOT_IMPLEMENTED"},
      {"G\x00ET / HTTP/1.1"s, "BAD_REQUEST"},
      {"G{T / HTTP/1.1", "BAD_REQUEST"},
      {"TRACE / HTTP/1.1", "METHOD_NOT_ALLOWED"},
      {"CONNECT a:80 HTTP/1.1", "METHOD_NOT_ALLOWED"},
      {"GET / HTTP/1.2", "VERSION_NOT_SUPPORTED"},
      {"GET / HTTP/2.0", "VERSION_NOT_SUPPORTED"},
      {"PRI * HTTP/2.0", "VERSION_NOT_SUPPORTED"},
      {"GET / http/1.1", "BAD_REQUEST"},
      {"GET / HTTP/1.10", "BAD_REQUEST"},
      {"GET / HTTP/1.1 ", "BAD_REQUEST"},
      {"GET /", "BAD_REQUEST"},
      {"GET  / HTTP/1.1", "BAD_REQUEST"},
      {"GET /a b HTTP/1.1", "BAD_REQUEST"},
      {" GET / HTTP/1.1", "BAD_REQUEST"},
      {"GET\t/ HTTP/1.1", "BAD_REQUEST"},
      {"", "BAD_REQUEST"},
  };
  for (const Row& row : rows) EXPECT_EQ(Check(WithLine(row.input)), row.expected) << row.input;
}

TEST(Guard, AllowsOnlySoundTargetsInOriginForm) {
  const std::vector<Row> rows = {
      {"/music/get-stored-songs/?source=spotify&limit=5", "OK"},
      {"/a%20b?x=%C3%A9+1", "OK"},
      {"//music//", "OK"},
      {"/admin/%2e%2e/etc", "OK"},  // the router knows no such path
      {"*", "BAD_REQUEST"},
      {"http://a/", "BAD_REQUEST"},
      {"music/", "BAD_REQUEST"},
      {"/a#fragment", "BAD_REQUEST"},
      {"/\xC3\xA9", "BAD_REQUEST"},
      {"/a\"b", "BAD_REQUEST"},
      {"/<a>", "BAD_REQUEST"},
      {"/{a}", "BAD_REQUEST"},
      {"/a|b", "BAD_REQUEST"},
      {"/a^b", "BAD_REQUEST"},
      {"/a`b", "BAD_REQUEST"},
      {"/a\\b", "BAD_REQUEST"},
      {"/a?b=[1]", "BAD_REQUEST"},
      {"/%00", "BAD_REQUEST"},
      {"/?a=%00", "BAD_REQUEST"},
      {"/%zz", "BAD_REQUEST"},
      {"/%", "BAD_REQUEST"},
      {"/%4", "BAD_REQUEST"},
      {"/%c0%ae%c0%ae", "BAD_REQUEST"},
      {"/%ff", "BAD_REQUEST"},
      {"/" + std::string(7168, 'a'), "URI_TOO_LONG"},
      {"/" + std::string(7167, 'a'), "OK"},
  };
  for (const Row& row : rows) EXPECT_EQ(Check(WithTarget(row.input)), row.expected) << row.input;
}

TEST(Guard, SplitsTheTargetAtTheFirstQuestionMark) {
  RequestHead head;
  ASSERT_EQ(Check(WithTarget("/a/b?c=d?e"), &head), "OK");
  EXPECT_EQ(head.target, "/a/b?c=d?e");
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_EQ(head.query, "c=d?e");
}

TEST(Guard, RequiresExactlyOneSoundHost) {
  const std::vector<Row> rows = {
      {"Host: a\r\n", "OK"},
      {"host:a.example:8000\r\n", "OK"},
      {"Host: [::1]:8000\r\n", "OK"},
      {"Host: [::1]\r\n", "OK"},
      {"Host: 127.0.0.1:\r\n", "OK"},
      {"", "BAD_REQUEST"},
      {"Host: a\r\nHost: b\r\n", "BAD_REQUEST"},
      {"Host: a\r\nhost: a\r\n", "BAD_REQUEST"},
      {"Host:\r\n", "BAD_REQUEST"},
      {"Host: :80\r\n", "BAD_REQUEST"},
      {"Host: a@b\r\n", "BAD_REQUEST"},
      {"Host: a b\r\n", "BAD_REQUEST"},
      {"Host: a/b\r\n", "BAD_REQUEST"},
      {"Host: a,b:x\r\n", "BAD_REQUEST"},
      {"Host: [::1\r\n", "BAD_REQUEST"},
      {"Host: a:b:1\r\n", "BAD_REQUEST"},
      {"Host: a:123456\r\n", "BAD_REQUEST"},
  };
  for (const Row& row : rows) EXPECT_EQ(Check(WithFields(row.input)), row.expected) << row.input;
  EXPECT_EQ(Check("GET / HTTP/1.0\r\n\r\n"), "OK");
  EXPECT_EQ(Check("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), "BAD_REQUEST");
}

TEST(Guard, LeavesNoDoubtAboutTheFraming) {
  const std::vector<Row> rows = {
      {"Content-Length: 4\r\n", "OK"},
      {"Content-Length: 0\r\n", "OK"},
      {"Transfer-Encoding: chunked\r\n", "OK"},
      {"transfer-encoding:  CHUNKED \r\n", "OK"},
      {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: gzip, chunked\r\n", "NOT_IMPLEMENTED"},
      {"Transfer-Encoding: gzip\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: gzip\r\nContent-Length: 4\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: chunked, identity\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: chunked, chunked\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: xchunked\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: chunked;a=b\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: \r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "BAD_REQUEST"},
      {"Transfer-Encoding : chunked\r\n", "BAD_REQUEST"},
      {"Content-Length: 4, 4\r\n", "BAD_REQUEST"},
      {"Content-Length: 4\r\nContent-Length: 4\r\n", "BAD_REQUEST"},
      {"Content-Length: 4\r\nContent-Length: 5\r\n", "BAD_REQUEST"},
      {"Content-Length:\r\n", "BAD_REQUEST"},
      {"Content-Length: +4\r\n", "BAD_REQUEST"},
      {"Content-Length: -1\r\n", "BAD_REQUEST"},
      {"Content-Length: 0x4\r\n", "BAD_REQUEST"},
      {"Content-Length: 4 4\r\n", "BAD_REQUEST"},
      {"Content-Length: 99999999999999999999\r\n", "BAD_REQUEST"},
      {"Content-Length: 9999999999999999999\r\n", "BODY_TOO_LARGE"},
      {"Content-Length: 1048576\r\n", "OK"},
      {"Content-Length: 1048577\r\n", "BODY_TOO_LARGE"},
  };
  for (const Row& row : rows) EXPECT_EQ(Check(PostWith(row.input)), row.expected) << row.input;
  EXPECT_EQ(
      Check("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"),
      "BAD_REQUEST");
}

TEST(Guard, ReadsFieldsStrictly) {
  const std::vector<Row> rows = {
      {"X-A: b\tc \xC3\xA9\r\n", "OK"},
      {"X-A:\r\n", "OK"},
      {"X-A: b\r\n c\r\n", "BAD_REQUEST"},
      {"X-A: b\r\n\tc\r\n", "BAD_REQUEST"},
      {"X A: b\r\n", "BAD_REQUEST"},
      {": b\r\n", "BAD_REQUEST"},
      {"X-A\r\n", "BAD_REQUEST"},
      {"Content_Length: 4\r\n", "BAD_REQUEST"},
      {"X-A: b\nX-B: c\r\n", "BAD_REQUEST"},
      {"X-A: b\rc\r\n", "BAD_REQUEST"},
      {"X-A: b\x00\r\n"s, "BAD_REQUEST"},
      {"X-A: \x01\r\n", "BAD_REQUEST"},
      {"X-A: \x7F\r\n", "BAD_REQUEST"},
      {"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", "BAD_REQUEST"},
      {"Expect: 100-continue\r\n", "OK"},
      {"Expect: foo\r\n", "EXPECTATION_FAILED"},
      {"Content-Encoding: gzip\r\n", "UNSUPPORTED_MEDIA_TYPE"},
      {"X-A: " + std::string(8192, 'a') + "\r\n", "HEADER_TOO_LARGE"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Check(WithFields("Host: a\r\n" + row.input)), row.expected) << row.input;
  }
}

TEST(Guard, BoundsTheNumberOfFields) {
  std::string fields = "Host: a\r\n";
  for (int i = 1; i < 100; ++i) absl::StrAppend(&fields, "X-", i, ": a\r\n");
  EXPECT_EQ(Check(WithFields(fields)), "OK");
  EXPECT_EQ(Check(WithFields(fields + "X-A: a\r\n")), "HEADER_TOO_LARGE");
}

TEST(Guard, AllowsBodiesOnlyInJsonAndWhereAVerbHasOne) {
  const std::vector<Row> rows = {
      {"POST|Content-Type: application/json\r\n", "OK"},
      {"PUT|content-type: Application/JSON; charset=UTF-8\r\n", "OK"},
      {"POST|Content-Type: application/json;charset=\"utf-8\"\r\n", "OK"},
      {"POST|", "UNSUPPORTED_MEDIA_TYPE"},
      {"POST|Content-Type: text/plain\r\n", "UNSUPPORTED_MEDIA_TYPE"},
      {"POST|Content-Type: application/json; charset=latin1\r\n", "UNSUPPORTED_MEDIA_TYPE"},
      {"POST|Content-Type: application/jsonx\r\n", "UNSUPPORTED_MEDIA_TYPE"},
      {"POST|Content-Type: application/json\r\nContent-Type: text/plain\r\n", "BAD_REQUEST"},
      {"GET|Content-Type: application/json\r\n", "BAD_REQUEST"},
      {"HEAD|Content-Type: application/json\r\n", "BAD_REQUEST"},
      {"DELETE|Content-Type: application/json\r\n", "BAD_REQUEST"},
      {"OPTIONS|Content-Type: application/json\r\n", "BAD_REQUEST"},
  };
  for (const Row& row : rows) {
    const std::size_t bar = row.input.find('|');
    const std::string head =
        row.input.substr(0, bar) + " / HTTP/1.1\r\nHost: a\r\n" + row.input.substr(bar + 1);
    EXPECT_EQ(Check(head + "Content-Length: 3\r\n\r\n"), row.expected) << row.input;
    EXPECT_EQ(Check(head + "Transfer-Encoding: chunked\r\n\r\n"), row.expected) << row.input;
  }
  EXPECT_EQ(Check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), "OK");
  EXPECT_EQ(Check("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), "OK");
}

TEST(Guard, KnowsWhenTheConnectionShallClose) {
  const std::vector<std::pair<std::string, bool>> rows = {
      {"", false},
      {"Connection: keep-alive\r\n", false},
      {"Connection: close\r\n", true},
      {"Connection: close, keep-alive\r\n", true},
      {"Connection: a\r\nConnection: CLOSE\r\n", true}};
  for (const auto& [fields, closes] : rows) {
    RequestHead head;
    ASSERT_EQ(Check(WithFields("Host: a\r\n" + fields), &head), "OK");
    EXPECT_EQ(head.wants_close, closes) << fields;
  }
  RequestHead head;
  ASSERT_EQ(Check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &head), "OK");
  EXPECT_TRUE(head.wants_close);
}

TEST(Guard, RefusesWhatCannotBecomeARequestAtOnce) {
  const std::vector<Row> rows = {
      {"", "OK"},
      {"GET /hel", "OK"},
      {"GET / HTTP/1.1\r\nHost: a\r", "OK"},
      {"\x16\x03\x01\x02", "BAD_REQUEST"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "BAD_REQUEST"},
      {"GET /\r\n", "BAD_REQUEST"},
      {"GET / HTTP/1.1\n", "BAD_REQUEST"},
      {"GET / HTTP/1.1\r\nHost: a\n", "BAD_REQUEST"},
      {"GET / HTTP/3.0\r\n", "VERSION_NOT_SUPPORTED"},
      {"GET /" + std::string(8300, 'a'), "URI_TOO_LONG"},
      {"GET / HTTP/1.1\r\nX-A: " + std::string(8300, 'a'), "HEADER_TOO_LARGE"},
  };
  for (const Row& row : rows) EXPECT_EQ(CheckPartial(row.input), row.expected) << row.input;
}

// Feeds the bytes in pieces of `step` and returns the final state's name and the body.
std::string Unchunk(const std::string& bytes, std::size_t step) {
  ChunkedBody chunked(1000);
  std::string held;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    held += bytes.substr(at, step);
    std::size_t used = 0;
    switch (chunked.Feed(held, used)) {
      case ChunkedBody::State::kComplete:
        return "complete: " + chunked.TakeBody() + "|" + held.substr(used);
      case ChunkedBody::State::kTooLarge:
        return "too large";
      case ChunkedBody::State::kMalformed:
        return "malformed";
      case ChunkedBody::State::kMore:
        held.erase(0, used);
    }
  }
  return "more";
}

TEST(ChunkedBody, IsReadStrictlyHoweverItArrives) {
  const std::vector<Row> rows = {
      {"3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\n\r\n", "complete: abcde|"},
      {"0\r\n\r\n", "complete: |"},
      {"1\r\na\r\n0\r\nX-A: b\r\nHost: c\r\n\r\n", "complete: a|"},
      {"1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n", "malformed"},
      {"1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", "malformed"},
      {"-1\r\na\r\n0\r\n\r\n", "malformed"},
      {" 1\r\na\r\n0\r\n\r\n", "malformed"},
      {"1 \r\na\r\n0\r\n\r\n", "malformed"},
      {"0x1\r\na\r\n0\r\n\r\n", "malformed"},
      {"10000000000000003\r\na\r\n0\r\n\r\n", "malformed"},
      {"1\na\n0\n\n", "malformed"},
      {"1;a=\"\nb\"\r\na\r\n0\r\n\r\n", "malformed"},
      {"1;a=\"\r\nb\r\n0\r\n\r\n", "malformed"},
      {"1\r\nabc\r\n0\r\n\r\n", "malformed"},
      {"3E9\r\n", "too large"},
      {"3E8\r\n" + std::string(1000, 'a') + "\r\n1\r\na\r\n0\r\n\r\n", "too large"},
      {"1\r\na", "more"},
  };
  for (const Row& row : rows) {
    for (const std::size_t step : {1, 2, 3, 7, 5000}) {
      EXPECT_EQ(Unchunk(row.input, step), row.expected) << row.input << " by " << step;
    }
  }
  EXPECT_EQ(Unchunk("1\r\na\r\n0\r\n\r\nGET /", 100), "complete: a|GET /");
}

}  // namespace
}  // namespace playlog::gateway
