// Recorded answers of the real services, served as recorded, through the whole system. What must be
// stored is worked out here from the recording, apart from the product's own parsers.

#include "common/testing/samples.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

namespace json = boost::json;

using Fields = std::map<std::string, std::string>;
// The plays that a recording holds, by what makes them one play; newest first in reverse order.
using Plays = std::map<std::pair<std::string, std::string>, Fields>;

std::string Text(const json::value& from, const char* pointer) {
  boost::system::error_code error;
  const json::value* value = from.find_pointer(pointer, error);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::string OrNull(const std::string& text) { return text.empty() ? "null" : text; }

Fields SpotifyFields(const json::value& item) {
  std::vector<std::string> names;
  std::vector<std::string> addresses;
  for (const json::value& artist : item.at("track").at("artists").as_array()) {
    names.push_back(Text(artist, "/name"));
    addresses.push_back(Text(artist, "/external_urls/spotify"));
  }
  return {{"title", Text(item, "/track/name")},
          {"artist", absl::StrJoin(names, ", ")},
          {"album", Text(item, "/track/album/name")},
          {"album_thumbnail", Text(item, "/track/album/images/0/url")},
          {"track_url", Text(item, "/track/external_urls/spotify")},
          {"artists_url", absl::StrJoin(addresses, ", ")},
          {"duration_ms", json::serialize(item.at("track").at("duration_ms"))},
          {"played_at", Text(item, "/played_at")},
          {"source", "spotify"},
          {"artist_lastfm_url", "null"},
          {"album_thumbnail_small", "null"},
          {"loved", "false"}};
}

Fields LastfmFields(const json::value& track) {
  std::int64_t uts = 0;
  EXPECT_TRUE(absl::SimpleAtoi(Text(track, "/date/uts"), &uts));
  const std::string name = Text(track, "/artist/name");
  return {{"title", Text(track, "/name")},
          {"artist", name.empty() ? Text(track, "/artist/#text") : name},
          {"album", Text(track, "/album/#text")},
          {"album_thumbnail", Text(track, "/image/3/#text")},
          {"track_url", Text(track, "/url")},
          {"artists_url", ""},
          {"duration_ms", "0"},
          {"played_at",
           absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(uts), absl::UTCTimeZone())},
          {"source", "lastfm"},
          {"artist_lastfm_url", OrNull(Text(track, "/artist/url"))},
          {"track_mbid", OrNull(Text(track, "/mbid"))},
          {"artist_mbid", OrNull(Text(track, "/artist/mbid"))},
          {"album_mbid", OrNull(Text(track, "/album/mbid"))},
          {"loved", Text(track, "/loved") == "1" ? "true" : "false"},
          {"streamable", Text(track, "/streamable") == "1" ? "true" : "false"},
          {"album_thumbnail_small", OrNull(Text(track, "/image/0/#text"))},
          {"album_thumbnail_medium", OrNull(Text(track, "/image/1/#text"))},
          {"album_thumbnail_large", OrNull(Text(track, "/image/2/#text"))},
          {"album_thumbnail_extralarge", OrNull(Text(track, "/image/3/#text"))}};
}

void Add(Plays& plays, const Fields& fields) {
  plays.try_emplace({fields.at("played_at"), fields.at("title") + "\n" + fields.at("artist")},
                    fields);
}

Plays SpotifyPlays(const json::value& page) {
  Plays plays;
  for (const json::value& item : page.at("items").as_array()) Add(plays, SpotifyFields(item));
  return plays;
}

Plays LastfmPlays(const json::value& page) {
  Plays plays;
  json::value track = page.at("recenttracks").at("track");
  if (track.is_object()) track = json::array{track};
  for (const json::value& entry : track.as_array()) {
    if (!Text(entry, "/date/uts").empty()) Add(plays, LastfmFields(entry));
  }
  return plays;
}

// A recording of one item of a page instead of a whole one.
bool IsItem(const json::value& document) {
  return document.as_object().contains("track") && document.as_object().contains("played_at");
}

class SamplesTest : public EndToEndTest {
 protected:
  static std::vector<testing::Sample> Samples(const std::string& folder) {
    return testing::ReadSamples(folder);
  }

  static void Script(const std::string& credential, json::object answer) {
    stack().standins().Script(credential, json::array{std::move(answer)}, "last");
  }
  static json::object File(const std::string& folder, const testing::Sample& sample, int status) {
    json::object answer;
    answer["status"] = status;
    answer["body_file"] = absl::StrCat(folder, "/", sample.name);
    return answer;
  }

