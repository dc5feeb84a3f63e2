// Request smuggling behind real proxies (TH2): whatever a client sends to nginx or haproxy, the
// gateway behind it sees no request that the proxy did not hand on as one.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/end_to_end/bad_input.h"
#include "tests/end_to_end/front.h"

namespace playlog::harness {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

// Longer than the proxies wait for the rest of a request.
constexpr absl::Duration kAnswersTime = absl::Seconds(3);
constexpr absl::Duration kLogTime = absl::Seconds(10);

struct SeenRequest {
  std::string request_id;
  std::string path;  // "-" if it could not be read.
};

class SmugglingTest : public BadInputTest, public ::testing::WithParamInterface<FrontKind> {
 protected:
  void SetUp() override {
    if (!Front::ProgramOf(GetParam()).empty()) return;
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true")
        << "nginx and haproxy must be there in CI";
    GTEST_SKIP() << "nginx-light or haproxy is not installed (deploy/packages/test.txt)";
  }

  // All that the gateway has answered since a position of its log.
  static std::vector<SeenRequest> SeenSince(std::size_t position) {
    std::vector<SeenRequest> seen;
    for (const std::string& line : stack().LogLines("gateway", position)) {
      if (Member(line, "event") != "http_request") continue;
      seen.push_back({Member(line, "request_id"), Member(line, "path")});
    }
    return seen;
  }

  // Every row of the corpus's framing, and those with trailers.
  static std::vector<BadRequest> Rows() {
    std::vector<BadRequest> rows = HttpFramingRows();
    for (BadRequest& row : HttpRequestRows()) {
      if (row.id == "H52") rows.push_back(std::move(row));
    }
    return rows;
  }

  // Sends all rows side by side, each on a connection of its own, and reads what comes.
  static void SendRows(int port) {
    std::vector<std::unique_ptr<HttpConnection>> connections;
    for (const BadRequest& row : Rows()) {
      connections.push_back(std::make_unique<HttpConnection>(port));
      connections.back()->Send(absl::StrReplaceAll(row.bytes, {{"{TOKEN}", Sender().access}}));
    }
    const absl::Time end = absl::Now() + kAnswersTime;
    for (const auto& connection : connections) {
      connection->AwaitClose(std::max(end - absl::Now(), absl::Milliseconds(1)));
    }
  }

  // What the gateway saw and no front handed on. A request whose answer the front did not wait for
  // has no id in the front's log, and so stands for one of those that it does not know.
  static std::vector<std::string> NotForwarded(const std::vector<SeenRequest>& seen,
                                               const std::vector<ForwardedRequest>& forwarded) {
    std::map<std::string, std::string> path_by_id;
    std::size_t without_answer = 0;
    for (const ForwardedRequest& request : forwarded) {
      if (request.request_id.empty()) ++without_answer;
      path_by_id[request.request_id] = request.path;
    }
    std::vector<std::string> unknown;
    for (const SeenRequest& request : seen) {
      const auto known = path_by_id.find(request.request_id);
      if (known == path_by_id.end() && without_answer > 0) {
        --without_answer;
      } else if (known == path_by_id.end() ||
                 (request.path != "-" && !known->second.starts_with(request.path))) {
        unknown.push_back(absl::StrCat(request.request_id, " ", request.path));
      }
    }
    return unknown;
  }
};

TEST_P(SmugglingTest, TheGatewaySeesOnlyWhatTheFrontForwarded) {
  Sender();
  const std::size_t log = LogEnd();
  Front front(GetParam(), stack().http_port());
  const std::string good = RequestText("GET", "/users/me/", Sender().access);
  ASSERT_EQ(Exchange(front.port(), good).status, 200);
  SendRows(front.port());
  // Whatever was left in a shared connection would meet this one.
  for (int i = 0; i < 8; ++i) {
    const HttpAnswer answer = Exchange(front.port(), good);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(Member(answer.body, "username"), Sender().name);
  }
  const std::vector<ForwardedRequest> forwarded = front.Stop();
  ASSERT_GE(forwarded.size(), 9U);
  std::vector<SeenRequest> seen;
  EXPECT_TRUE(Await(kLogTime, [&] {
    seen = SeenSince(log);
    for (const ForwardedRequest& request : forwarded) {
      const auto has_its_id = [&](const SeenRequest& one) {
        return one.request_id == request.request_id;
      };
      if (!request.request_id.empty() && std::none_of(seen.begin(), seen.end(), has_its_id)) {
        return false;
      }
    }
    return true;
  })) << "the gateway has not logged all of it";
  EXPECT_LE(seen.size(), forwarded.size());
  EXPECT_THAT(NotForwarded(seen, forwarded), IsEmpty());
  ExpectStillGood();
}

TEST_P(SmugglingTest, ARequestPastTheFrontIsNoticed) {
  Sender();
  const std::size_t log = LogEnd();
  Front front(GetParam(), stack().http_port());
  const std::string good = RequestText("GET", "/users/me/", Sender().access);
  ASSERT_EQ(Exchange(front.port(), good).status, 200);
  ASSERT_EQ(Exchange(stack().http_port(), good).status, 200);
  const std::vector<ForwardedRequest> forwarded = front.Stop();
  EXPECT_TRUE(Await(kLogTime, [&] { return SeenSince(log).size() >= 2; }));
  EXPECT_EQ(forwarded.size(), 1U);
  EXPECT_THAT(NotForwarded(SeenSince(log), forwarded), Not(IsEmpty()));
}

std::string NameOf(const ::testing::TestParamInfo<FrontKind>& front) {
  if (front.param == FrontKind::kNginx) return "Nginx";
  return front.param == FrontKind::kHaproxy ? "Haproxy" : "LenientHaproxy";
}

INSTANTIATE_TEST_SUITE_P(Fronts, SmugglingTest,
                         ::testing::Values(FrontKind::kNginx, FrontKind::kHaproxy,
                                           FrontKind::kLenientHaproxy),
                         NameOf);

}  // namespace
}  // namespace playlog::harness
