// The shapes that the real services have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <set>
#include <string>

#include "common/base/time_format.h"
#include "tests/standins/standins_fixture.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

TEST_F(StandinsTest, SpotifyPageIsTheNewestFiftyWithStringCursors) {
  const json::value page = json::parse(BodyOf(Spotify("alice")));
  const json::array& items = page.at("items").as_array();
  ASSERT_EQ(items.size(), 50u);
  std::string before = "9";
  for (const json::value& item : items) {
    const std::string played_at(item.at("played_at").as_string());
    EXPECT_TRUE(ParseRfc3339(played_at).has_value()) << played_at;
    EXPECT_LT(played_at.substr(0, 19), before);
    before = played_at.substr(0, 19) + "~";
  }
  const auto newest = ParseRfc3339(std::string(items[0].at("played_at").as_string()));
  EXPECT_EQ(std::string(page.at("cursors").at("after").as_string()),
            std::to_string(absl::ToUnixMillis(*newest)));
  EXPECT_THAT(std::string(page.at("next").as_string()), HasSubstr("/recently-played?before="));
  EXPECT_EQ(page.at("limit").as_int64(), 50);
}

TEST_F(StandinsTest, SpotifyTracksHaveTheFieldsOfExtendedQuota) {
  bool has_several_artists = false;
  bool has_whole_second = false;
  bool has_null_context = false;
  for (const json::value& item : Items(Spotify("alice"))) {
    const json::value& track = item.at("track");
    for (const char* member :
         {"album", "artists", "available_markets", "disc_number", "duration_ms", "explicit",
          "external_ids", "external_urls", "href", "id", "is_local", "name", "popularity",
          "preview_url", "track_number", "type", "uri"}) {
      EXPECT_NE(track.as_object().if_contains(member), nullptr) << member;
    }
    EXPECT_EQ(std::string(track.at("id").as_string()).size(), 22u);
    has_several_artists |= track.at("artists").as_array().size() > 1;
    has_whole_second |= item.at("played_at").as_string().find('.') == json::string::npos;
    has_null_context |= item.at("context").is_null();
  }
  EXPECT_TRUE(has_several_artists);
  EXPECT_TRUE(has_whole_second);
  EXPECT_TRUE(has_null_context);
}

TEST_F(StandinsTest, SpotifyCursorsAreExclusiveAndTheWindowEnds) {
  const json::value page = json::parse(BodyOf(Spotify("alice", "?limit=10")));
  const std::string after(page.at("cursors").at("after").as_string());
  const std::string before(page.at("cursors").at("before").as_string());
  EXPECT_EQ(Items(Spotify("alice", "?limit=50&after=" + before)).size(), 9u);
  EXPECT_EQ(Items(Spotify("alice", "?limit=50&before=" + before)).size(), 40u);
  const json::value newer = json::parse(BodyOf(Spotify("alice", "?after=" + after)));
  EXPECT_EQ(newer.at("items").as_array().size(), 0u);
  EXPECT_TRUE(newer.at("next").is_null());
  EXPECT_TRUE(newer.at("cursors").is_null());
  EXPECT_EQ(Spotify("alice", "?limit=51").status, 400);
  EXPECT_EQ(Spotify("alice", "?after=1&before=2").status, 400);
}

TEST_F(StandinsTest, SpotifyWantsABearerToken) {
  EXPECT_EQ(Send("GET /v1/me/player/recently-played HTTP/1.1\r\nHost: h").status, 401);
  EXPECT_EQ(Send("GET /v1/me/player/recently-played HTTP/1.1\r\nAuthorization: Basic x").status,
            400);
}

