// Promise R11: failures are not multiplied. Where an upstream or the database is away, each hop
// sees hardly more calls than there are requests.

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"

namespace playlog::faults {
namespace {

constexpr int kUsers = 8;
// The tries that an ingest service has in reserve for each user when all has been well.
constexpr int kReserve = 6;
constexpr double kMultiple = 1.1;
constexpr char kOpenKey[] = "/OpenKey";

class AmplificationTest : public FaultTest {
 public:
  static void SetUpTestSuite() {
    harness::StackOptions options = DirectOptions();
    SetOptions(options);
  }

 protected:
  AmplificationTest()
      : path_(NewLedgerPath()),
        ledger_(path_),
        load_(stack(), ledger_, {.users = kUsers, .interval = absl::Milliseconds(160)}) {}

  static absl::Duration OutageOf(const Experiment& experiment) {
    return experiment.is_slice() ? absl::Seconds(10) : absl::Seconds(60);
  }

  int Requests() const {
    int requests = 0;
    for (const auto& [status, count] : load_.answers().statuses) requests += count;
    return requests;
  }

  // How often the stand-ins were asked for plays by anybody.
  static int UpstreamCalls() {
    int calls = 0;
    for (const char* service : {"spotify", "lastfm"}) {
      const boost::json::value answer =
          stack().standins().Get(absl::StrCat("calls?service=", service));
      calls += answer.at("count").to_number<int>();
    }
    return calls;
  }

  // How many calls of a method a service has answered.
  static int Answered(const std::string& service, const std::string& method) {
    double sum = 0;
    for (const absl::string_view line : absl::StrSplit(stack().Metrics(service), '\n')) {
      double value = 0;
      if (absl::StartsWith(line, "playlog_rpc_total{") && absl::StrContains(line, method + "\"") &&
          absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) {
        sum += value;
      }
    }
    return static_cast<int>(sum);
  }

  const std::string path_;
  Ledger ledger_;
  FetchLoad load_;
};

TEST_F(AmplificationTest, R11AnUpstreamThatIsAwayIsHardlyAskedMoreOften) {
  Experiment experiment("R11 upstreams away", {.slice = 1, .gate = 1});
  load_.Start();
  ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
  load_.Stop();
  for (const std::string& credential : load_.credentials()) {
    stack().standins().Script(credential, boost::json::parse(R"([{"status":503}])"), "last");
  }
  load_.Forget();
  const int before = UpstreamCalls();
  load_.Start();
  absl::SleepFor(OutageOf(experiment));
  load_.Stop();
  const int calls = UpstreamCalls() - before;
  const int requests = Requests();
  experiment.CountFault(load_.answers().statuses[503]);
  // A short outage is mostly reserves, of which each of the two ingest services has one a user.
  const int reserves = experiment.is_slice() ? 2 * kUsers * kReserve : 0;
  EXPECT_LE(calls, kMultiple * requests + reserves) << requests << " requests";
  EXPECT_GE(calls, requests) << "the upstream was not asked";
  for (const std::string& credential : load_.credentials()) {
    stack().standins().Script(credential, boost::json::array());
  }
  load_.Start();
  EXPECT_TRUE(load_.AwaitGoodAnswers(kBackTime));
  load_.Stop();
  experiment.Judge(CheckStored(load_, path_));
}

TEST_F(AmplificationTest, R11ADatabaseThatIsAwayIsHardlyAskedMoreOften) {
  Experiment experiment("R11 database away", {.slice = 1, .gate = 1});
  load_.Start();
  ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
  cluster().Stop();
  load_.Forget();
  const int before = Answered("auth", kOpenKey);
  absl::SleepFor(OutageOf(experiment));
  const int calls = Answered("auth", kOpenKey) - before;
  const int requests = Requests() + load_.in_flight();
  experiment.CountFault(load_.answers().statuses[503]);
  cluster().Start();
  EXPECT_LE(calls, kMultiple * requests) << requests << " requests";
  EXPECT_GT(calls, 0) << "auth was not asked";
  EXPECT_TRUE(load_.AwaitGoodAnswers(kBackTime));
  load_.Stop();
  experiment.Judge(CheckStored(load_, path_));
}

}  // namespace
}  // namespace playlog::faults
