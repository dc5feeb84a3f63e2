// Plays come by themselves once a key is stored: their owner sees how that fares and turns it off
// and on, and a process that dies in the middle costs nothing.

#include <gmock/gmock.h>
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

// Pauses are 60 times as short, but a run of 5 s leaves a busy machine its time.
constexpr absl::Duration kSoon = absl::Seconds(90);

class SyncTest : public EndToEndTest {
 protected:
  static void SetUpTestSuite() {
    StackOptions options;
    options.sync_flags = {"--sync_workers=4", "--first_sync_delay_s=1", "--sync_speedup=60",
                          "--sync_run_s=5"};
    SetOptions(options);
  }

  // A user with a Spotify token that is its own listener.
  static User NewListener(const std::string& scenario = "sync") {
    User user = api().NewUser();
    const HttpAnswer stored = api().StoreSpotifyToken(user, TokenOf(user, scenario));
    EXPECT_EQ(stored.status, 201) << stored.body;
    return user;
  }
  static std::string TokenOf(const User& user, const std::string& scenario = "sync") {
    return absl::StrCat(scenario, "__", user.name);
  }
  static int Stored(const User& user, const std::string& query = "") {
    return CountElements(api().StoredSongs(user, query).body, "results");
  }
  // What /music/sync/ shows of a user's source, which is the first of its sources.
  static std::string Shown(const User& user, const std::string& member) {
    return Member(api().Get("/music/sync/", user.access).body, absl::StrCat("results.0.", member));
  }
  static bool Succeeded(const User& user) {
    const std::string at = Shown(user, "last_success_at");
    return !at.empty() && at != "null";
  }
  static HttpAnswer Switch(const User& user, const std::string& source, bool on) {
    return api().Put(absl::StrCat("/music/sync/", source, "/"),
                     absl::StrCat("{\"enabled\":", on ? "true" : "false", "}"), user.access);
  }
  static std::string Claimed(const User& user) {
    return stack().database().Execute(absl::StrCat(
        "SELECT count(*) FROM spotify_ingest.schedules WHERE claimed_by IS NOT NULL AND user_id = ",
        user.id));
  }
  static std::size_t Calls(const User& user) {
    return stack().standins().Calls(TokenOf(user)).size();
  }
  static double Runs(const std::string& process, const std::string& outcome) {
    const std::string name =
        absl::StrCat("playlog_sync_runs_total{outcome=\"", outcome, "\",source=\"spotify\"}");
    return stack().Metric(process, name).value_or(0);
  }
};

TEST_F(SyncTest, PlaysAppearByThemselvesOnceAKeyIsStored) {
  const User user = api().NewUser();
  EXPECT_EQ(api().Get("/music/sync/", user.access).body, R"({"results":[]})");
  EXPECT_EQ(api().StoreSpotifyToken(user, TokenOf(user)).status, 201);
  EXPECT_EQ(api().StoreLastfmKey(user, "key", "of-" + user.name).status, 201);
  EXPECT_TRUE(Await(kSoon, [&] {
    return Stored(user, "?source=spotify") >= 50 && Stored(user, "?source=lastfm") >= 200;
  }));
  EXPECT_TRUE(Await(kSoon, [&] { return Succeeded(user); }));
  const std::string shown = api().Get("/music/sync/", user.access).body;
  EXPECT_EQ(CountElements(shown, "results"), 2) << shown;
  EXPECT_EQ(Member(shown, "results.0.source"), "spotify");
  EXPECT_EQ(Member(shown, "results.1.source"), "lastfm");
  EXPECT_EQ(Member(shown, "results.0.enabled"), "true");
  EXPECT_EQ(Member(shown, "results.0.plays_added"), "50");
  EXPECT_EQ(Member(shown, "results.0.last_error"), "null");
  EXPECT_EQ(Member(shown, "results.0.credential_state"), "ok");
  EXPECT_NE(Member(shown, "results.0.budgets.0.used"), "0");
  EXPECT_NE(Member(shown, "results.0.next_run_at"), "null");
  // What is played from now on comes too, and what a device reports late.
  stack().standins().AddPlays(TokenOf(user), 1, 0);
  stack().standins().AddPlays(TokenOf(user), 1, 900);
  EXPECT_TRUE(Await(kSoon, [&] { return Stored(user, "?source=spotify") >= 52; }));
}

TEST_F(SyncTest, TheOwnerTurnsItOffAndOn) {
  const User stranger = api().NewUser();
  ExpectError(Switch(stranger, "spotify", true), 400, "SPOTIFY_KEY_MISSING");
  const User user = NewListener();
  EXPECT_TRUE(Await(kSoon, [&] { return Succeeded(user); }));
  const HttpAnswer off = Switch(user, "spotify", false);
  EXPECT_EQ(off.status, 200) << off.body;
  EXPECT_EQ(off.body, R"({"source":"spotify","enabled":false,"next_run_at":null})");
  EXPECT_EQ(Shown(user, "next_run_at"), "null");
  EXPECT_TRUE(Await(kSoon, [&] { return Claimed(user) == "0"; }));
  // While another is fetched again and again, this one is not.
  const std::size_t calls = Calls(user);
  const User other = NewListener();
  EXPECT_TRUE(Await(kSoon, [&] { return Calls(other) >= 4; }));
  EXPECT_EQ(Calls(user), calls);
  stack().standins().AddPlays(TokenOf(user), 1, 0);
  EXPECT_EQ(Member(Switch(user, "spotify", true).body, "enabled"), "true");
  EXPECT_TRUE(Await(kSoon, [&] { return Stored(user) == 51; }));
}

