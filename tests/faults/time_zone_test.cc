// Promise R16, as far as zones go: where a machine or a database lives changes no time of a play,
// at the edges of summer time and on leap days either.

#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/time_format.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"

namespace playlog::faults {
namespace {

using harness::HttpAnswer;
using harness::User;

constexpr int kPlays = 50;
constexpr char kDatabaseZone[] = "Pacific/Auckland";

class TimeZoneTest : public FaultTest {
 public:
  static void SetUpTestSuite() {
    harness::StackOptions options = DirectOptions();
    options.variables.emplace_back("TZ=America/New_York");
    SetOptions(options);
  }

 protected:
  // Every session from now on is in another zone, unless it asks for its own.
  static void MoveDatabase() {
    stack().database().Execute(absl::StrCat(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''", kDatabaseZone,
        "''', current_database()); END $$; SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"));
    ASSERT_EQ(stack().database().Execute("SHOW timezone"), kDatabaseZone);
  }

  // Fetches plays around a time from both sources, and compares what is stored with what was shown.
  void FetchAround(const std::string& time, Experiment& experiment) const {
    const User user = api().NewUser();
    std::map<std::string, Play> truth;
    Operation shown{.outcome = Outcome::kOk, .status = 200};
    for (const songs::v1::Source source : {songs::v1::SOURCE_SPOTIFY, songs::v1::SOURCE_LASTFM}) {
      const bool spotify = source == songs::v1::SOURCE_SPOTIFY;
      const std::string credential = absl::StrCat(spotify ? "s-" : "l-", user.name);
      Listener listener(stack().standins(), source, user.id, credential, *ParseRfc3339(time));
      for (int number = 0; number < kPlays; ++number) listener.Show(number);
      EXPECT_EQ((spotify ? api().StoreSpotifyToken(user, credential)
                         : api().StoreLastfmKey(user, "key", credential))
                    .status,
                201);
      const HttpAnswer answer = spotify ? api().FetchSpotify(user) : api().FetchLastfm(user);
      EXPECT_EQ(answer.status, 200) << answer.body;
      for (const std::string& title : TitlesOf(answer.body)) shown.confirmed.push_back(title);
      truth.merge(listener.truth());
    }
    for (const auto& [title, play] : truth) shown.asked.push_back(title);
    const std::vector<Play> stored = StoredPlays(stack().database(), {user.id});
    EXPECT_EQ(stored.size(), truth.size());
    experiment.CountFault();
    experiment.Judge(Check({shown}, truth, stored));
  }
};

TEST_F(TimeZoneTest, R16ZonesChangeNoTimeOfAPlay) {
  // Around these, in the zones of the machine and of the database: summer time ends and begins in
  // New York, it ends and begins in Auckland, a leap day begins and ends.
  const char* const times[] = {"2025-11-02T05:56:00Z", "2026-03-08T06:56:00Z",
                               "2026-04-04T13:56:00Z", "2025-09-27T13:56:00Z",
                               "2024-02-28T23:56:00Z", "2024-02-29T23:56:00Z"};
  Experiment experiment("R16 zones", {.slice = 1, .gate = 1});
  stack();
  ASSERT_NO_FATAL_FAILURE(MoveDatabase());
  for (const char* time : times) {
    SCOPED_TRACE(time);
    FetchAround(time, experiment);
  }
}

}  // namespace
}  // namespace playlog::faults
