// The shapes that the real services have, asked of the stand-ins without a socket.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time_format.h"
#include "tests/standins/call_log.h"
#include "tests/standins/scenario.h"
#include "tests/standins/world.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::StartsWith;

constexpr std::int64_t kEndMs = 1'768'478'400'000;  // 2026-01-15T12:00:00Z

WorldOptions Options() {
  WorldOptions options;
  options.library.history_end_ms = kEndMs;
  return options;
}

// The body of an answer that is sent in one piece.
std::string BodyOf(const Answer& answer) {
  const std::string& bytes = answer.steps.back().bytes;
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string::npos ? "" : bytes.substr(end + 4);
}

class StandinsTest : public ::testing::Test {
 protected:
  Answer Spotify(const std::string& token, const std::string& query = "?limit=50") {
    return Send("GET /spotify/v1/me/player/recently-played" + query +
                " HTTP/1.1\r\nHost: localhost:1\r\nAuthorization: Bearer " + token);
  }
  Answer Lastfm(const std::string& user, const std::string& more = "&extended=1&limit=200") {
    return Send("GET /lastfm/2.0/?method=user.getrecenttracks&format=json&api_key=k&user=" + user +
                more + " HTTP/1.1\r\nHost: localhost:1");
  }
  Answer Token(const std::string& form) {
    HttpRequest request =
        *ParseHead("POST /spotify-accounts/api/token HTTP/1.1\r\nHost: localhost:1");
    request.body = form + "&client_id=app";
    return world_.Handle(request);
  }
  json::value Control(const std::string& path, const std::string& body) {
    HttpRequest request = *ParseHead("POST /control/" + path + " HTTP/1.1\r\nHost: localhost:1");
    request.body = body;
    const Answer answer = world_.Handle(request);
    EXPECT_EQ(answer.status, 200) << BodyOf(answer);
    return json::parse(BodyOf(answer));
  }
  Answer Send(const std::string& head) { return world_.Handle(*ParseHead(head)); }

  static json::array Items(const Answer& answer) {
    return json::parse(BodyOf(answer)).at("items").as_array();
  }
  static json::array Tracks(const Answer& answer) {
    return json::parse(BodyOf(answer)).at("recenttracks").at("track").as_array();
  }

  World world_{Options()};
};

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

// The pictures' addresses in an answer, without those that are empty.
std::vector<std::string> Pictures(const std::string& body, const std::string& member) {
  std::vector<std::string> pictures;
  for (std::size_t at = body.find(member); at != std::string::npos;
       at = body.find(member, at + 1)) {
    const std::size_t begin = at + member.size();
    pictures.push_back(body.substr(begin, body.find('"', begin) - begin));
    if (pictures.back().find("/image/") == std::string::npos &&
        pictures.back().find("/i/u/") == std::string::npos) {
      pictures.pop_back();
    }
  }
  return pictures;
}

TEST_F(StandinsTest, AlbumArtLiesAtTheRealServersUnlessItIsDrawnHere) {
  for (const std::string& picture : Pictures(BodyOf(Spotify("alice")), "\"url\":\"")) {
    EXPECT_THAT(picture, StartsWith("https://i.scdn.co/image/"));
  }
  for (const std::string& picture : Pictures(BodyOf(Lastfm("alice")), "\"#text\":\"")) {
    EXPECT_THAT(picture, StartsWith("https://lastfm.freetls.fastly.net/i/u/"));
  }
  EXPECT_EQ(Send("GET /art/image/of-nothing HTTP/1.1\r\nHost: localhost:1").status, 404);
}

