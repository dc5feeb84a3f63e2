// Stored songs that a client has already: told to be so while they are, over the real processes.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTarget[] = "/music/get-stored-songs/";

// A page of Spotify's with one play of this title.
std::string PageWith(const std::string& title, int minute) {
  return absl::StrCat(R"([{"body": {"items": [{"track": {"name": ")", title,
                      R"(", "artists": [{"name": "Artist"}], "album": {"name": "Album"},
    "duration_ms": 210000}, "played_at": "2024-01-15T14:)",
                      minute, R"(:00.000Z"}], "next": null, "cursors": null, "limit": 50}}])");
}

class RevisionTest : public EndToEndTest {
 protected:
  // Lets the user fetch a song of this title.
  static void Fetch(const User& user, const std::string& title, int minute) {
    stack().standins().Script(TokenOf(user), boost::json::parse(PageWith(title, minute)), "last");
    const HttpAnswer fetched = api().FetchSpotify(user);
    ASSERT_EQ(fetched.status, 200) << fetched.body;
    ASSERT_THAT(fetched.body, HasSubstr(title));
  }

  static std::string TokenOf(const User& user) { return absl::StrCat("BQ-revision-", user.id); }

  static User Listener() {
    User user = api().NewUser();
    const HttpAnswer stored =
        StoreUntried(TokenOf(user), [&] { return api().StoreSpotifyToken(user, TokenOf(user)); });
    EXPECT_LT(stored.status, 300) << stored.body;
    return user;
  }

  static HttpAnswer GetUnless(const User& user, const std::string& tags,
                              const std::string& query = "") {
    return Exchange(stack().http_port(),
                    RequestText("GET", kTarget + query, user.access, {},
                                absl::StrCat("If-None-Match: ", tags, "\r\n")));
  }
};

TEST_F(RevisionTest, AnAnswerHoldsUntilTheSongsChange) {
  const User user = Listener();
  const HttpAnswer empty = api().StoredSongs(user);
  EXPECT_EQ(empty.body, R"({"results":[]})");
  EXPECT_EQ(GetUnless(user, empty.Header("etag")).status, 304);

  Fetch(user, "First", 10);
  const HttpAnswer first = GetUnless(user, empty.Header("etag"));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(CountElements(first.body, "results"), 1);
  EXPECT_THAT(first.Header("etag"), StartsWith("\""));
  EXPECT_NE(first.Header("etag"), empty.Header("etag"));
  ExpectCommonHeaders(first);
  EXPECT_EQ(first.Header("vary"), "Authorization");
  EXPECT_EQ(api().StoredSongs(user).body, first.body);

  Fetch(user, "First", 10);  // The same again changes nothing.
  const HttpAnswer unchanged = GetUnless(user, first.Header("etag"));
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.body, "");
  EXPECT_EQ(unchanged.Header("etag"), first.Header("etag"));
  ExpectCommonHeaders(unchanged);
  EXPECT_EQ(GetUnless(user, "*").status, 304);

  Fetch(user, "Second", 20);
  const HttpAnswer second = GetUnless(user, first.Header("etag"));
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(CountElements(second.body, "results"), 2);
  EXPECT_NE(second.Header("etag"), first.Header("etag"));
}

TEST_F(RevisionTest, AChangeIsSeenAtOnceThroughEveryKeptAnswer) {
  const User user = Listener();
  for (int song = 1; song <= 10; ++song) {
    const std::string title = absl::StrCat("Song ", song);
    Fetch(user, title, 10 + song);
    for (const char* query : {"", "?limit=1", "?source=spotify"}) {
      for (int again = 0; again < 2; ++again) {
        const HttpAnswer answer = api().StoredSongs(user, query);
        EXPECT_EQ(Member(answer.body, "results.0.title"), title) << query;
      }
    }
  }
}

TEST_F(RevisionTest, NobodyGetsWhatWasKeptForAnother) {
  const User user = Listener();
  const User other = Listener();
  Fetch(user, "Mine", 10);
  const std::string tag = api().StoredSongs(user).Header("etag");
  const HttpAnswer answer = GetUnless(other, tag);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"results":[]})");
  User nobody;
  nobody.access = "x.y.z";
  ExpectError(GetUnless(nobody, tag), 401, "INVALID_TOKEN");
  ExpectError(
      Exchange(stack().http_port(),
               RequestText("GET", kTarget, "", {}, absl::StrCat("If-None-Match: ", tag, "\r\n"))),
      401, "AUTHENTICATION_REQUIRED");
  ExpectError(GetUnless(user, "*", "?limit=0"), 400, "INVALID_PARAMETER");
}

TEST_F(RevisionTest, ADeletedUserGetsNothingThatWasKept) {
  const User user = Listener();
  Fetch(user, "Mine", 10);
  const std::string tag = api().StoredSongs(user).Header("etag");
  EXPECT_EQ(GetUnless(user, tag).status, 304);
  EXPECT_EQ(api().Delete("/users/me/", user.access).status, 204);
  // Within seconds every process knows that the sign-in has ended.
  EXPECT_TRUE(Await(absl::Seconds(20), [&] { return GetUnless(user, tag).status == 401; }));
  for (const std::string& tags : {tag, std::string("*"), std::string("\"x\"")}) {
    EXPECT_EQ(GetUnless(user, tags).status, 401);
  }
  EXPECT_EQ(api().StoredSongs(user).status, 401);
}

}  // namespace
}  // namespace playlog::harness
