// Promise R20: one refresh for each token that ends, whatever the number of processes and of
// requests, and a refresh token that was handed out is never lost without the user being told.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "playlog/spotify/v1/spotify_ingest_service.grpc.pb.h"
#include "tests/harness/end_to_end_test.h"
#include "tests/harness/spotify_browser.h"

namespace playlog::harness {
namespace {

using Stub = spotify::v1::SpotifyIngestService::Stub;

namespace json = boost::json;

constexpr int kRequestsOfEach = 50;
// The vault opens one key some hundred times a minute at most.
constexpr int kRoundsOfOneUser = 20;
constexpr absl::Duration kBackTime = absl::Seconds(30);

// The gate's number, or what PLAYLOG_RENEWAL_ROUNDS says.
int Rounds() {
  int rounds = 20;
  const char* variable = std::getenv("PLAYLOG_RENEWAL_ROUNDS");
  if (variable != nullptr && !absl::SimpleAtoi(variable, &rounds)) ADD_FAILURE() << variable;
  return rounds;
}

class SpotifyRenewalTest : public EndToEndTest {
 protected:
  // A connected account whose refresh tokens rotate, and how many of its access tokens have ended.
  struct Account {
    User user;
    std::string listener;
    int serial = 1;

    std::string access_token() const { return absl::StrCat("access.", listener, ".", serial); }
    std::string refresh_token() const {
      const std::string first = "refresh." + listener;
      return serial == 1 ? first : absl::StrCat(first, "~", serial);
    }
  };

  static Account NewAccount(const std::string& scenario) {
    Account account{api().NewUser(), ""};
    account.listener = absl::StrCat("scenario:", scenario, "__", account.user.name);
    SpotifyBrowser browser(stack());
    const HttpAnswer page = browser.Connect(account.user, account.listener);
    EXPECT_EQ(page.status, 200) << page.body;
    return account;
  }
  static void EndToken(const Account& account) {
    stack().standins().Script(account.access_token(),
                              json::parse(R"([{"status":401,"body":{"error":{"status":401,)"
                                          R"("message":"The access token expired"}}}])"),
                              "last");
  }
  static int Calls(const std::string& credential) {
    return static_cast<int>(stack().standins().Calls(credential).size());
  }
  static std::string KeyMember(const User& user, const std::string& member) {
    return Member(api().Get("/users/api-keys/", user.access).body, "results.0." + member);
  }

  static std::unique_ptr<Stub> StubOf(const std::string& name) {
    const std::string tls = stack().TlsDirectoryOf("operator");
    const std::string address = "unix:" + stack().SocketOf(name);
    EXPECT_TRUE(Await(
        kBackTime,
        [&] { return rpc::CheckHealth("spotify_ingest", address, tls, absl::Seconds(2)).ok(); },
        absl::Milliseconds(50)))
        << name << " does not get ready";
    return spotify::v1::SpotifyIngestService::NewStub(rpc::Connect("spotify_ingest", address, tls));
  }

  // Fetches at both processes at once and returns how many fetches failed.
  static int FetchTogether(const std::vector<std::unique_ptr<Stub>>& stubs, const User& user) {
    std::atomic<int> failures = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kRequestsOfEach; ++i) {
      for (const std::unique_ptr<Stub>& stub : stubs) {
        threads.emplace_back([&] {
          rpc::Call call;
          call.authorization = user.access;
          call.deadline = absl::Now() + absl::Seconds(30);
          const auto response =
              rpc::Invoke(*stub, &Stub::FetchRecentlyPlayed, call,
                          spotify::v1::FetchRecentlyPlayedRequest(), absl::Seconds(30));
          if (!response.ok() && ++failures == 1) ADD_FAILURE() << response.status();
        });
      }
    }
    for (std::thread& thread : threads) thread.join();
    return failures;
  }

  // Ends the token and kills the process between the accounts service's answer, which this one has
  // sent on its way and never gets through, and the save. Restarts it.
  static void KillBeforeTheSave(Account& account, const std::string& scenario) {
    EndToken(account);
    stack().standins().Script(
        account.refresh_token(),
        json::parse(absl::StrCat(R"([{"scenario":")", scenario, R"(","latency_ms":60000}])")));
    std::thread fetch([&] { api().FetchSpotify(account.user); });
    EXPECT_TRUE(Await(kBackTime, [&] { return Calls(account.refresh_token()) > 0; }));
    EXPECT_EQ(stack().End("spotify_ingest", SIGKILL), -SIGKILL);
    fetch.join();
    stack().Restart("spotify_ingest");
    // The gateway reaches it again, for which its readiness is no proof: that is a moment old.
    EXPECT_TRUE(Await(
        kBackTime,
        [&] { return api().Get("/users/spotify/connect/", account.user.access).status == 200; },
        absl::Milliseconds(50)));
  }
};

TEST_F(SpotifyRenewalTest, R20ManyRequestsAtTwoProcessesRefreshOnce) {
  stack().StartReplica("spotify_ingest");
  std::vector<std::unique_ptr<Stub>> stubs;
  stubs.push_back(StubOf("spotify_ingest"));
  stubs.push_back(StubOf("spotify_ingest_2"));
  Account account;
  for (int round = 0; round < Rounds(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round + 1));
    if (round % kRoundsOfOneUser == 0) account = NewAccount("token_rotates");
    EndToken(account);
    ASSERT_EQ(FetchTogether(stubs, account.user), 0);
    ASSERT_EQ(Calls(account.refresh_token()), 1);
    ++account.serial;
    // The one that was handed out is the one that is stored.
    ASSERT_EQ(Calls(account.refresh_token()), 0);
    ASSERT_GE(Calls(account.access_token()), 1);
  }
  EXPECT_EQ(stack().End("spotify_ingest_2", SIGTERM), 0);
  stack().Forget("spotify_ingest_2");
}

// Spotify's usual way with a server: the refresh token stays.
TEST_F(SpotifyRenewalTest, R20AProcessKilledBeforeTheSaveLeavesTheUserConnected) {
  Account account = NewAccount("token_slow:0");
  KillBeforeTheSave(account, "slow:0");
  const HttpAnswer fetched = api().FetchSpotify(account.user);
  EXPECT_EQ(fetched.status, 200) << fetched.body;
  EXPECT_EQ(KeyMember(account.user, "state"), "ok");
}

// Where refresh tokens rotate, the new one is lost with the process and the old one is spent.
TEST_F(SpotifyRenewalTest, R20ARefreshTokenThatDiedWithTheProcessIsShown) {
  Account account = NewAccount("token_rotates");
  KillBeforeTheSave(account, "rotates");
  ExpectError(api().FetchSpotify(account.user), 400, "SPOTIFY_REJECTED");
  EXPECT_EQ(KeyMember(account.user, "state"), "rejected");
  EXPECT_NE(KeyMember(account.user, "advice"), "");
  // Signing in anew is all that it takes.
  SpotifyBrowser browser(stack());
  EXPECT_EQ(browser.Connect(account.user, "scenario:plays:2__again" + account.user.name).status,
            200);
  EXPECT_EQ(api().FetchSpotify(account.user).status, 200);
  EXPECT_EQ(KeyMember(account.user, "state"), "ok");
}

}  // namespace
}  // namespace playlog::harness