TEST(StandinsArtTest, TheSameAlbumLooksTheSameInEverySizeAtBothServices) {
  WorldOptions options = Options();
  options.draw_art = true;
  World world(options);
  const auto ask = [&world](const std::string& head) {
    return world.Handle(*ParseHead(head + " HTTP/1.1\r\nHost: localhost:1"));
  };
  const std::string spotify = BodyOf(
      world.Handle(*ParseHead("GET /spotify/v1/me/player/recently-played?limit=50 HTTP/1.1\r\n"
                              "Host: localhost:1\r\nAuthorization: Bearer alice")));
  const std::string lastfm = BodyOf(ask(
      "GET /lastfm/2.0/?method=user.getrecenttracks&format=json&api_key=k&user=alice&limit=50"));
  std::set<std::string> drawings[2];
  std::set<std::string> widths;
  for (const bool is_spotify : {false, true}) {
    const std::vector<std::string> pictures =
        Pictures(is_spotify ? spotify : lastfm, is_spotify ? "\"url\":\"" : "\"#text\":\"");
    EXPECT_FALSE(pictures.empty());
    for (const std::string& picture : pictures) {
      const std::string address = "http://localhost:1";
      ASSERT_THAT(picture, StartsWith(address + "/art/"));
      const Answer answer = ask("GET " + picture.substr(address.size()));
      const std::string svg = BodyOf(answer);
      ASSERT_EQ(answer.status, 200) << picture;
      drawings[is_spotify ? 1 : 0].insert(svg.substr(svg.find("viewBox")));
      widths.insert(svg.substr(svg.find("width"), 11));
    }
  }
  EXPECT_EQ(drawings[0], drawings[1]);
  EXPECT_GT(drawings[0].size(), 10u);
  EXPECT_THAT(widths, IsSupersetOf({"width=\"34\" ", "width=\"64\" ", "width=\"174\"",
                                    "width=\"300\"", "width=\"640\""}));
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

TEST_F(StandinsTest, EveryListedScenarioAnswers) {
  const Answer listed = Send("GET /control/scenarios HTTP/1.1\r\nHost: h");
  const json::value names = json::parse(BodyOf(listed));
  const auto check = [](const Answer& answer, const json::string& name) {
    for (const Step& step : answer.steps) {
      EXPECT_EQ(step.bytes.find("unknown scenario"), std::string::npos) << name;
      // Serving a file needs a samples directory, which this world has not.
      if (name != "file") {
        EXPECT_EQ(step.bytes.find("the stand-in cannot"), std::string::npos) << name;
      }
    }
  };
  for (const char* group : {"any", "spotify"}) {
    for (const json::value& name : names.at(group).as_array()) {
      check(Spotify("scenario:" + std::string(name.as_string())), name.as_string());
    }
  }
  for (const char* group : {"any", "lastfm"}) {
    for (const json::value& name : names.at(group).as_array()) {
      check(Lastfm("scenario-" + std::string(name.as_string())), name.as_string());
    }
  }
  EXPECT_THAT(BodyOf(Spotify("scenario:nonsense")), HasSubstr("unknown scenario nonsense"));
}

TEST_F(StandinsTest, EveryScenarioIsInTheReadme) {
  std::ifstream file(PLAYLOG_STANDINS_README);
  const std::string readme{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const json::value names = json::parse(BodyOf(Send("GET /control/scenarios HTTP/1.1\r\nHost: h")));
  for (const auto& group : names.as_object()) {
    for (const json::value& name : group.value().as_array()) {
      const std::string text(name.as_string());
      const std::string mark = group.key() == "accounts" ? "…" : "";
      EXPECT_THAT(readme, ::testing::AnyOf(HasSubstr("`" + mark + text + "`"),
                                           HasSubstr("`" + mark + text + ":"),
                                           HasSubstr("`" + mark + text + "[")));
    }
  }
}

TEST_F(StandinsTest, AnOddItemLiesBetweenGoodOnes) {
  const json::array items = Items(Spotify("scenario:played_at:feb30"));
  ASSERT_EQ(items.size(), 3u);
  EXPECT_TRUE(ParseRfc3339(std::string(items[0].at("played_at").as_string())).has_value());
  EXPECT_EQ(items[1].at("played_at").as_string(), "2024-02-30T10:00:00.000Z");
  EXPECT_EQ(Items(Spotify("scenario:played_at")).size(), 22u);
  EXPECT_EQ(Items(Spotify("scenario:title_10k")).at(1).at("track").at("name").as_string().size(),
            10'000u);
  EXPECT_TRUE(Tracks(Lastfm("scenario-uts-number")).at(1).at("date").at("uts").is_int64());
  EXPECT_EQ(Tracks(Lastfm("scenario-mbid-long")).at(1).at("album").at("mbid").as_string().size(),
            37u);
}

TEST_F(StandinsTest, RepeatedFailuresEndAsCounted) {
  EXPECT_EQ(Spotify("scenario:fail:2:503").status, 503);
  EXPECT_EQ(Spotify("scenario:fail:2:503").status, 503);
  EXPECT_EQ(Spotify("scenario:fail:2:503").status, 200);
  EXPECT_EQ(Spotify("scenario:fail:2:503__other").status, 503);
  EXPECT_EQ(Lastfm("scenario-rate_limit_once-3").status, 429);
  EXPECT_EQ(Lastfm("scenario-rate_limit_once-3").status, 200);
}

TEST_F(StandinsTest, RateLimitsSayWhatTheyAreToldTo) {
  const auto head = [this](const std::string& kind) {
    return Spotify("scenario:rate_limit:" + kind).steps.front().bytes;
  };
  EXPECT_THAT(head("17"), HasSubstr("Retry-After: 17\r\n"));
  EXPECT_THAT(head("negative"), HasSubstr("Retry-After: -1\r\n"));
  EXPECT_THAT(head("date"), HasSubstr(" GMT\r\n"));
  EXPECT_THAT(head("twice"), HasSubstr("Retry-After: 3\r\nRetry-After: 60\r\n"));
  EXPECT_THAT(head("missing"), ::testing::Not(HasSubstr("Retry-After")));
}

TEST_F(StandinsTest, LatePlaysAppearAtTheSecondCall) {
  const auto total = [this] {
    const json::value page = json::parse(BodyOf(Lastfm("scenario-late", "&limit=1")));
    return std::stoi(std::string(page.at("recenttracks").at("@attr").at("total").as_string()));
  };
  EXPECT_LT(total(), 1000);
  EXPECT_EQ(total(), 1000);
}

TEST_F(StandinsTest, ADriftingListenerHasAPageOfNewPlaysAtEachCall) {
  std::set<std::string> ends;
  for (int call = 0; call < 2; ++call) {
    for (const json::value& item : Items(Spotify("scenario:drift:50", "?limit=50"))) {
      ends.emplace(item.at("played_at").as_string());
    }
  }
  EXPECT_THAT(ends, ::testing::SizeIs(100));
}

TEST_F(StandinsTest, ScatteredPlaysComeInAnywhereNowAndThen) {
  const auto total = [this] {
    const json::value page = json::parse(BodyOf(Lastfm("scenario-scattered-3", "&limit=1")));
    return std::stoi(std::string(page.at("recenttracks").at("@attr").at("total").as_string()));
  };
  std::vector<int> totals;
  for (int i = 0; i < 6; ++i) totals.push_back(total());
  EXPECT_THAT(totals, ::testing::ElementsAre(1000, 1000, 1001, 1001, 1001, 1002));
}

TEST_F(StandinsTest, DeepPagesComeSmallAlone) {
  EXPECT_EQ(Lastfm("scenario-deep_pages_fail-2-50", "&page=2&limit=200").status, 200);
  EXPECT_EQ(Lastfm("scenario-deep_pages_fail-2-50", "&page=3&limit=51").status, 500);
  EXPECT_EQ(Lastfm("scenario-deep_pages_fail-2-50", "&page=3&limit=50").status, 200);
  EXPECT_EQ(Lastfm("scenario-deep_pages_fail-2", "&page=3&limit=201").status, 500);
  EXPECT_EQ(Lastfm("scenario-deep_pages_fail-2", "&page=3&limit=200").status, 200);
}

TEST_F(StandinsTest, AScriptIsFollowedAndThenForgotten) {
  Control("script", R"({"credential":"alice","answers":[
      {"status":503,"repeat":2,"headers":{"Retry-After":"1"}},
      {"body":"{\"items\":7}","headers":[["X-Twice","1"],["X-Twice","2"]]},
      {"set":{"/items/0/track/name":null},"remove":["/items/1/track"]},
      {"scenario":"expired"}]})");
  EXPECT_EQ(Spotify("alice").status, 503);
  EXPECT_THAT(Spotify("alice").steps.front().bytes, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(BodyOf(Spotify("alice")), "{\"items\":7}");
  const json::array items = Items(Spotify("alice"));
  EXPECT_TRUE(items.at(0).at("track").at("name").is_null());
  EXPECT_EQ(items.at(1).as_object().if_contains("track"), nullptr);
  EXPECT_EQ(Spotify("alice").status, 401);
  EXPECT_EQ(Spotify("alice").status, 200);
}

TEST_F(StandinsTest, CallsAreRecordedWithTheirLines) {
  Lastfm("alice", "&user=alice");
  Spotify("alice");
  const json::value calls =
      json::parse(BodyOf(Send("GET /control/calls?credential=alice HTTP/1.1\r\nHost: h")));
  EXPECT_EQ(calls.at("count").to_number<int>(), 2);
  EXPECT_THAT(std::string(calls.at("calls").at(0).at("request_line").as_string()),
              HasSubstr("user=alice&user=alice"));
  Control("reset", "{}");
  EXPECT_THAT(BodyOf(Send("GET /control/calls HTTP/1.1\r\nHost: h")), HasSubstr("\"count\":0"));
}

TEST_F(StandinsTest, CallsAreCountedByCredentialAndWindow) {
  for (const char* user : {"alice", "alice", "ben"}) Lastfm(user);
  Spotify("alice");
  EXPECT_EQ(BodyOf(Send("GET /control/counts?service=lastfm HTTP/1.1\r\nHost: h")),
            R"({"counts":{"alice":2,"ben":1}})");
  // The key is the same in all three calls.
  const std::string busiest =
      "GET /control/busiest?service=lastfm&window_ms=3600000 HTTP/1.1\r\nHost: h";
  EXPECT_EQ(BodyOf(Send(busiest)), R"({"credential":"k","calls":3,"whole":true})");
  Control("reset", R"({"credential":"k"})");
  EXPECT_EQ(BodyOf(Send(busiest)), R"({"credential":"alice","calls":2,"whole":true})");
}

TEST(CallLog, AWindowDoesNotHoldBothOfItsEnds) {
  CallLog log;
  for (const std::int64_t time_ms : {0, 400, 1000, 1399, 1400}) {
    RecordedCall call;
    call.service = "lastfm";
    call.time_ms = time_ms;
    call.credentials = {"k"};
    log.Add(std::move(call));
  }
  EXPECT_EQ(log.FindBusiest("lastfm", 1000).calls, 3);
  EXPECT_EQ(log.FindBusiest("lastfm", 1001).calls, 4);
  EXPECT_EQ(log.FindBusiest("spotify", 1000).calls, 0);
}

TEST_F(StandinsTest, PlaysAndLovedTracksCanBeAdded) {
  Control("plays", R"({"credential":"alice","plays":[{"title":"Näher","artist":["Ada","Ben"],
      "album":"One","ended_at":"2026-01-15T13:00:00Z","duration_ms":60000}]})");
  const json::array items = Items(Spotify("alice"));
  EXPECT_EQ(items.at(0).at("played_at").as_string(), "2026-01-15T13:00:00Z");
  EXPECT_EQ(items.at(0).at("track").at("artists").as_array().size(), 2u);
  for (const char* loved : {"true", "false"}) {
    Control("loved", R"({"credential":"alice","title":"Näher","artist":"Ada","loved":)" +
                         std::string(loved) + "}");
    EXPECT_EQ(Tracks(Lastfm("alice")).at(0).at("loved").as_string(),
              loved == std::string("true") ? "1" : "0");
  }
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

TEST(Scenario, TakesEitherSeparatorAndDropsTheLabel) {
  const auto colon = ScenarioOf("scenario:fail:2:503__a-b:c");
  ASSERT_TRUE(colon.has_value());
  EXPECT_EQ(colon->name, "fail");
  EXPECT_EQ(colon->Number(1, 0), 503);
  const auto hyphen = ScenarioOf("scenario-rate_limit-missing");
  ASSERT_TRUE(hyphen.has_value());
  EXPECT_EQ(hyphen->Argument(0), "missing");
  EXPECT_FALSE(ScenarioOf("scenarios").has_value());
  EXPECT_FALSE(ScenarioOf("alice").has_value());
}

}  // namespace
}  // namespace playlog::standins
