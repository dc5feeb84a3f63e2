// Promises R13, R14 and R15: a rolling restart is invisible, a neighbour that comes back is used
// again at once, and the order in which things start does not matter. And TH32: while auth stays
// away the door shuts.

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/revocation_view.h"
#include "common/rpc/server.h"
#include "common/testing/temporary_directory.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::Stack;
using harness::User;
using ::testing::AnyOf;

constexpr char kGateway[] = "gateway";
constexpr char kPostgres[] = "PostgreSQL";
constexpr absl::Duration kLeavesWithin = absl::Seconds(10);
constexpr absl::Duration kUsedAgain = absl::Seconds(5);
constexpr absl::Duration kReadyAfterTheLast = absl::Seconds(10);
constexpr absl::Duration kViewAgeMax = rpc::RevocationView::kAgeMax;
// One round of the questions that find out.
constexpr absl::Duration kRound = absl::Seconds(2);
constexpr absl::Duration kStaysClosed = absl::Seconds(5);

// Each service behind a proxy that sends a connection to whichever of its two replicas takes it, as
// a load balancer does.
class RestartTest : public FaultTest {
 public:
  static void SetUpTestSuite() {
    harness::StackOptions options = DirectOptions();
    options.socket_directory = Folder();
    for (const std::string& service : Stack::Services()) {
      if (service == kGateway) continue;
      const std::string own = absl::StrCat(Folder(), "/", service);
      options.reached_at[service] = own + ".proxy";
      Proxies()[service] = std::make_unique<Proxy>(
          WireAddress{.path = own + ".proxy"},
          std::vector<WireAddress>{{.path = own + ".sock"}, {.path = own + "_2.sock"}}, 1);
    }
    SetOptions(options);
  }

 protected:
  static const std::string& Folder() {
    static const testing::TemporaryDirectory folder;
    return folder.path();
  }
  static std::map<std::string, std::unique_ptr<Proxy>>& Proxies() {
    static std::map<std::string, std::unique_ptr<Proxy>> proxies;
    return proxies;
  }

  // Whether a process of a service answers, asked past every proxy.
  static bool IsWell(const std::string& service, const std::string& process) {
    return rpc::CheckHealth(service, "unix:" + stack().SocketOf(process),
                            stack().TlsDirectoryOf("operator"), absl::Seconds(2))
        .ok();
  }
  static void AwaitWell(const std::string& service, const std::string& process) {
    ASSERT_TRUE(Await(
        kBackTime, [&] { return IsWell(service, process); }, absl::Milliseconds(20)))
        << process;
  }

  // Ends a process as an operator does.
  static void Leave(Experiment& experiment, const std::string& process) {
    const absl::Time began = absl::Now();
    EXPECT_EQ(stack().End(process, SIGTERM), 0) << process;
    experiment.Measure(absl::Now() - began, kLeavesWithin);
  }

  // What the services say about a request.
  static std::string LoggedOf(const std::string& request_id) {
    std::string text;
    for (const std::string& service : Stack::Services()) {
      for (const std::string& process : {service, service + "_2"}) {
        std::size_t position = 0;
        for (const std::string& line : stack().LogLines(process, position)) {
          if (harness::Member(line, "request_id") != request_id) continue;
          absl::StrAppend(&text, process, ": ", line, "\n");
        }
      }
    }
    return text;
  }

  // As a load balancer waits before it sends a gateway anything.
  static void AwaitGateway(int port) {
    ASSERT_TRUE(Await(
        kBackTime, [port] { return harness::Api(port).Get("/readyz").status == 200; },
        absl::Milliseconds(20)));
  }

  // A fetch of a new user's that has reached a source which takes this long to answer.
  class SlowFetch {
   public:
    explicit SlowFetch(absl::Duration taken) {
      const User user = api().NewUser();
      const std::string credential =
          absl::StrCat("scenario:slow:", absl::ToInt64Milliseconds(taken), "__", user.name);
      EXPECT_EQ(StoreUntried(credential, [&] { return api().StoreSpotifyToken(user, credential); })
                    .status,
                201);
      thread_ = std::thread([this, user] { status_ = api().FetchSpotify(user).status; });
      EXPECT_TRUE(Await(kBackTime, [&] { return !stack().standins().Calls(credential).empty(); }));
    }
    ~SlowFetch() {
      if (thread_.joinable()) thread_.join();
    }
    SlowFetch(const SlowFetch&) = delete;
    SlowFetch& operator=(const SlowFetch&) = delete;

    // Of its answer, which it waits for.
    int Status() {
      thread_.join();
      return status_;
    }

   private:
    std::thread thread_;
    int status_ = 0;
  };

  // Returns when the process has heard it.
  static void AskToLeave(const std::string& service) {
    std::size_t position = 0;
    stack().LogLines(service, position);
    stack().process(service).Signal(SIGTERM);
    EXPECT_TRUE(Await(kBackTime, [&] {
      for (const std::string& line : stack().LogLines(service, position)) {
        if (harness::Member(line, "event") == "stopping") return true;
      }
      return false;
    }));
  }