TEST_F(SyncTest, AKeyThatIsRefusedIsShownInWords) {
  const User user = NewListener("scenario:invalid_token");
  EXPECT_TRUE(Await(kSoon, [&] { return !Shown(user, "last_run_at").starts_with("null"); }));
  EXPECT_THAT(Shown(user, "last_error"), HasSubstr("Refresh Spotify access token"));
  EXPECT_EQ(Shown(user, "credential_state"), "rejected");
  EXPECT_EQ(Shown(user, "last_success_at"), "null");
  EXPECT_EQ(Stored(user), 0);
  // A better one takes effect by itself.
  EXPECT_EQ(api().StoreSpotifyToken(user, TokenOf(user)).status, 200);
  EXPECT_TRUE(Await(kSoon, [&] { return Stored(user) == 50; }));
  EXPECT_TRUE(Await(kSoon, [&] { return Shown(user, "credential_state") == "ok"; }));
  EXPECT_EQ(Shown(user, "last_error"), "null");
}

TEST_F(SyncTest, AUserWhoseKeyIsDeletedIsTold) {
  const User user = NewListener();
  EXPECT_TRUE(Await(kSoon, [&] { return Succeeded(user); }));
  EXPECT_EQ(api().Delete("/users/api-keys/spotify/", user.access).status, 204);
  EXPECT_TRUE(Await(kSoon, [&] { return Shown(user, "credential_state") == "null"; }));
  EXPECT_TRUE(Await(kSoon, [&] { return Shown(user, "last_error") != "null"; }));
  EXPECT_EQ(Shown(user, "enabled"), "true");
  EXPECT_EQ(Stored(user), 50);
}

TEST_F(SyncTest, AProcessThatDiesInARunCostsNothing) {
  const User user = NewListener("scenario:slow:2500");
  EXPECT_TRUE(Await(kSoon, [&] { return Claimed(user) == "1"; }));
  stack().End("spotify_ingest", SIGKILL);
  stack().Restart("spotify_ingest");
  // The dead one's claim has to end first.
  EXPECT_TRUE(Await(kSoon, [&] { return Stored(user) == 50; }));
  EXPECT_TRUE(Await(kSoon, [&] { return Succeeded(user); }));
}

TEST_F(SyncTest, AProcessThatIsStoppedGivesItsClaimsBack) {
  std::vector<User> users;
  for (int i = 0; i < 12; ++i) users.push_back(NewListener());
  EXPECT_TRUE(Await(kSoon, [&] { return Succeeded(users.front()); }));
  EXPECT_EQ(stack().End("spotify_ingest", SIGTERM), 0);
  EXPECT_EQ(stack().database().Execute(
                "SELECT count(*) FROM spotify_ingest.schedules WHERE claimed_by IS NOT NULL"),
            "0");
  stack().Restart("spotify_ingest");
  for (const User& user : users) {
    EXPECT_TRUE(Await(kSoon, [&] { return Stored(user) == 50; })) << user.name;
  }
}

TEST_F(SyncTest, TwoReplicasShareTheWork) {
  EXPECT_EQ(stack().End("spotify_ingest", SIGTERM), 0);
  stack().Restart("spotify_ingest");
  stack().StartReplica("spotify_ingest");
  EXPECT_TRUE(stack().AwaitReady(kSoon));
  std::vector<User> users;
  for (int i = 0; i < 16; ++i) users.push_back(NewListener("scenario:drift"));
  EXPECT_TRUE(Await(kSoon, [&] {
    return Runs("spotify_ingest", "ok") >= 8 && Runs("spotify_ingest_2", "ok") >= 8;
  }));
  for (const User& user : users) {
    EXPECT_TRUE(Await(kSoon, [&] { return Succeeded(user); }));
    EXPECT_EQ(Switch(user, "spotify", false).status, 200);
    EXPECT_TRUE(Await(kSoon, [&] { return Claimed(user) == "0"; }));
    // Each run of this listener finds one more play. Had two run it at once, one would have come
    // too late to add what it found.
    EXPECT_EQ(Shown(user, "plays_added"), absl::StrCat(Stored(user)));
  }
  EXPECT_EQ(Runs("spotify_ingest", "lost") + Runs("spotify_ingest_2", "lost"), 0);
  EXPECT_EQ(stack().End("spotify_ingest_2", SIGTERM), 0);
  stack().Forget("spotify_ingest_2");
}

}  // namespace
}  // namespace playlog::harness
