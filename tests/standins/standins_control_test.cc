// What a test can tell the stand-ins to do, and what it can ask them about.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time_format.h"
#include "tests/standins/call_log.h"
#include "tests/standins/scenario.h"
#include "tests/standins/standins_fixture.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

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
