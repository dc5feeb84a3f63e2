#include "services/lastfm_ingest/recent_tracks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/time_format.h"
#include "common/testing/matchers.h"

namespace playlog::lastfm_ingest {
namespace {

using ::playlog::ingest::Page;
using ::playlog::testing::EqualsProto;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kNow = *ParseRfc3339("2024-06-01T12:00:00Z");
constexpr char kDate[] = R"("date":{"uts":"1705329000","#text":"15 Jan 2024, 14:30"})";

std::string PageOf(const std::string& track) {
  return R"({"recenttracks":{"track":)" + track +
         R"(,"@attr":{"user":"ada","page":"1","perPage":"50","total":"2","totalPages":"1"}}})";
}

Page ParseBody(const std::string& body) {
  const auto answer = ParseRecentTracks(body, kNow);
  EXPECT_TRUE(std::holds_alternative<Page>(answer)) << body;
  return std::holds_alternative<Page>(answer) ? std::get<Page>(answer) : Page();
}

// A page of the one entry with these members beside its title and date.
Page ParseEntry(const std::string& members) {
  return ParseBody(PageOf(R"([{"name":"t",)" + std::string(kDate) + members + "}]"));
}

std::vector<std::string> ReasonsOf(const Page& page) {
  std::vector<std::string> reasons;
  for (const ingest::RejectedItem& item : page.rejected) reasons.push_back(item.reason);
  return reasons;
}

constexpr char kImages[] = R"("image":[
  {"size":"small","#text":"https://lastfm.freetls.fastly.net/i/u/34s/a.png"},
  {"size":"medium","#text":"https://lastfm.freetls.fastly.net/i/u/64s/a.png"},
  {"size":"large","#text":"https://lastfm.freetls.fastly.net/i/u/174s/a.png"},
  {"size":"extralarge","#text":"https://lastfm.freetls.fastly.net/i/u/300x300/a.png"}])";

