// What users see of their keys beyond the document: how each fares, and who did what with it.

#include <gmock/gmock.h>
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

// The longest that storing a key may take, of which its try takes 2 s at most.
constexpr absl::Duration kStoredWithin = absl::Milliseconds(2'500);
constexpr char kTime[] = "\"[0-9T:.-]+Z\"";

class ContractKeysTest : public EndToEndTest {
 protected:
  static std::string List(const User& user) {
    return api().Get("/users/api-keys/", user.access).body;
  }
  // The actions and who did them, newest first, as `key_opened by spotify_ingest`.
  static std::vector<std::string> Audit(const User& user, const std::string& query = "") {
    const std::string body = api().Get("/users/audit/" + query, user.access).body;
    std::vector<std::string> events;
    for (int i = 0;; ++i) {
      const std::string action = Member(body, absl::StrCat("results.", i, ".action"));
      if (action.empty()) return events;
      events.push_back(
          absl::StrCat(action, " by ", Member(body, absl::StrCat("results.", i, ".by"))));
    }
  }
};

TEST_F(ContractKeysTest, AKeyThatWorksIsOkFromTheStart) {
  const User user = api().NewUser();
  const HttpAnswer stored = api().StoreSpotifyToken(user, "works-for-" + user.name);
  EXPECT_EQ(stored.status, 201);
  EXPECT_EQ(Member(stored.body, "state"), "ok");
  EXPECT_EQ(Member(stored.body, "advice"), "");
  EXPECT_THAT(
      List(user),
      MatchesRegex(absl::StrCat(
          R"(\{"results":\[\{"service_name":"spotify","service_user_id":null,"created_at":)", kTime,
          R"(,"updated_at":)", kTime, R"(,"state":"ok","state_since":)", kTime,
          R"(,"ends_at":null,"last_success_at":)", kTime, R"(,"advice":""\}\]\})")));
  // The try stored no play.
  EXPECT_EQ(api().StoredSongs(user).body, R"({"results":[]})");
}

TEST_F(ContractKeysTest, AKeyThatItsServiceRefusesIsStoredAndSaysSo) {
  const User user = api().NewUser();
  const HttpAnswer stored = api().StoreSpotifyToken(user, "scenario:invalid_token__" + user.name);
  EXPECT_EQ(stored.status, 201);
  EXPECT_EQ(Member(stored.body, "state"), "rejected");
  EXPECT_THAT(Member(stored.body, "advice"), HasSubstr("/users/spotify/connect/"));
  EXPECT_EQ(Member(List(user), "results.0.state"), "rejected");
  EXPECT_EQ(api().FetchSpotify(user).status, 400);
  EXPECT_EQ(Member(List(user), "results.0.state"), "rejected");
}

TEST_F(ContractKeysTest, AnUpstreamThatHangsHoldsUpNobody) {
  const User user = api().NewUser();
  const HttpAnswer stored = api().StoreSpotifyToken(user, "scenario:hang__" + user.name);
  EXPECT_EQ(stored.status, 201);
  EXPECT_LE(stored.duration, kStoredWithin);
  EXPECT_EQ(Member(stored.body, "state"), "unverified");
  EXPECT_THAT(Member(stored.body, "advice"), Not(IsEmpty()));
}

TEST_F(ContractKeysTest, AKeyIsStoredThoughNobodyCanTryIt) {
  const User user = api().NewUser();
  EXPECT_EQ(stack().End("lastfm_ingest", SIGTERM), 0);
  const HttpAnswer stored = api().StoreLastfmKey(user, "key", user.name);
  stack().Restart("lastfm_ingest");
  EXPECT_EQ(stored.status, 201);
  EXPECT_LE(stored.duration, kStoredWithin);
  EXPECT_EQ(Member(stored.body, "state"), "unverified");
  ASSERT_TRUE(stack().AwaitReady(absl::Seconds(30)));
  // The next fetch tells.
  EXPECT_EQ(api().FetchLastfm(user).status, 200);
  EXPECT_TRUE(
      Await(absl::Seconds(5), [&] { return Member(List(user), "results.0.state") == "ok"; }));
}

TEST_F(ContractKeysTest, TheOwnerSeesWhoDidWhat) {
  const User user = api().NewUser();
  ASSERT_EQ(api().StoreSpotifyToken(user, "audited-" + user.name).status, 201);
  ASSERT_EQ(api().FetchSpotify(user).status, 200);
  ASSERT_EQ(api().Delete("/users/api-keys/spotify/", user.access).status, 204);
  EXPECT_THAT(Audit(user), ::testing::IsSupersetOf({"key_deleted by user", "key_stored by user",
                                                    "key_opened by spotify_ingest"}));
  EXPECT_EQ(Audit(user).front(), "key_deleted by user");
  const HttpAnswer page = api().Get("/users/audit/?limit=1", user.access);
  EXPECT_THAT(page.body, MatchesRegex(absl::StrCat(
                             R"(\{"results":\[\{"id":[0-9]+,"at":)", kTime,
                             R"(,"action":"key_deleted","service_name":"spotify","by":"user",)",
                             R"("request_id":"[A-Za-z0-9-]+"\}\],"next":[0-9]+\})")));
  const std::string rest = absl::StrCat("?before=", Member(page.body, "next"));
  EXPECT_EQ(Audit(user, rest).size(), Audit(user).size() - 1);
  // Nobody else sees it.
  EXPECT_THAT(Audit(api().NewUser()), Not(::testing::Contains("key_deleted by user")));
}

TEST_F(ContractKeysTest, TheAuditRefusesLimitsThatCannotBe) {
  const User user = api().NewUser();
  for (const char* const query : {"?limit=0", "?limit=201", "?limit=x", "?before=0"}) {
    ExpectError(api().Get(absl::StrCat("/users/audit/", query), user.access), 400,
                "INVALID_PARAMETER");
  }
  ExpectError(api().Get("/users/audit/"), 401, "AUTHENTICATION_REQUIRED");
}

}  // namespace
}  // namespace playlog::harness