  // While one of them is missing nothing is ready, and nobody gives up.
  static void ExpectNotReady(const std::vector<std::string>& order, std::size_t started) {
    for (std::size_t i = 0; i < started; ++i) {
      if (order[i] == kPostgres) continue;
      ASSERT_FALSE(stack().process(order[i]).ExitCode().has_value()) << order[i] << " gave up";
      if (order[i] != kGateway) continue;
      EXPECT_EQ(api().Get("/readyz").status, 503);
    }
  }
};

TEST_F(RestartTest, R13ARollingRestartFailsNoRequest) {
  Experiment experiment("R13 rolling restarts", {.slice = 1, .gate = 10});
  const std::string path = NewLedgerPath();
  Ledger ledger(path);
  FetchLoad load(stack(), ledger, {.users = 8, .interval = absl::Milliseconds(160), .reads = true});
  load.Start();
  ASSERT_TRUE(load.AwaitGoodAnswers(kBackTime));
  load.Forget();
  for (int run = 0; run < experiment.runs(); ++run) {
    for (const std::string& service : Stack::Services()) {
      SCOPED_TRACE(service);
      const std::string second = service + "_2";
      stack().StartReplica(service);
      if (service == kGateway) {
        ASSERT_NO_FATAL_FAILURE(AwaitGateway(stack().replica_http_port()));
        load.SendTo(stack().replica_http_port());
      } else {
        ASSERT_NO_FATAL_FAILURE(AwaitWell(service, second));
      }
      if (load.AwaitRequest()) experiment.CountFault();
      Leave(experiment, service);
      ASSERT_TRUE(load.AwaitGoodAnswers(kBackTime));
      stack().Restart(service);
      if (service == kGateway) {
        ASSERT_NO_FATAL_FAILURE(AwaitGateway(stack().http_port()));
        load.SendTo(0);
      } else {
        ASSERT_NO_FATAL_FAILURE(AwaitWell(service, service));
      }
      Leave(experiment, second);
      stack().Forget(second);
      ASSERT_TRUE(load.AwaitGoodAnswers(kBackTime));
    }
  }
  load.Stop();
  const FetchLoad::Answers answers = load.answers();
  int requests = 0;
  for (const auto& [status, count] : answers.statuses) requests += count;
  const int failed = requests - (answers.statuses.contains(200) ? answers.statuses.at(200) : 0);
  EXPECT_EQ(failed, 0) << "of " << requests << " requests; the last: " << answers.refusal << "\n"
                       << LoggedOf(answers.refused);
  experiment.Judge(CheckStored(load, path));
}

TEST_F(RestartTest, R13WhatIsUnderWayIsAnsweredByTheProcessThatLeaves) {
  for (const std::string& service : {std::string("spotify_ingest"), std::string(kGateway)}) {
    SCOPED_TRACE(service);
    SlowFetch fetch(absl::Seconds(3));
    AskToLeave(service);
    EXPECT_EQ(fetch.Status(), 200);
    EXPECT_EQ(stack().process(service).ExitCode(kLeavesWithin), 0);
    stack().Restart(service);
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
  }
}

TEST_F(RestartTest, R13ASecondSignalEndsAProcessAtOnce) {
  for (const std::string& service : {std::string("spotify_ingest"), std::string(kGateway)}) {
    SCOPED_TRACE(service);
    SlowFetch fetch(absl::Seconds(8));
    AskToLeave(service);
    const absl::Time began = absl::Now();
    EXPECT_EQ(stack().End(service, SIGTERM), 128 + SIGTERM);
    EXPECT_LT(absl::Now() - began, absl::Seconds(3));
    EXPECT_NE(fetch.Status(), 200);
    stack().Restart(service);
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
  }
}

TEST_F(RestartTest, R14ANeighbourThatComesBackIsUsedAgainSoon) {
  Experiment experiment("R14 neighbours that come back", {.slice = 1, .gate = 2});
  const std::vector<absl::Duration> absences =
      experiment.is_slice()
          ? std::vector<absl::Duration>{absl::Seconds(1), absl::Seconds(17)}
          : std::vector<absl::Duration>{absl::Seconds(1), absl::Seconds(15), absl::Seconds(60)};
  const User user = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::string service = run % 2 == 0 ? "song_store" : "auth";
    // What is asked needs the service: a stored song, or the user's name.
    const std::string target = run % 2 == 0 ? "/music/get-stored-songs/" : "/users/me/";
    for (const absl::Duration absence : absences) {
      SCOPED_TRACE(absl::StrCat(service, " away for ", absl::FormatDuration(absence)));
      EXPECT_EQ(stack().End(service, SIGKILL), -SIGKILL);
      // Somebody asks all the time, so that the gateway keeps trying to connect.
      bool refused = false;
      for (const absl::Time end = absl::Now() + absence; absl::Now() < end;) {
        refused |= api().Get(target, user.access).status == 503;
        absl::SleepFor(absl::Milliseconds(50));
      }
      EXPECT_TRUE(refused);
      experiment.CountFault();
      stack().Restart(service);
      ASSERT_NO_FATAL_FAILURE(AwaitWell(service, service));
      const absl::Time began = absl::Now();
      ASSERT_TRUE(Await(kBackTime, [&] { return api().Get(target, user.access).status == 200; }));
      const absl::Duration took = absl::Now() - began;
      experiment.Measure(took, kUsedAgain);
      // Counted from when the process was well, this is no matter of the machine's speed: it is
      // held to the letter beside other tests too.
      EXPECT_LE(took, kUsedAgain);
      ASSERT_TRUE(stack().AwaitReady(kBackTime));
    }
  }
}

