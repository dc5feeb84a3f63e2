// The contract of http::Client, on the real client and on the fake one.

#include "common/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/http/curl_client.h"
#include "common/http/fake_client.h"
#include "common/http/raw_server.h"
#include "common/testing/matchers.h"

namespace playlog::http {
namespace {

using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::Not;

// A client whose every answer is the same.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual void Answer(int status, const std::vector<Header>& headers, const std::string& body) = 0;
  virtual Client& client() = 0;
  virtual std::string Url() = 0;
  virtual int calls() = 0;
};

class RealSubject final : public Subject {
 public:
  void Answer(int status, const std::vector<Header>& headers, const std::string& body) override {
    std::string answer = "HTTP/1.1 " + std::to_string(status) + " x\r\n";
    for (const Header& header : headers) answer += header.name + ": " + header.value + "\r\n";
    answer += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    server_.emplace(answer);
  }
  Client& client() override { return client_; }
  std::string Url() override { return server_->Url("/path?a=b"); }
  int calls() override { return server_->connections(); }

 private:
  CurlClient client_;
  std::optional<playlog::testing::RawServer> server_;
};

class FakeSubject final : public Subject {
 public:
  void Answer(int status, const std::vector<Header>& headers, const std::string& body) override {
    client_.Add(status, body, headers);
  }
  Client& client() override { return client_; }
  std::string Url() override { return "http://127.0.0.1:1/path?a=b"; }
  int calls() override { return static_cast<int>(client_.requests().size()); }

 private:
  FakeClient client_{Clock::System()};
};

class ClientContract : public ::testing::TestWithParam<bool> {
 protected:
  ClientContract() {
    if (GetParam()) {
      subject_ = std::make_unique<RealSubject>();
    } else {
      subject_ = std::make_unique<FakeSubject>();
    }
  }
  absl::StatusOr<Response> Get(Request request = {}) {
    if (request.url.empty()) request.url = subject_->Url();
    return subject_->client().Get(request);
  }
  std::unique_ptr<Subject> subject_;
};

TEST_P(ClientContract, ReturnsStatusHeadersAndBody) {
  subject_->Answer(429, {{"retry-after", "3"}, {"retry-after", "60"}}, "busy");
  const absl::StatusOr<Response> response = Get();
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(response->body, "busy");
  EXPECT_THAT(response->HeaderValues("retry-after"), ElementsAre("3", "60"));
  EXPECT_THAT(response->HeaderValues("location"), ElementsAre());
}

TEST_P(ClientContract, DoesNotFollowARedirect) {
  subject_->Answer(302, {{"location", "http://127.0.0.1:5432/"}}, "");
  const absl::StatusOr<Response> response = Get();
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(subject_->calls(), 1);
}

TEST_P(ClientContract, RefusesABodyOverTheLimit) {
  subject_->Answer(200, {}, "12345");
  Request request{.url = subject_->Url()};
  request.max_body_bytes = 5;
  EXPECT_THAT(Get(request), IsOk());
  request.max_body_bytes = 4;
  const absl::StatusOr<Response> response = Get(request);
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kTooLarge);
}

TEST_P(ClientContract, RefusesAContentEncodingThatNobodyAskedFor) {
  subject_->Answer(200, {{"content-encoding", "gzip"}}, "\x1f\x8b");
  const absl::StatusOr<Response> response = Get();
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kGarbled);
}

TEST_P(ClientContract, AsksNothingAfterTheDeadline) {
  subject_->Answer(200, {}, "");
  Request request{.url = subject_->Url()};
  request.deadline = absl::Now() - absl::Seconds(1);
  const absl::StatusOr<Response> response = Get(request);
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kTimeout);
  EXPECT_EQ(subject_->calls(), 0);
}

TEST_P(ClientContract, SendsNothingToAnAddressThatIsNotAllowed) {
  subject_->Answer(200, {}, "");
  for (const char* url : {"http://example.org/", "http://localhost:1/", "file:///etc/passwd",
                          "http://169.254.169.254/", "ftp://127.0.0.1/", "http://127.0.0.1 /",
                          "http://user@127.0.0.1/", ""}) {
    Request request{.url = url};
    const absl::StatusOr<Response> response = subject_->client().Get(request);
    ASSERT_THAT(response, Not(IsOk())) << url;
    EXPECT_EQ(FailureOf(response.status()), Failure::kRefused) << url;
  }
  EXPECT_EQ(subject_->calls(), 0);
}

TEST_P(ClientContract, SendsNoHeaderThatWouldSplitTheRequest) {
  subject_->Answer(200, {}, "");
  for (const Header& header : {Header{"x", "a\r\nb: c"}, Header{"x\n", "a"}, Header{"x:y", "a"},
                               Header{"", "a"}, Header{"x", "\xC3\xA9"}}) {
    Request request{.url = subject_->Url(), .headers = {header}, .body = ""};
    const absl::StatusOr<Response> response = subject_->client().Get(request);
    ASSERT_THAT(response, Not(IsOk()));
    EXPECT_EQ(FailureOf(response.status()), Failure::kRefused);
  }
  EXPECT_EQ(subject_->calls(), 0);
}

INSTANTIATE_TEST_SUITE_P(Clients, ClientContract, ::testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "Curl" : "Fake"; });

}  // namespace
}  // namespace playlog::http