  static void ExpectStored(const User& user, const Plays& plays) {
    const std::string stored = api().StoredSongs(user).body;
    ASSERT_EQ(CountElements(stored, "results"), static_cast<int>(plays.size()));
    std::map<std::pair<std::string, std::string>, bool> found;
    for (std::size_t i = 0; i < plays.size(); ++i) {
      const std::string song = Member(stored, absl::StrCat("results.", i));
      const std::pair<std::string, std::string> key = {
          Member(song, "played_at"), Member(song, "title") + "\n" + Member(song, "artist")};
      ASSERT_TRUE(plays.contains(key)) << song;
      found[key] = true;
      for (const auto& [name, value] : plays.at(key)) EXPECT_EQ(Member(song, name), value) << name;
    }
    EXPECT_EQ(found.size(), plays.size());
  }
};

TEST_F(SamplesTest, SpotifysPagesAreStoredPlayByPlay) {
  const std::string folder = "spotify_recently_played";
  const std::vector<testing::Sample> samples = Samples(folder);
  if (samples.empty()) GTEST_SKIP() << "no recordings in " << testing::SamplesDirectory();
  for (const testing::Sample& sample : samples) {
    SCOPED_TRACE(sample.name);
    const User user = api().NewUser();
    const std::string token = "sample-" + user.name;
    ASSERT_EQ(api().StoreSpotifyToken(user, token).status, 201);
    json::value document = json::parse(sample.body);
    json::object answer = File(folder, sample, 200);
    if (IsItem(document)) {
      json::object page;
      page["items"] = json::array{document};
      document = page;
      answer.erase("body_file");
      answer["body"] = page;
    }
    Script(token, answer);
    const Plays plays = SpotifyPlays(document);
    const HttpAnswer fetched = api().FetchSpotify(user);
    EXPECT_EQ(fetched.status, 200) << fetched.body;
    EXPECT_EQ(CountElements(fetched.body, "data"), static_cast<int>(plays.size()));
    ExpectStored(user, plays);
  }
}

TEST_F(SamplesTest, LastfmsPagesAreStoredPlayByPlay) {
  const std::string folder = "lastfm_recenttracks";
  const std::vector<testing::Sample> samples = Samples(folder);
  if (samples.empty()) GTEST_SKIP() << "no recordings in " << testing::SamplesDirectory();
  for (const testing::Sample& sample : samples) {
    SCOPED_TRACE(sample.name);
    const User user = api().NewUser();
    const std::string account = "sample-" + user.name;
    ASSERT_EQ(api().StoreLastfmKey(user, "key", account).status, 201);
    Script(account, File(folder, sample, 200));
    const Plays plays = LastfmPlays(json::parse(sample.body));
    const HttpAnswer fetched = api().FetchLastfm(user);
    EXPECT_EQ(fetched.status, 200) << fetched.body;
    EXPECT_EQ(Member(fetched.body, "count"), absl::StrCat(plays.size()));
    ExpectStored(user, plays);
  }
}

// The statuses are those that the real services sent with the bodies.
TEST_F(SamplesTest, SpotifysErrorsAreTheContractsErrors) {
  const std::string folder = "spotify_errors";
  const std::vector<testing::Sample> samples = Samples(folder);
  if (samples.empty()) GTEST_SKIP() << "no recordings in " << testing::SamplesDirectory();
  for (const testing::Sample& sample : samples) {
    SCOPED_TRACE(sample.name);
    const User user = api().NewUser();
    const std::string token = "sample-" + user.name;
    ASSERT_EQ(api().StoreSpotifyToken(user, token).status, 201);
    const bool limited = absl::StrContains(sample.name, "429");
    const int status = limited ? 429 : absl::StrContains(sample.name, "404") ? 404 : 400;
    Script(token, File(folder, sample, status));
    ExpectError(api().FetchSpotify(user), limited ? 429 : 503,
                limited ? "RATE_LIMITED" : "SPOTIFY_UNAVAILABLE");
    ExpectStored(user, {});
  }
}

TEST_F(SamplesTest, LastfmsErrorsAreTheContractsErrors) {
  const std::string folder = "lastfm_errors";
  const std::vector<testing::Sample> samples = Samples(folder);
  if (samples.empty()) GTEST_SKIP() << "no recordings in " << testing::SamplesDirectory();
  for (const testing::Sample& sample : samples) {
    SCOPED_TRACE(sample.name);
    const User user = api().NewUser();
    const std::string account = "sample-" + user.name;
    ASSERT_EQ(api().StoreLastfmKey(user, "key", account).status, 201);
    Script(account, File(folder, sample, absl::StrContains(sample.name, "404") ? 404 : 403));
    EXPECT_THAT(ExpectError(api().FetchLastfm(user), 400, "LASTFM_REJECTED"),
                ::testing::StartsWith("Last.fm API error | "));
    ExpectStored(user, {});
  }
}

}  // namespace
}  // namespace playlog::harness
