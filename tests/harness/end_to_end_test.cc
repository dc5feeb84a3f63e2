#include "tests/harness/end_to_end_test.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Stack>& SharedStack() {
  static auto& stack = *new std::unique_ptr<Stack>();
  return stack;
}

StackOptions& Options() {
  static StackOptions options;
  return options;
}

// Ends the stack before the test program's own statics are destroyed.
class StackEnvironment : public ::testing::Environment {
 public:
  void TearDown() override {
    if (SharedStack() == nullptr) return;
    SharedStack()->StopAndCheck();
    SharedStack().reset();
  }
};

[[maybe_unused]] const ::testing::Environment* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new StackEnvironment);

// What tells of the inside, in the forms in which it would slip out.
void ExpectNothingOfTheInside(const std::string& body) {
  for (const char* word : {"SELECT",   "INSERT",    "song_store", "spotify_ingest", "lastfm_ingest",
                           "playlog.", "std::",     "boost",      "grpc",           "gRPC",
                           "pqxx",     "postgres",  "/tmp/",      "/home/",         ".cc",
                           "0x",       "exception", "unix:",      "Traceback",      "api_key=",
                           "Bearer ey"}) {
    EXPECT_THAT(body, ::testing::Not(HasSubstr(word)));
  }
}

}  // namespace

void EndToEndTest::SetOptions(const StackOptions& options) { Options() = options; }

Stack& EndToEndTest::stack() {
  if (SharedStack() == nullptr) SharedStack() = std::make_unique<Stack>(Options());
  return *SharedStack();
}

void EndToEndTest::TearDown() {
  if (SharedStack() != nullptr) SharedStack()->CheckHealth();
}

HttpAnswer EndToEndTest::StoreUntried(const std::string& credential,
                                      const std::function<HttpAnswer()>& store) {
  stack().standins().Script(credential, boost::json::parse(R"([{"status":503}])"));
  HttpAnswer answer = store();
  boost::json::object whose;
  whose["credential"] = credential;
  stack().standins().Post("reset", std::move(whose));
  return answer;
}

void ExpectCommonHeaders(const HttpAnswer& answer) {
  EXPECT_EQ(answer.Header("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.Header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
  EXPECT_EQ(answer.Header("referrer-policy"), "no-referrer");
  EXPECT_EQ(answer.Header("cross-origin-resource-policy"), "same-origin");
  // What has a tag may be kept by its user, and must be asked for again before each use.
  EXPECT_EQ(answer.Header("cache-control"),
            answer.Header("etag").empty() ? "no-store" : "private, no-cache");
  EXPECT_EQ(answer.CountHeaders("server"), 0);
  for (const auto& [name, value] : answer.headers) {
    EXPECT_FALSE(name.starts_with("access-control-")) << name << ": " << value;
  }
}

std::string ExpectError(const HttpAnswer& answer, int status, std::string_view code) {
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(Member(answer.body, "code"), code) << answer.body;
  const std::string error = Member(answer.body, "error");
  const std::string detail = Member(answer.body, "detail");
  const std::string request_id = Member(answer.body, "request_id");
  EXPECT_NE(error, "");
  EXPECT_NE(detail, "");
  EXPECT_NE(request_id, "");
  EXPECT_EQ(answer.body, absl::StrCat("{\"error\":", Quoted(error), ",\"code\":", Quoted(code),
                                      ",\"detail\":", Quoted(detail),
                                      ",\"request_id\":", Quoted(request_id), "}"));
  EXPECT_EQ(answer.Header("x-request-id"), request_id);
  EXPECT_EQ(answer.Header("content-type"), "application/json");
  EXPECT_EQ(answer.Header("www-authenticate"), status == 401 ? "Bearer" : "");
  int seconds = 0;
  const std::string retry_after = answer.Header("retry-after");
  if (status == 429 || status == 503) {
    EXPECT_TRUE(absl::SimpleAtoi(retry_after, &seconds) && seconds >= 1) << retry_after;
  } else {
    EXPECT_EQ(retry_after, "");
  }
  ExpectCommonHeaders(answer);
  ExpectNothingOfTheInside(answer.body);
  return absl::StrCat(error, " | ", detail);
}

}  // namespace playlog::harness