TEST(RecentTracks, MapsEveryFieldOfAnExtendedEntry) {
  const Page page = ParseEntry(
      R"(,"artist":{"name":"Ada","url":"https://www.last.fm/music/Ada","mbid":"am","image":[]},)"
      R"("album":{"mbid":"lm","#text":"Evenings"},"mbid":"tm","loved":"1","streamable":"0",)"
      R"("url":"https://www.last.fm/music/Ada/_/t",)" +
      std::string(kImages));
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_THAT(page.plays[0], EqualsProto(R"pb(
                title: "t"
                artist: "Ada"
                album: "Evenings"
                played_at { seconds: 1705329000 }
                album_thumbnail: "https://lastfm.freetls.fastly.net/i/u/300x300/a.png"
                track_url: "https://www.last.fm/music/Ada/_/t"
                artist_lastfm_url: "https://www.last.fm/music/Ada"
                track_mbid: "tm"
                artist_mbid: "am"
                album_mbid: "lm"
                loved: true
                streamable: false
                album_thumbnail_small: "https://lastfm.freetls.fastly.net/i/u/34s/a.png"
                album_thumbnail_medium: "https://lastfm.freetls.fastly.net/i/u/64s/a.png"
                album_thumbnail_large: "https://lastfm.freetls.fastly.net/i/u/174s/a.png"
                album_thumbnail_extralarge: "https://lastfm.freetls.fastly.net/i/u/300x300/a.png"
              )pb"));
  EXPECT_THAT(ToLastfmSong(page.plays[0]), EqualsProto(R"pb(
                title: "t"
                artist: "Ada"
                album: "Evenings"
                album_thumbnail: "https://lastfm.freetls.fastly.net/i/u/300x300/a.png"
                track_url: "https://www.last.fm/music/Ada/_/t"
                played_at: "2024-01-15T14:30:00"
                source: SOURCE_LASTFM
                artist_lastfm_url: "https://www.last.fm/music/Ada"
                track_mbid: "tm"
                artist_mbid: "am"
                album_mbid: "lm"
                loved: true
                album_thumbnails {
                  small: "https://lastfm.freetls.fastly.net/i/u/34s/a.png"
                  medium: "https://lastfm.freetls.fastly.net/i/u/64s/a.png"
                  large: "https://lastfm.freetls.fastly.net/i/u/174s/a.png"
                  extralarge: "https://lastfm.freetls.fastly.net/i/u/300x300/a.png"
                }
              )pb"));
}

TEST(RecentTracks, ReadsAPlainEntryWithoutAWordOfLove) {
  const Page page = ParseEntry(R"(,"artist":{"mbid":"","#text":"Ada"},"album":{"#text":""})");
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_EQ(page.plays[0].artist(), "Ada");
  EXPECT_FALSE(page.plays[0].has_loved());
  EXPECT_FALSE(page.plays[0].has_streamable());
}

TEST(RecentTracks, ReadsOneEntryAsAnObjectAndFlatAttributes) {
  const std::string entry = R"({"name":"t",)" + std::string(kDate) + "}";
  EXPECT_THAT(ParseBody(PageOf(entry)).plays, SizeIs(1));
  EXPECT_THAT(
      ParseBody(R"({"recenttracks":{"user":"RJ","page":"0","perPage":"1","track":)" + entry + "}}")
          .plays,
      SizeIs(1));
  EXPECT_THAT(
      ParseBody(R"({"recenttracks":{"track":[)" + entry + R"(]},"@attr":{"page":0}})").plays,
      SizeIs(1));
}

TEST(RecentTracks, ReadsTheTotalWhereverItIs) {
  const auto total_of = [](const std::string& members) {
    return ParseBody(R"({"recenttracks":{"track":[])" + members + "}}").total;
  };
  EXPECT_EQ(total_of(R"(,"@attr":{"total":"123456"})"), 123'456);
  EXPECT_EQ(total_of(R"(,"@attr":{"total":7})"), 7);
  EXPECT_EQ(total_of(R"(,"@attr":{"total":"0"})"), 0);
  EXPECT_EQ(total_of(R"(,"total":"9")"), 9);
  for (const char* none : {"", R"(,"@attr":{})", R"(,"@attr":{},"total":"9")", R"(,"@attr":[])",
                           R"(,"@attr":{"total":""})", R"(,"@attr":{"total":"-1"})",
                           R"(,"@attr":{"total":"1e3"})", R"(,"@attr":{"total":null})"}) {
    EXPECT_EQ(total_of(none), std::nullopt) << none;
  }
}

TEST(RecentTracks, ReadsNoEntries) {
  for (const char* body :
       {R"({"recenttracks":{"track":[],"@attr":{"total":"0"}}})",
        R"({"recenttracks":{"#text":"\n","user":"x"}})", R"({"recenttracks":{"track":""}})",
        R"({"recenttracks":{"track":null}})", R"({"recenttracks":{}})"}) {
    const Page page = ParseBody(body);
    EXPECT_THAT(page.plays, IsEmpty()) << body;
    EXPECT_THAT(page.rejected, IsEmpty()) << body;
  }
}

TEST(RecentTracks, SkipsWhatIsPlayingNow) {
  const std::string good = R"({"name":"t",)" + std::string(kDate) + "}";
  for (const char* mark :
       {R"("nowplaying":"true")", R"("nowplaying":"false")", R"("nowplaying":true)"}) {
    const std::string now = R"({"name":"n","@attr":{)" + std::string(mark) + "}}";
    const Page page = ParseBody(PageOf("[" + now + "," + good + "]"));
    ASSERT_THAT(page.plays, SizeIs(1)) << mark;
    EXPECT_EQ(page.plays[0].title(), "t");
    EXPECT_THAT(page.rejected, IsEmpty());
    EXPECT_THAT(ParseBody(PageOf(now)).plays, IsEmpty()) << mark;
    EXPECT_THAT(ParseEntry(R"(,"@attr":{)" + std::string(mark) + "}").plays, SizeIs(1)) << mark;
  }
}

TEST(RecentTracks, ReadsStrictDigitsInRangeAlone) {
  struct Row {
    std::string date;
    const char* expected;
  };
  const std::vector<Row> rows = {
      {R"("date":{"uts":"1705329000"})", "2024-01-15T14:30:00"},
      {R"("date":{"uts":1705329000})", "2024-01-15T14:30:00"},
      {R"("date":{"uts":"1033430400"})", "2002-10-01T00:00:00"},
      {R"("date":{"uts":"1033430399"})", "time_out_of_range"},
      {R"("date":{"uts":"1717329600"})", "2024-06-02T12:00:00"},
      {R"("date":{"uts":"1717329601"})", "time_out_of_range"},
      {R"("date":{"uts":"0","#text":"01 Jan 1970, 00:00"})", "time_out_of_range"},
      {R"("date":{"uts":"1970"})", "time_out_of_range"},
      {R"("date":{"uts":"99999999999"})", "time_out_of_range"},
      {R"("date":{"uts":"9999999999999999999"})", "time_unusable"},
      {R"("date":{"uts":""})", "time_unusable"},
      {R"("date":{"uts":"1e9"})", "time_unusable"},
      {R"("date":{"uts":"-1"})", "time_unusable"},
      {R"("date":{"uts":-1})", "time_unusable"},
      {R"("date":{"uts":"+1705329000"})", "time_unusable"},
      {R"("date":{"uts":" 1705329000"})", "time_unusable"},
      {R"("date":{"uts":"1705329000.5"})", "time_unusable"},
      {R"("date":{"uts":1705329000.5})", "time_unusable"},
      {R"("date":{"uts":null})", "time_unusable"},
      {R"("date":{"#text":"15 Jan 2024, 14:30"})", "time_unusable"},
      {R"("date":"1705329000")", "time_unusable"},
      {R"("date":null)", "time_unusable"},
      {R"("x":1)", "time_missing"},
  };
  for (const Row& row : rows) {
    const Page page = ParseBody(PageOf(R"([{"name":"t",)" + row.date + "}]"));
    if (page.rejected.empty()) {
      ASSERT_THAT(page.plays, SizeIs(1)) << row.date;
      EXPECT_EQ(ToLastfmSong(page.plays[0]).played_at(), row.expected) << row.date;
    } else {
      EXPECT_THAT(ReasonsOf(page), ElementsAre(row.expected)) << row.date;
    }
  }
}

TEST(RecentTracks, ReadsImagesBySizeAndInventsNone) {
  const std::vector<std::string> odd = {
      R"(,"image":[])",
      R"(,"image":null)",
      R"(,"image":"x")",
      R"(,"image":[null,7,{}])",
      R"(,"image":[{"size":"extralarge","#text":""}])",
      R"(,"image":[{"#text":"https://a/1"}])",
      R"(,"image":[{"size":"mega","#text":"https://a/1"}])",
  };
  for (const std::string& members : odd) {
    const Page page = ParseEntry(members);
    ASSERT_THAT(page.plays, SizeIs(1)) << members;
    EXPECT_THAT(page.plays[0], EqualsProto(R"pb(
                  title: "t"
                  played_at { seconds: 1705329000 }
                )pb"))
        << members;
  }
  const Page page = ParseEntry(
      R"j(,"image":[{"size":"small","#text":"javascript:alert(1)"},{"size":"extralarge",)j"
      R"("#text":"http://169.254.169.254/"}])");
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_EQ(page.plays[0].album_thumbnail_small(), "");
  EXPECT_EQ(page.plays[0].album_thumbnail(), "http://169.254.169.254/");
  EXPECT_EQ(page.cleared_values, 1);
}

TEST(RecentTracks, KeepsMbidsUpTo100Characters) {
  for (const std::string& mbid :
       {std::string(), std::string("abc"), std::string("F22C19BF-1C88-4651-A0D3-8C50735F3C93"),
        std::string(37, 'x'), std::string(100, 'x'), std::string("a,b")}) {
    const Page page = ParseEntry(R"(,"mbid":")" + mbid + "\"");
    ASSERT_THAT(page.plays, SizeIs(1));
    EXPECT_EQ(page.plays[0].track_mbid(), mbid);
    EXPECT_EQ(page.cleared_values, 0);
  }
  const std::string long_id(101, 'x');
  const Page page = ParseEntry(R"(,"mbid":")" + long_id + R"(","artist":{"mbid":")" + long_id +
                               R"("},"album":{"mbid":")" + long_id + R"("})");
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_EQ(page.plays[0].track_mbid() + page.plays[0].artist_mbid() + page.plays[0].album_mbid(),
            "");
  EXPECT_EQ(page.cleared_values, 3);
  EXPECT_EQ(ParseEntry(R"(,"mbid":7)").plays[0].track_mbid(), "");
}

TEST(RecentTracks, ReadsOnlyTheTextOneAsTrue) {
  EXPECT_TRUE(ParseEntry(R"(,"loved":"1","streamable":"1")").plays[0].streamable());
  for (const char* flag : {R"("0")", "1", "true", R"("true")", "null", R"("")"}) {
    const Page page = ParseEntry(R"(,"loved":)" + std::string(flag));
    ASSERT_THAT(page.plays, SizeIs(1));
    EXPECT_TRUE(page.plays[0].has_loved()) << flag;
    EXPECT_FALSE(page.plays[0].loved()) << flag;
  }
}

TEST(RecentTracks, RejectsBadEntriesAloneAndKeepsTheOthers) {
  const std::string good = R"({"name":"t",)" + std::string(kDate) + "}";
  const std::string long_name = R"({"name":")" + std::string(1001, 'x') + "\"," + kDate + "}";
  const std::string long_artist =
      R"({"name":"t","artist":{"name":")" + std::string(1001, 'x') + "\"}," + kDate + "}";
  const Page page = ParseBody(PageOf("[null," + good + R"(,{},7,"x",[],{"name":7,)" + kDate + "}," +
                                     long_name + "," + long_artist + "," + good + "]"));
  EXPECT_THAT(page.plays, SizeIs(2));
  EXPECT_THAT(ReasonsOf(page),
              ElementsAre("not_an_object", "title_missing", "not_an_object", "not_an_object",
                          "not_an_object", "title_missing", "text_too_long", "text_too_long"));
}

TEST(RecentTracks, ReadsOddArtistsAndAlbumsAsEmpty) {
  for (const char* members :
       {R"(,"artist":null,"album":null)", R"(,"artist":{},"album":{})",
        R"(,"artist":"Ada","album":"Evenings")", R"(,"artist":{"name":null},"album":[])",
        R"(,"artist":{"name":7,"url":7},"url":7)", R"j(,"url":"javascript:alert(1)")j"}) {
    const Page page = ParseEntry(members);
    ASSERT_THAT(page.plays, SizeIs(1)) << members;
    EXPECT_EQ(page.plays[0].artist() + page.plays[0].album() + page.plays[0].track_url(), "");
  }
}

TEST(RecentTracks, ReadsErrorsWhateverElseIsThere) {
  for (const char* body :
       {R"({"error":29,"message":"Rate Limit Exceeded"})", R"({"message":"x","error":29})",
        R"({"error":"29","links":[]})", R"({"error":29,"recenttracks":{"track":[]}})"}) {
    const auto answer = ParseRecentTracks(body, kNow);
    ASSERT_TRUE(std::holds_alternative<ApiError>(answer)) << body;
    EXPECT_EQ(std::get<ApiError>(answer).code, 29);
  }
}

TEST(RecentTracks, TakesNothingFromWhatIsNoPage) {
  const std::vector<std::string> bodies = {
      "",
      "null",
      "[]",
      "{}",
      "7",
      "<html>",
      R"({"error":"no"})",
      R"({"recenttracks":null})",
      R"({"recenttracks":[]})",
      R"({"recenttracks":{"track":"x"}})",
      R"({"recenttracks":{"track":7}})",
      R"({"recenttracks":{"track":[],"track":[]}})",
      R"({"recenttracks":{"track":[NaN]}})",
      PageOf("[]") + "{}",
      PageOf(std::string(10'000, '[') + std::string(10'000, ']')),
  };
  for (const std::string& body : bodies) {
    EXPECT_TRUE(std::holds_alternative<NotAnAnswer>(ParseRecentTracks(body, kNow))) << body;
  }
}

TEST(RecentTracks, TakesNothingFromACutPage) {
  const std::string body = PageOf(R"([{"name":"t",)" + std::string(kDate) + "," + kImages + "}]");
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_TRUE(
        std::holds_alternative<NotAnAnswer>(ParseRecentTracks(body.substr(0, length), kNow)))
        << length;
  }
}

}  // namespace
}  // namespace playlog::lastfm_ingest