TEST_F(StandinsTest, LastfmPageHasStringsForNumbers) {
  const json::value page = json::parse(BodyOf(Lastfm("alice")));
  const json::value& attributes = page.at("recenttracks").at("@attr");
  EXPECT_EQ(attributes.at("total").as_string(), "1000");
  EXPECT_EQ(attributes.at("totalPages").as_string(), "5");
  EXPECT_EQ(attributes.at("perPage").as_string(), "200");
  EXPECT_EQ(attributes.at("user").as_string(), "alice");
  const json::array& tracks = page.at("recenttracks").at("track").as_array();
  ASSERT_EQ(tracks.size(), 200u);
  std::int64_t newest_s = 1LL << 40;
  for (const json::value& track : tracks) {
    EXPECT_TRUE(track.at("loved").as_string() == "0" || track.at("loved").as_string() == "1");
    EXPECT_EQ(track.at("streamable").as_string(), "0");
    EXPECT_EQ(track.at("image").as_array().size(), 4u);
    EXPECT_TRUE(track.at("artist").at("name").is_string());
    const std::int64_t started_s = std::stoll(std::string(track.at("date").at("uts").as_string()));
    EXPECT_LT(started_s, newest_s);
    newest_s = started_s;
  }
}

TEST_F(StandinsTest, LastfmPlainFormNamesArtistsByText) {
  const json::array tracks = Tracks(Lastfm("alice", "&limit=3"));
  EXPECT_TRUE(tracks.at(0).at("artist").at("#text").is_string());
  EXPECT_EQ(tracks.at(0).as_object().if_contains("loved"), nullptr);
}

TEST_F(StandinsTest, LastfmNowPlayingComesFirstAndIsAdded) {
  // Whatever range is asked for: here it is alone, and so an object.
  const json::value old = json::parse(BodyOf(Lastfm("demo", "&limit=1&to=1600000000")));
  EXPECT_TRUE(old.at("recenttracks").at("track").is_object());
  const json::array page = Tracks(Lastfm("demo", "&limit=10"));
  ASSERT_EQ(page.size(), 11u);
  EXPECT_EQ(page[0].at("@attr").at("nowplaying").as_string(), "true");
  EXPECT_EQ(page[0].as_object().if_contains("date"), nullptr);
}

TEST_F(StandinsTest, LastfmSingleTrackIsAnObjectAndNoneAnEmptyList) {
  const json::value single = json::parse(BodyOf(Lastfm("scenario-single")));
  EXPECT_TRUE(single.at("recenttracks").at("track").is_object());
  const json::value none = json::parse(BodyOf(Lastfm("scenario-empty")));
  EXPECT_EQ(none.at("recenttracks").at("track").as_array().size(), 0u);
  EXPECT_EQ(none.at("recenttracks").at("@attr").at("totalPages").as_string(), "0");
}

TEST_F(StandinsTest, LastfmRangeAndPagesCoverEveryPlayOnce) {
  std::set<std::string> seen;
  for (int page = 1; page <= 5; ++page) {
    for (const json::value& track :
         Tracks(Lastfm("alice", "&limit=200&page=" + std::to_string(page)))) {
      seen.insert(std::string(track.at("date").at("uts").as_string()));
    }
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(Tracks(Lastfm("alice", "&limit=1000&from=" + *seen.begin())).size(), 1000u);
  EXPECT_EQ(Tracks(Lastfm("alice", "&limit=1000&to=1000000000")).size(), 0u);
}

TEST_F(StandinsTest, LastfmRefusesWhatTheRealOneRefuses) {
  EXPECT_EQ(Lastfm("alice", "&limit=1001").status, 400);
  EXPECT_THAT(BodyOf(Lastfm("alice", "&limit=1001")), HasSubstr("\"error\":6"));
  EXPECT_EQ(Lastfm("alice", "&page=0").status, 400);
  EXPECT_EQ(Lastfm("scenario-unknown_user").status, 404);
  EXPECT_EQ(Lastfm("scenario-private").status, 403);
  EXPECT_THAT(BodyOf(Lastfm("scenario-private")), HasSubstr("\"error\":17"));
  EXPECT_EQ(Lastfm("scenario-invalid_key").status, 403);
  EXPECT_THAT(BodyOf(Lastfm("scenario-error-29-200")), HasSubstr("\"error\":29"));
  EXPECT_EQ(Lastfm("scenario-error-29-200").status, 200);
}

TEST_F(StandinsTest, TheSameTextIsTheSamePersonAtBothServices) {
  const json::array items = Items(Spotify("alice"));
  const json::array tracks = Tracks(Lastfm("alice", "&limit=50"));
  for (std::size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].at("track").at("name"), tracks[i].at("name"));
    const auto ended = ParseRfc3339(std::string(items[i].at("played_at").as_string()));
    EXPECT_GT(absl::ToUnixSeconds(*ended),
              std::stoll(std::string(tracks[i].at("date").at("uts").as_string())));
  }
}

