#include "tests/end_to_end/bad_input.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/strings.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kAnswerTime = absl::Seconds(1);
constexpr absl::Duration kLogTime = absl::Seconds(5);

#if !defined(__SANITIZE_ADDRESS__)
// Under AddressSanitizer the memory that is kept back after its use hides what grows.
constexpr std::int64_t kGrowthMaxKib = 4096;
#endif

std::vector<std::string> RequestLines(const std::vector<std::string>& lines) {
  std::vector<std::string> requests;
  for (const std::string& line : lines) {
    if (Member(line, "event") == "http_request") requests.push_back(line);
  }
  return requests;
}

void ExpectGoodLine(const std::string& line) {
  boost::system::error_code error;
  boost::json::parse(line, error);
  EXPECT_FALSE(error) << line;
  EXPECT_TRUE(IsValidUtf8(line));
  for (const char byte : line) {
    EXPECT_FALSE(static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) << line;
  }
}

void ExpectAnswer(const BadRequest& row, const HttpAnswer& answer) {
  if (row.status == 0 && answer.status == 0) return;
  if (row.status == 0) {
    EXPECT_GE(answer.status, 400);
    return;
  }
  EXPECT_LT(answer.duration, kAnswerTime);
  if (row.code.empty()) {
    EXPECT_EQ(answer.status, row.status) << answer.body;
    return;
  }
  EXPECT_THAT(ExpectError(answer, row.status, row.code), HasSubstr(row.mentions));
}

}  // namespace

void PrintTo(const BadRequest& row, std::ostream* stream) { *stream << row.id << ": " << row.what; }

std::string WithToken(std::string_view method, std::string_view target, std::string_view fields) {
  return absl::StrCat(ToAbsl(method), " ", ToAbsl(target),
                      " HTTP/1.1\r\nHost: playlog\r\nAuthorization: Bearer {TOKEN}\r\n",
                      ToAbsl(fields), "\r\n");
}

std::string JsonPost(std::string_view target, std::string_view body) {
  return WithToken("POST", target,
                   absl::StrCat("Content-Type: application/json\r\nContent-Length: ", body.size(),
                                "\r\n")) +
         std::string(body);
}

const User& BadInputTest::Sender() {
  static const User& user = *[] {
    auto* made = new User(api().NewUser());
    EXPECT_EQ(api().StoreLastfmKey(*made, "key", "sender").status, 201);
    return made;
  }();
  return user;
}

std::string BadInputTest::Stored() {
  return stack().database().Execute(
      "SELECT concat_ws(' ', (SELECT count(*) FROM auth.users),"
      " (SELECT count(*) FROM auth.refresh_families),"
      " (SELECT coalesce(sum(version), 0) FROM auth.api_credentials),"
      " (SELECT count(*) FROM song_store.plays), (SELECT count(*) FROM song_store.batches))");
}

std::size_t BadInputTest::UpstreamCalls() {
  std::size_t count = 0;
  EXPECT_TRUE(absl::SimpleAtoi(
      Member(boost::json::serialize(stack().standins().Get("calls")), "count"), &count));
  return count;
}

std::size_t BadInputTest::LogEnd() {
  std::size_t position = 0;
  stack().LogLines("gateway", position);
  return position;
}

void BadInputTest::ExpectOneLogLine(std::size_t position, const HttpAnswer& answer) {
  std::vector<std::string> lines;
  // Where no answer came, the end of the connection may come before the line, or no line at all.
  const bool expected = answer.status != 0;
  Await(expected ? kLogTime : absl::Milliseconds(100), [&] {
    for (std::string& line : stack().LogLines("gateway", position))
      lines.push_back(std::move(line));
    return !RequestLines(lines).empty();
  });
  for (const std::string& line : lines) ExpectGoodLine(line);
  const std::vector<std::string> requests = RequestLines(lines);
  if (!expected) {
    EXPECT_LE(requests.size(), 1U);
    return;
  }
  ASSERT_EQ(requests.size(), 1U) << ::testing::PrintToString(lines);
  EXPECT_EQ(Member(requests[0], "request_id"), answer.Header("x-request-id"));
  EXPECT_EQ(Member(requests[0], "status"), absl::StrCat(answer.status));
  EXPECT_EQ(Member(requests[0], "peer"), "127.0.0.1");
}

void BadInputTest::ExpectStillGood() {
  const HttpAnswer answer = api().Get("/users/me/", Sender().access);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_LT(answer.duration, kAnswerTime);
  EXPECT_TRUE(Await(kLogTime, [&answer, position = std::size_t{0}]() mutable {
    for (const std::string& line : stack().LogLines("gateway", position)) {
      if (line.find(answer.Header("x-request-id")) != std::string::npos) return true;
    }
    return false;
  }));
}

double BadInputTest::GatewayMetric(const std::string& line_start) {
  std::size_t position = 0;
  int port = 0;
  for (const std::string& line : stack().LogLines("gateway", position)) {
    if (Member(line, "event") != "metrics") continue;
    EXPECT_TRUE(absl::SimpleAtoi(Member(line, "port"), &port));
  }
  HttpConnection connection(port);
  connection.Send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string page = "\n" + connection.Read(absl::Seconds(5)).body;
  const std::size_t place = page.find("\n" + line_start + " ");
  if (place == std::string::npos) return 0;
  return std::atof(page.c_str() + place + line_start.size() + 2);
}

void BadInputTest::Run(const BadRequest& row) {
  const std::string bytes = absl::StrReplaceAll(row.bytes, {{"{TOKEN}", Sender().access}});
  ExpectStillGood();
  const std::string stored = Stored();
  const std::size_t calls = UpstreamCalls();
  const pid_t pid = stack().process("gateway").pid();
  [[maybe_unused]] const std::int64_t memory = stack().process("gateway").MemoryKib("VmRSS");
  const std::size_t log = LogEnd();
  const std::string counter =
      absl::StrCat("playlog_http_requests_total{status=\"", row.status, "\"}");
  const double counted = GatewayMetric(counter);

  HttpConnection connection(stack().http_port());
  connection.Send(bytes);
  const HttpAnswer answer = connection.Read(absl::Seconds(5), !row.bytes.starts_with("HEAD"));
  ExpectAnswer(row, answer);
  if (row.closes) {
    std::string left;
    EXPECT_TRUE(connection.AwaitClose(absl::Seconds(3), &left));
    EXPECT_EQ(left, "");
    EXPECT_EQ(answer.Header("connection"), answer.status == 0 ? "" : "close");
  }
  ExpectOneLogLine(log, answer);
  const double counts = row.status == 0 ? 0 : 1;
  EXPECT_EQ(GatewayMetric(counter), counted + counts) << counter;
  if (!row.writes) {
    EXPECT_EQ(Stored(), stored);
    EXPECT_EQ(UpstreamCalls(), calls);
  }
  ExpectStillGood();
  EXPECT_EQ(stack().process("gateway").pid(), pid);
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LE(stack().process("gateway").MemoryKib("VmRSS") - memory, kGrowthMaxKib);
#endif
}

}  // namespace playlog::harness
