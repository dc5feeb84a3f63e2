// Promise R1: no acknowledged play is lost when any process is killed at any point.

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/faults/nemesis.h"
#include "tests/harness/spotify_browser.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::HttpAnswer;
using harness::Member;
using harness::SpotifyBrowser;
using harness::Stack;
using harness::User;

constexpr absl::Duration kHealthyAgain = absl::Seconds(10);
// Of one run, before its kill.
constexpr int kLoadMs = 1500;
class CrashPointTest : public ProxiedFaultTest {
 protected:
  // Restarts the service that the armed crash point has killed.
  static void ExpectDeath(Experiment& experiment) {
    const std::string victim = AwaitVictim(kBackTime);
    ASSERT_NE(victim, "") << "nobody passed the crash point";
    ASSERT_TRUE(Struck());
    experiment.CountFault();
    stack().Restart(victim);
  }
};

class KillTest : public CrashPointTest {
 protected:
  KillTest() : path_(NewLedgerPath()), ledger_(path_), load_(stack(), ledger_, {}) {}

  // Until everybody is served again; measured from now on.
  void ExpectHealthySoon(Experiment& experiment) {
    const absl::Time began = absl::Now();
    ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
    experiment.Measure(absl::Now() - began, kHealthyAgain);
  }

  const std::string path_;
  Ledger ledger_;
  FetchLoad load_;
};

TEST_F(KillTest, R1NothingAcknowledgedIsLostWhoeverIsKilledWhenever) {
  Experiment experiment("R1 kills", {.slice = 4, .gate = 20});
  Nemesis nemesis(stack(), cluster(), experiment.random());
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::string victim = nemesis.Draw();
    SCOPED_TRACE(absl::StrCat("seed ", experiment.seed(), ", run ", run, ": ", victim));
    load_.Start();
    ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
    absl::SleepFor(absl::Milliseconds(experiment.Draw(kLoadMs)));
    if (load_.AwaitRequest()) experiment.CountFault();
    nemesis.Kill(victim);
    nemesis.BringBack(victim);
    ASSERT_NO_FATAL_FAILURE(ExpectHealthySoon(experiment));
    load_.Stop();
    const Findings findings = CheckStored(load_, path_);
    ASSERT_TRUE(findings.clean()) << findings.Text();
  }
  experiment.Judge(CheckStored(load_, path_));
}

TEST_F(KillTest, R1NothingAcknowledgedIsLostAtAnyCrashPointOfAFetch) {
  const char* const points[] = {"place_taken",    "upstream_answered", "page_parsed",
                                "batch_received", "batch_committed",   "batch_stored",
                                "answer_ready"};
  Experiment experiment("R1 crash points", {.slice = 1, .gate = 1});
  load_.Start();
  for (int run = 0; run < experiment.runs(); ++run) {
    for (const char* point : points) {
      SCOPED_TRACE(point);
      ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
      Arm(point);
      ASSERT_NO_FATAL_FAILURE(ExpectDeath(experiment));
      ASSERT_NO_FATAL_FAILURE(ExpectHealthySoon(experiment));
    }
  }
  load_.Stop();
  experiment.Judge(CheckStored(load_, path_));
}

// The statement has run, and what would commit it is on its way.
TEST_F(KillTest, R1NothingAcknowledgedIsLostBetweenTheInsertAndItsCommit) {
  Experiment experiment("R1 before the commit", {.slice = 1, .gate = 3});
  load_.Start();
  for (int run = 0; run < experiment.runs(); ++run) {
    ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
    const int fired = database_proxy().fired();
    database_proxy().Set(
        {.fault = WireFault::kWithholdSync, .request = RunOf("upsert_songs"), .times = 1});
    ASSERT_TRUE(Await(kBackTime, [fired] { return database_proxy().fired() > fired; }));
    experiment.CountFault();
    EXPECT_EQ(stack().End("song_store", SIGKILL), -SIGKILL);
    stack().Restart("song_store");
    ASSERT_NO_FATAL_FAILURE(ExpectHealthySoon(experiment));
  }
  load_.Stop();
  experiment.Judge(CheckStored(load_, path_));
}

