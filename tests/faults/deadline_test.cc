// Promise R12: nobody works for a client that has left.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/harness/http_client.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::HttpConnection;
using harness::RequestText;
using harness::User;

constexpr absl::Duration kGivenUpWithin = absl::Milliseconds(200);
// A statement that is under way is not interrupted; it ends by the pool's own limits.
constexpr absl::Duration kStatementLimit = absl::Milliseconds(900);
constexpr absl::Duration kPatience = absl::Milliseconds(500);

class DeadlineTest : public FaultTest {
 protected:
  // How many calls of its fetch the ingest service has ended.
  int EndedFetches() {
    for (const std::string& line : stack().LogLines("spotify_ingest", position_)) {
      if (harness::Member(line, "event") == "rpc" &&
          harness::Member(line, "method").ends_with("/FetchRecentlyPlayed")) {
        ++ended_;
      }
    }
    return ended_;
  }

  static int ActiveReads() {
    return stack().database().Execute(
               "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND"
               " datname = current_database() AND usename LIKE '%song_store'") == "0"
               ? 0
               : 1;
  }

 private:
  std::size_t position_ = 0;
  int ended_ = 0;
};

TEST_F(DeadlineTest, R12NobodyWorksForAClientThatHasLeft) {
  Experiment experiment("R12 clients that leave", {.slice = 3, .gate = 20});
  for (int run = 0; run < experiment.runs(); ++run) {
    const User user = api().NewUser();
    const std::string credential = "scenario:slow:5000__" + user.name;
    ASSERT_EQ(
        StoreUntried(credential, [&] { return api().StoreSpotifyToken(user, credential); }).status,
        201);
    const int ended = EndedFetches();
    auto client = std::make_unique<HttpConnection>(stack().http_port());
    ASSERT_TRUE(client->Send(RequestText("GET", "/music/fetch-recently-played/", user.access)));
    ASSERT_TRUE(Await(kBackTime, [&] { return !stack().standins().Calls(credential).empty(); }));
    absl::SleepFor(kPatience);
    EXPECT_EQ(EndedFetches(), ended);
    experiment.CountFault();
    const absl::Time left = absl::Now();
    client.reset();
    ASSERT_TRUE(Await(kBackTime, [&] { return EndedFetches() > ended; }));
    experiment.Measure(absl::Now() - left, kGivenUpWithin);
  }
}

TEST_F(DeadlineTest, R12AStatementOfAClientThatHasLeftEndsSoon) {
  Experiment experiment("R12 statements", {.slice = 2, .gate = 20});
  const User user = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    std::thread locker([] {
      stack().database().Execute("BEGIN; LOCK TABLE song_store.plays; SELECT pg_sleep(3); COMMIT");
    });
    const auto is_locked = [] {
      return stack().database().Execute(
                 "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock'"
                 " AND relation = 'song_store.plays'::regclass") == "1";
    };
    EXPECT_TRUE(Await(kBackTime, is_locked));
    auto client = std::make_unique<HttpConnection>(stack().http_port());
    EXPECT_TRUE(client->Send(RequestText("GET", "/music/get-stored-songs/", user.access)));
    EXPECT_TRUE(Await(kBackTime, [] { return ActiveReads() > 0; }));
    experiment.CountFault();
    const absl::Time left = absl::Now();
    client.reset();
    EXPECT_TRUE(Await(kBackTime, [] { return ActiveReads() == 0; }));
    experiment.Measure(absl::Now() - left, kStatementLimit + kGivenUpWithin);
    EXPECT_TRUE(is_locked()) << "the statement has waited to its end";
    locker.join();
  }
}

}  // namespace
}  // namespace playlog::faults
