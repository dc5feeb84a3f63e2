// Promise R2: a play is stored exactly once, and never emptied, whatever the retries, replicas and
// duplicates.

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/client.h"
#include "playlog/spotify/v1/spotify_ingest_service.grpc.pb.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/faults/replica.h"

namespace playlog::faults {
namespace {

using harness::HttpAnswer;
using harness::User;
using Service = spotify::v1::SpotifyIngestService;

// New plays of a run, each of which is on show several times.
constexpr int kSteps = 6;
constexpr int kShown = 3;
constexpr int kSendsMax = 5;
constexpr int kDroppedPermille = 200;
constexpr absl::Duration kCallTime = absl::Seconds(30);

class ReplayTest : public ProxiedFaultTest {
 protected:
  ReplayTest() : path_(NewLedgerPath()), ledger_(path_), user_(api().NewUser()) {
    const std::string credential = "s-" + user_.name;
    listener_ = std::make_unique<Listener>(stack().standins(), songs::v1::SOURCE_SPOTIFY, user_.id,
                                           credential);
    EXPECT_EQ(api().StoreSpotifyToken(user_, credential).status, 201);
    stack().StartReplica("spotify_ingest");
    for (const char* process : {"spotify_ingest", "spotify_ingest_2"}) {
      stubs_.push_back(AwaitReplica<Service>(stack(), "spotify_ingest", process));
    }
  }
  ~ReplayTest() override {
    database_proxy().Set({});
    stack().End("spotify_ingest_2", SIGTERM);
    stack().Forget("spotify_ingest_2");
  }

  // Fetches at one of the two processes, or through the gateway.
  Operation Fetch(int way) const {
    Operation operation;
    if (way == 2) {
      const HttpAnswer answer = api().FetchSpotify(user_);
      operation.outcome = OutcomeOf(answer);
      operation.status = answer.status;
      if (answer.status == 200) operation.confirmed = TitlesOf(answer.body);
      return operation;
    }
    rpc::Call call;
    call.authorization = user_.access;
    call.deadline = absl::Now() + kCallTime;
    const auto response =
        rpc::Invoke(*stubs_[static_cast<std::size_t>(way)], &Service::Stub::FetchRecentlyPlayed,
                    call, spotify::v1::FetchRecentlyPlayedRequest(), kCallTime);
    operation.status = static_cast<int>(response.status().code());
    if (!response.ok()) return operation;
    operation.outcome = Outcome::kOk;
    for (const auto& song : response->data()) operation.confirmed.push_back(song.title());
    return operation;
  }

  // Whether it went well.
  bool FetchAndNote(int way, const std::vector<std::string>& shown) {
    Operation operation = Fetch(way);
    operation.asked = shown;
    ledger_.Write(operation);
    return operation.outcome == Outcome::kOk;
  }

  // The next answer of Spotify's knows the album and the duration of no play.
  void EmptyTheNextPage(std::size_t plays) const {
    boost::json::object emptied;
    for (std::size_t i = 0; i < plays; ++i) {
      const std::string track = absl::StrCat("/items/", i, "/track/");
      emptied[track + "album/name"] = "";
      emptied[track + "duration_ms"] = 0;
    }
    boost::json::object answer;
    answer["set"] = std::move(emptied);
    stack().standins().Script(listener_->credential(), boost::json::array{std::move(answer)});
  }

  // Sends fetches of the same page until one is answered well, and up to four more, half of them at
  // the same time; these may find a page that knows less.
  void FetchAgainAndAgain(Experiment& experiment) {
    const std::vector<std::string> shown = listener_->Listen(kShown);
    while (!FetchAndNote(experiment.Draw(3), shown)) {
    }
    int sends = experiment.Draw(kSendsMax);
    if (sends > 0 && experiment.Draw(2) == 0) EmptyTheNextPage(shown.size());
    std::vector<std::thread> together;
    for (; sends > 0; --sends) {
      const int way = experiment.Draw(3);
      if (sends % 2 == 0) {
        together.emplace_back([this, way, &shown] { FetchAndNote(way, shown); });
      } else {
        FetchAndNote(way, shown);
      }
    }
    for (std::thread& thread : together) thread.join();
  }

  const std::string path_;
  Ledger ledger_;
  const User user_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Service::Stub>> stubs_;
};

TEST_F(ReplayTest, R2APlayIsStoredOnceAndNeverEmptied) {
  Experiment experiment("R2 replays", {.slice = 3, .gate = 20});
  for (int run = 0; run < experiment.runs(); ++run) {
    SCOPED_TRACE(absl::StrCat("seed ", experiment.seed(), ", run ", run));
    const int fired = database_proxy().fired();
    database_proxy().Set({.fault = WireFault::kDropReply,
                          .request = RunOf("upsert_songs"),
                          .permille = kDroppedPermille});
    for (int step = 0; step < kSteps; ++step) FetchAgainAndAgain(experiment);
    // The dice may spare a whole run, which then proves nothing.
    while (database_proxy().fired() == fired) FetchAgainAndAgain(experiment);
    experiment.CountFault(database_proxy().fired() - fired);
    database_proxy().Set({});
    // The last page is known, and a page that knows less must not change it.
    const std::vector<std::string> shown = listener_->Listen(kShown);
    FetchAndNote(0, shown);
    EmptyTheNextPage(shown.size());
    FetchAndNote(1, shown);
  }
  const std::vector<Play> stored = StoredPlays(stack().database(), {user_.id});
  EXPECT_EQ(stored.size(), listener_->truth().size());
  experiment.Judge(Check(Ledger::Read(path_), listener_->truth(), stored));
}

// The first fetches of one play come at the same moment, which is when a store that looks before it
// writes would write twice.
TEST_F(ReplayTest, R2TheSamePlayFromTwoProcessesAtOnceIsStoredOnce) {
  Experiment experiment("R2 at once", {.slice = 10, .gate = 40});
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::vector<std::string> shown = listener_->Listen(kShown);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([this, i, &shown] { FetchAndNote(i, shown); });
    }
    for (std::thread& thread : threads) thread.join();
    experiment.CountFault();
  }
  const std::vector<Play> stored = StoredPlays(stack().database(), {user_.id});
  EXPECT_EQ(stored.size(), listener_->truth().size());
  experiment.Judge(Check(Ledger::Read(path_), listener_->truth(), stored));
}

}  // namespace
}  // namespace playlog::faults