// Nobody learns of log-outs any more: what is known of them is trusted for a minute.
TEST_F(RestartTest, TH32WithoutAuthNobodyIsLetInForLongerThanAMinute) {
  Experiment experiment("TH32 auth away", {.slice = 1, .gate = 2});
  const User user = api().NewUser();
  const User gone = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    ASSERT_TRUE(Await(kBackTime, [&] { return api().StoredSongs(user).status == 200; }));
    if (run == 0) {
      ASSERT_EQ(api().Post("/users/logout/", "{}", gone.access).status, 204);
    }
    ASSERT_TRUE(Await(kBackTime, [&] { return api().StoredSongs(gone).status == 401; }));
    EXPECT_EQ(stack().End("auth", SIGKILL), -SIGKILL);
    const absl::Time left = absl::Now();
    absl::Time closed = absl::InfiniteFuture();
    // Goes on for a while after the door is shut, so that it would be seen to open again.
    while (absl::Now() < std::min(closed + kStaysClosed, left + 2 * kViewAgeMax)) {
      const absl::Time asked = absl::Now();
      const int status = api().StoredSongs(user).status;
      EXPECT_THAT(status, AnyOf(200, 503));
      if (status == 503) closed = std::min(closed, asked);
      if (status == 200) {
        EXPECT_LE(asked - left, kViewAgeMax);
        EXPECT_LT(asked, closed) << "it was shut, and is open again";
      }
      EXPECT_THAT(api().StoredSongs(gone).status, AnyOf(401, 503));
      EXPECT_THAT(api().Get("/music/get-stored-songs/", "no.good.token").status, AnyOf(401, 503));
      absl::SleepFor(absl::Milliseconds(100));
    }
    ASSERT_NE(closed, absl::InfiniteFuture()) << "the door stays open";
    experiment.CountFault();
    experiment.Measure(closed - left, kViewAgeMax + kRound);
    stack().Restart("auth");
    ASSERT_NO_FATAL_FAILURE(AwaitWell("auth", "auth"));
    const absl::Time back = absl::Now();
    EXPECT_TRUE(Await(kBackTime, [&] { return api().StoredSongs(user).status == 200; }));
    experiment.Measure(absl::Now() - back, kUsedAgain);
    EXPECT_EQ(api().StoredSongs(gone).status, 401);
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
  }
}

TEST_F(RestartTest, R15TheOrderOfStartingDoesNotMatter) {
  Experiment experiment("R15 orders", {.slice = 1, .gate = 4});
  const absl::Duration late = experiment.is_slice() ? absl::Seconds(3) : absl::Seconds(20);
  for (int run = 0; run < experiment.runs(); ++run) {
    std::vector<std::string> order = Stack::Services();
    order.emplace_back(kPostgres);
    for (const std::string& service : Stack::Services()) {
      EXPECT_EQ(stack().End(service, SIGTERM), 0);
    }
    cluster().Stop();
    // The end of a test that fails needs the database too.
    const absl::Cleanup start = [] { cluster().Start(); };
    std::shuffle(order.begin(), order.end(), experiment.random());
    // The one that all others need comes last at least once.
    if (run == 0) std::swap(*std::find(order.begin(), order.end(), kPostgres), order.back());
    std::string told;
    for (std::size_t i = 0; i < order.size(); ++i) {
      absl::StrAppend(&told, order[i], " ");
      const bool last = i + 1 == order.size();
      for (const absl::Time end = absl::Now() + (last ? late : absl::ZeroDuration());
           absl::Now() < end;) {
        ASSERT_NO_FATAL_FAILURE(ExpectNotReady(order, i));
        absl::SleepFor(absl::Milliseconds(200));
      }
      order[i] == kPostgres ? cluster().Start() : stack().Restart(order[i]);
    }
    SCOPED_TRACE(told);
    experiment.CountFault();
    const absl::Time began = absl::Now();
    // Ends the program if one of the services has ended.
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
    experiment.Measure(absl::Now() - began, kReadyAfterTheLast);
  }
}

}  // namespace
}  // namespace playlog::faults