TEST_F(KillTest, R1NothingAcknowledgedIsLostWhenADrainIsCutShort) {
  Experiment experiment("R1 drains", {.slice = 1, .gate = 1});
  load_.Start();
  for (const std::string& service : Stack::Services()) {
    SCOPED_TRACE(service);
    ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
    Arm("draining");
    stack().process(service).Signal(SIGTERM);
    ASSERT_NO_FATAL_FAILURE(ExpectDeath(experiment));
    ASSERT_NO_FATAL_FAILURE(ExpectHealthySoon(experiment));
  }
  load_.Stop();
  experiment.Judge(CheckStored(load_, path_));
}

TEST_F(CrashPointTest, R1AHalfAnswerIsNoAnswer) {
  Experiment experiment("R1 half an answer", {.slice = 1, .gate = 3});
  // Long enough for an answer of several parts.
  const User user = api().NewUser();
  ASSERT_EQ(api().StoreLastfmKey(user, "key", "plays-long-" + user.name).status, 201);
  ASSERT_EQ(api().FetchLastfm(user, "?limit=200").status, 200);
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::string whole = api().StoredSongs(user).body;
    Arm("answer_begun");
    EXPECT_FALSE(api().StoredSongs(user).whole);
    ASSERT_NO_FATAL_FAILURE(ExpectDeath(experiment));
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
    EXPECT_EQ(api().StoredSongs(user).body, whole);
  }
}

TEST_F(CrashPointTest, R1AUserIsThereOnceThoughAuthDiedBeforeTheAnswer) {
  Experiment experiment("R1 registrations", {.slice = 1, .gate = 3});
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::string credentials =
        absl::StrCat(R"({"username":"phoenix-)", run, R"(","password":)",
                     R"("quarry otter vellum )", run, R"("})");
    Arm("user_written");
    EXPECT_EQ(OutcomeOf(api().Post("/users/register/", credentials)), Outcome::kUnknown);
    ASSERT_NO_FATAL_FAILURE(ExpectDeath(experiment));
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
    EXPECT_EQ(api().Post("/users/register/", credentials).status, 409);
    EXPECT_EQ(api().Post("/users/token/", credentials).status, 200);
    EXPECT_EQ(stack().database().Execute(absl::StrCat(
                  "SELECT count(*) FROM auth.users WHERE username = 'phoenix-", run, "'")),
              "1");
  }
}

// R20 asks more of this; here it counts as one of the points at which a process dies.
TEST_F(CrashPointTest, R1AUserIsToldOfARefreshTokenThatDiedBeforeItWasSaved) {
  Experiment experiment("R1 rotated tokens", {.slice = 1, .gate = 3});
  for (int run = 0; run < experiment.runs(); ++run) {
    const User user = api().NewUser();
    const std::string listener = "scenario:token_rotates__" + user.name;
    SpotifyBrowser browser(stack());
    ASSERT_EQ(browser.Connect(user, listener).status, 200);
    stack().standins().Script(absl::StrCat("access.", listener, ".1"),
                              boost::json::parse(R"([{"status":401,"body":{"error":{"status":401,)"
                                                 R"("message":"The access token expired"}}}])"),
                              "last");
    Arm("tokens_rotated");
    EXPECT_EQ(OutcomeOf(api().FetchSpotify(user)), Outcome::kUnknown);
    ASSERT_NO_FATAL_FAILURE(ExpectDeath(experiment));
    // A claim of the dead one's ends by itself.
    HttpAnswer answer;
    ASSERT_TRUE(Await(
        kBackTime,
        [&] {
          answer = api().FetchSpotify(user);
          return answer.status == 400;
        },
        absl::Milliseconds(100)))
        << answer.body;
    EXPECT_EQ(Member(api().Get("/users/api-keys/", user.access).body, "results.0.state"),
              "rejected");
  }
}

}  // namespace
}  // namespace playlog::faults