TEST_F(StandinsTest, AnotherWorldOfTheSameSeedIsTheSame) {
  World other(Options());
  const auto ask = [](World& world) {
    return BodyOf(world.Handle(*ParseHead(
        "GET /v1/me/player/recently-played HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer bob")));
  };
  EXPECT_EQ(ask(world_), ask(other));
}

TEST_F(StandinsTest, CodesAndRefreshTokensBecomeAccessTokens) {
  const json::value first = json::parse(BodyOf(Token("grant_type=authorization_code&code=alice")));
  EXPECT_EQ(first.at("access_token").as_string(), "access.alice.1");
  EXPECT_EQ(first.at("refresh_token").as_string(), "refresh.alice");
  const json::value second =
      json::parse(BodyOf(Token("grant_type=refresh_token&refresh_token=refresh.alice")));
  EXPECT_EQ(second.at("access_token").as_string(), "access.alice.2");
  EXPECT_EQ(second.as_object().if_contains("refresh_token"), nullptr);
  EXPECT_EQ(Items(Spotify("access.alice.2")), Items(Spotify("alice")));
  EXPECT_EQ(Token("grant_type=refresh_token&refresh_token=nonsense").status, 400);
}

TEST_F(StandinsTest, RotatedRefreshTokensAreDead) {
  const std::string refresh =
      "grant_type=refresh_token&refresh_token=refresh.scenario:token_rotates";
  const json::value rotated = json::parse(BodyOf(Token(refresh)));
  EXPECT_EQ(rotated.at("refresh_token").as_string(), "refresh.scenario:token_rotates~2");
  EXPECT_THAT(BodyOf(Token(refresh)), HasSubstr("invalid_grant"));
  EXPECT_EQ(Token(refresh + "~2").status, 200);
  EXPECT_EQ(Spotify("access.scenario:token_rotates.2").status, 200);
}

TEST_F(StandinsTest, ExpiredTokensWorkAgainOnceRefreshed) {
  EXPECT_EQ(Spotify("access.scenario:expired_until_refreshed.1").status, 401);
  EXPECT_EQ(Spotify("access.scenario:expired_until_refreshed.2").status, 200);
}

TEST_F(StandinsTest, AuthorizeRedirectsWithStateAndItsCodeWorksOnce) {
  const Answer answer = Send(
      "GET /spotify-accounts/authorize?response_type=code&client_id=app&state=s%2F1&redirect_uri="
      "http%3A%2F%2F127.0.0.1%3A8000%2Fback&code_challenge_method=S256&code_challenge="
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM HTTP/1.1\r\nHost: h");
  EXPECT_EQ(answer.status, 302);
  EXPECT_THAT(answer.steps.front().bytes,
              HasSubstr("Location: http://127.0.0.1:8000/back?code=code-1&state=s%2F1\r\n"));
  // The verifier and challenge are those of RFC 7636, appendix B.
  const std::string exchange =
      "grant_type=authorization_code&code=code-1&redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fback"
      "&code_verifier=";
  EXPECT_EQ(Token(exchange + "wrong").status, 400);
  EXPECT_EQ(Token(exchange + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").status, 200);
  EXPECT_EQ(Token(exchange + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").status, 400);
}

}  // namespace
}  // namespace playlog::standins
