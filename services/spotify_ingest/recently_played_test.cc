#include "services/spotify_ingest/recently_played.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/time_format.h"
#include "common/testing/matchers.h"

namespace playlog::spotify_ingest {
namespace {

using ::playlog::ingest::Page;
using ::playlog::testing::EqualsProto;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kNow = *ParseRfc3339("2024-06-01T12:00:00Z");

// An item with the members that a test gives it.
std::string Item(const std::string& track_members,
                 const std::string& played_at = R"("2024-01-15T14:30:00.123Z")") {
  return R"({"track":{)" + track_members + R"(},"played_at":)" + played_at + R"(,"context":null})";
}

std::string PageOf(const std::string& items) {
  return R"({"items":[)" + items + R"(],"next":null,"cursors":null,"limit":50})";
}

Page Parse(const std::string& items) {
  const std::optional<Page> page = ParseRecentlyPlayed(PageOf(items), kNow);
  EXPECT_TRUE(page.has_value()) << items;
  return page.value_or(Page());
}

std::vector<std::string> ReasonsOf(const Page& page) {
  std::vector<std::string> reasons;
  for (const ingest::RejectedItem& item : page.rejected) reasons.push_back(item.reason);
  return reasons;
}

constexpr char kFullTrack[] = R"(
  "name": "Paper Lanterns", "duration_ms": 210000,
  "external_urls": {"spotify": "https://open.spotify.com/track/1"},
  "artists": [
    {"name": "Ada", "external_urls": {"spotify": "https://open.spotify.com/artist/a"}},
    {"name": "Bo, The Band", "external_urls": {"spotify": "https://open.spotify.com/artist/b"}}],
  "album": {"name": "Evenings", "images": [
    {"url": "https://i.scdn.co/image/640", "width": 640}, {"url": "https://i.scdn.co/image/64"}]})";

TEST(RecentlyPlayed, MapsEveryField) {
  const Page page = Parse(Item(kFullTrack));
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_THAT(page.plays[0], EqualsProto(R"pb(
                title: "Paper Lanterns"
                artist: "Ada, Bo, The Band"
                album: "Evenings"
                played_at { seconds: 1705329000 nanos: 123000000 }
                album_thumbnail: "https://i.scdn.co/image/640"
                track_url: "https://open.spotify.com/track/1"
                artists_url: "https://open.spotify.com/artist/a, https://open.spotify.com/artist/b"
                duration_ms: 210000
              )pb"));
  EXPECT_THAT(ToSpotifySong(page.plays[0]), EqualsProto(R"pb(
                title: "Paper Lanterns"
                artist: "Ada, Bo, The Band"
                album: "Evenings"
                album_thumbnail: "https://i.scdn.co/image/640"
                track_url: "https://open.spotify.com/track/1"
                artists_url: "https://open.spotify.com/artist/a, https://open.spotify.com/artist/b"
                duration_ms: 210000
                played_at { seconds: 1705329000 nanos: 123000000 }
                source: SOURCE_SPOTIFY
              )pb"));
  EXPECT_EQ(page.cleared_values, 0);
}

TEST(RecentlyPlayed, ReadsOdditiesAsEmpty) {
  const std::vector<std::string> tracks = {
      R"("name":"t")",
      R"("name":"t","artists":null,"album":null,"external_urls":null,"duration_ms":null)",
      R"("name":"t","artists":[],"album":{},"external_urls":{},"duration_ms":"1")",
      R"("name":"t","artists":[null,7,{},{"name":null}],"album":{"name":null,"images":null})",
      R"("name":"t","album":{"name":"","images":[]},"duration_ms":-1)",
      R"("name":"t","album":{"images":[null]},"duration_ms":1.5,"id":null,"is_local":true)",
      R"("name":"t","album":[],"duration_ms":99999999999,"external_urls":{"spotify":7})",
      R"("name":"t","artists":"Ada","album":"Evenings","external_urls":[])",
  };
  for (const std::string& track : tracks) {
    const Page page = Parse(Item(track));
    ASSERT_THAT(page.plays, SizeIs(1)) << track;
    EXPECT_THAT(page.plays[0], EqualsProto(R"pb(
                  title: "t"
                  played_at { seconds: 1705329000 nanos: 123000000 }
                )pb"))
        << track;
    EXPECT_EQ(page.cleared_values, 0) << track;
  }
}

TEST(RecentlyPlayed, TakesTheFirstImageThatIsOne) {
  const Page page = Parse(Item(
      R"("name":"t","album":{"images":[null,{"url":"http://a/1","width":null},{"url":"http://a/2"}]})"));
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_EQ(page.plays[0].album_thumbnail(), "http://a/1");
}

TEST(RecentlyPlayed, RejectsBadItemsAloneAndKeepsTheOthers) {
  const Page page = Parse("null," + Item(R"("name":"one")") + R"(,{"track":null},7,"x",[],{},)" +
                          Item(R"("name":"two")"));
  ASSERT_THAT(page.plays, SizeIs(2));
  EXPECT_EQ(page.plays[0].title(), "one");
  EXPECT_EQ(page.plays[1].title(), "two");
  EXPECT_THAT(ReasonsOf(page), ElementsAre("not_an_object", "track_missing", "not_an_object",
                                           "not_an_object", "not_an_object", "track_missing"));
  EXPECT_EQ(page.rejected[1].raw, R"({"track":null})");
}

TEST(RecentlyPlayed, RejectsTitlesThatAreNone) {
  for (const char* name : {"", R"("name":null)", R"("name":7)", R"("name":"")",
                           R"("name":"\u0000")", R"("name":["t"])"}) {
    const Page page = Parse(Item(name));
    EXPECT_THAT(page.plays, IsEmpty()) << name;
    EXPECT_THAT(ReasonsOf(page), ElementsAre("title_missing")) << name;
  }
}

TEST(RecentlyPlayed, BoundsTexts) {
  std::string thousand;
  for (int i = 0; i < 1000; ++i) thousand += "\xC3\xA9";
  EXPECT_THAT(Parse(Item(R"("name":")" + thousand + "\"")).plays, SizeIs(1));
  EXPECT_THAT(Parse(Item(R"("name":"\u0000)" + thousand + "\"")).plays, SizeIs(1));
  for (const std::string& track :
       {R"("name":"x)" + thousand + "\"",
        R"("name":"t","artists":[{"name":")" + thousand + R"("},{"name":"x"}])",
        R"("name":"t","album":{"name":"x)" + thousand + "\"}"}) {
    const Page page = Parse(Item(track));
    EXPECT_THAT(page.plays, IsEmpty());
    EXPECT_THAT(ReasonsOf(page), ElementsAre("text_too_long"));
  }
}

TEST(RecentlyPlayed, KeepsTextAsGivenWithoutNul) {
  const Page page =
      Parse(Item("\"name\":\"a\\u0000b <b> \xE2\x80\xAE \xF0\x9F\x8E\xB5 e\xCC\x81 \",\"artists\":"
                 "[{\"name\":\"\\u0000\"},{\"name\":\"c\\u0000\"}]"));
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_EQ(page.plays[0].title(), "ab <b> \xE2\x80\xAE \xF0\x9F\x8E\xB5 e\xCC\x81 ");
  EXPECT_EQ(page.plays[0].artist(), "c");
}

TEST(RecentlyPlayed, KeepsHttpAddressesAndEmptiesOthers) {
  const Page page = Parse(
      Item(R"j("name":"t","external_urls":{"spotify":"javascript:alert(1)"},)j"
           R"("album":{"images":[{"url":"http://169.254.169.254/"}]},)"
           R"("artists":[{"name":"a","external_urls":{"spotify":"data:text/html,x"}},)"
           R"({"name":"b","external_urls":{"spotify":"HTTPS://open.spotify.com/artist/b"}}])"));
  ASSERT_THAT(page.plays, SizeIs(1));
  EXPECT_EQ(page.plays[0].track_url(), "");
  EXPECT_EQ(page.plays[0].album_thumbnail(), "http://169.254.169.254/");
  EXPECT_EQ(page.plays[0].artists_url(), "HTTPS://open.spotify.com/artist/b");
  EXPECT_EQ(page.cleared_values, 2);
}

TEST(RecentlyPlayed, ReadsStrictInstantsAlone) {
  struct Row {
    std::string played_at;
    const char* expected;  // The time in our own form, or the reason.
  };
  const std::vector<Row> rows = {
      {R"("2024-01-15T14:30:00Z")", "2024-01-15T14:30:00Z"},
      {R"("2024-01-15T14:30:00.123Z")", "2024-01-15T14:30:00.123Z"},
      {R"("2024-01-15T14:30:00.123456Z")", "2024-01-15T14:30:00.123456Z"},
      {R"("2024-01-15T14:30:00.123456789Z")", "2024-01-15T14:30:00.123456Z"},
      {R"("2024-01-15T14:30:00+14:00")", "2024-01-15T00:30:00Z"},
      {R"("2002-10-01T00:00:00Z")", "2002-10-01T00:00:00Z"},
      {R"("2024-06-02T12:00:00Z")", "2024-06-02T12:00:00Z"},
      {R"("2024-06-02T12:00:01Z")", "time_out_of_range"},
      {R"("2002-09-30T23:59:59Z")", "time_out_of_range"},
      {R"("1969-12-31T23:59:59Z")", "time_out_of_range"},
      {R"("2999-01-01T00:00:00Z")", "time_out_of_range"},
      {R"("")", "time_unusable"},
      {R"("now")", "time_unusable"},
      {R"("infinity")", "time_unusable"},
      {R"("2024-13-01T00:00:00Z")", "time_unusable"},
      {R"("2024-02-30T00:00:00Z")", "time_unusable"},
      {R"("2024-01-15T14:30:00")", "time_unusable"},
      {R"("2024-01-15T14:30:60Z")", "time_unusable"},
      {R"("2024-01-15 14:30:00Z")", "time_unusable"},
      {R"("2024-01-15T14:30:00Z\u0000")", "time_unusable"},
      {"null", "time_unusable"},
      {"1705329000", "time_unusable"},
      {"{}", "time_unusable"},
  };
  for (const Row& row : rows) {
    const Page page = Parse(Item(R"("name":"t")", row.played_at));
    if (page.rejected.empty()) {
      ASSERT_THAT(page.plays, SizeIs(1)) << row.played_at;
      EXPECT_EQ(FormatRfc3339(ingest::PlayedAtOf(page.plays[0])), row.expected) << row.played_at;
    } else {
      EXPECT_THAT(ReasonsOf(page), ElementsAre(row.expected)) << row.played_at;
    }
  }
  EXPECT_THAT(ReasonsOf(Parse(R"({"track":{"name":"t"}})")), ElementsAre("time_missing"));
}

TEST(RecentlyPlayed, KeepsTheOrderAndEveryTwin) {
  const Page page = Parse(Item(R"("name":"old")", R"("2024-01-01T00:00:00Z")") + "," +
                          Item(R"("name":"new")", R"("2024-02-01T00:00:00Z")") + "," +
                          Item(R"("name":"twin")", R"("2024-02-01T00:00:00Z")"));
  ASSERT_THAT(page.plays, SizeIs(3));
  EXPECT_EQ(page.plays[0].title(), "old");
  EXPECT_EQ(page.plays[2].title(), "twin");
}

TEST(RecentlyPlayed, TakesNothingFromWhatIsNoPage) {
  EXPECT_THAT(Parse("").plays, IsEmpty());
  for (const char* body : {"",
                           "null",
                           "[]",
                           "7",
                           "\"x\"",
                           "{}",
                           R"({"items":null})",
                           R"({"items":{}})",
                           R"({"items":"x"})",
                           "<html></html>",
                           R"({"items":[]}{})",
                           R"({"items":[],"items":[]})",
                           R"({"items":[NaN]})",
                           R"({"items":[1e999]})",
                           R"({"items":[],})",
                           "{'items':[]}",
                           "\xEF\xBB\xBF{\"items\":[]}",
                           "{\"items\":[\"\xFF\"]}",
                           R"({"items":["\ud800"]})",
                           "{\"items\":[]}\x01"}) {
    EXPECT_FALSE(ParseRecentlyPlayed(body, kNow).has_value()) << body;
  }
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  EXPECT_FALSE(ParseRecentlyPlayed(R"({"items":[)" + deep + "]}", kNow).has_value());
  std::string many = "null";
  for (int i = 0; i < 1000; ++i) many += ",null";
  EXPECT_FALSE(ParseRecentlyPlayed(PageOf(many), kNow).has_value());
}

TEST(RecentlyPlayed, TakesNothingFromACutPage) {
  const std::string body = PageOf(Item(kFullTrack) + "," + Item(kFullTrack));
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(ParseRecentlyPlayed(body.substr(0, length), kNow).has_value()) << length;
  }
}

TEST(RecentlyPlayed, CutsWhatItKeepsOfARejectedItem) {
  std::string note;
  for (int i = 0; i < 20'000; ++i) note += "\xC3\xA9";
  const Page page = Parse(R"({"note":"x)" + note + "\"}");
  ASSERT_THAT(page.rejected, SizeIs(1));
  EXPECT_LE(page.rejected[0].raw.size(), ingest::kMaxRawBytes);
  EXPECT_GE(page.rejected[0].raw.size(), ingest::kMaxRawBytes - 1);
}

}  // namespace
}  // namespace playlog::spotify_ingest
