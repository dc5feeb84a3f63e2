// What every SongStore does, run on the fake and on PostgreSQL, so that tests on the fake can be
// believed.

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/testing/matchers.h"
#include "services/song_store/contract_test.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOkAndHolds;
using songs::v1::Play;
using songs::v1::Song;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;
using songs::v1::SOURCE_UNSPECIFIED;

Position PositionOf(const Song& song) {
  return {google::protobuf::util::TimeUtil::TimestampToMicroseconds(song.played_at()), song.id()};
}

class StoreContractTest : public ContractTest {
 protected:
  std::vector<Song> ReadAll(std::int64_t user_id = 1,
                            songs::v1::Source source = SOURCE_UNSPECIFIED) {
    return Read({.user_id = user_id, .source = source, .limit = 100'000});
  }

  std::vector<Song> Read(const Query& query) {
    SongRun songs;
    EXPECT_TRUE(store().Read(query, Soon(), songs).ok());
    std::vector<Song> messages = MessagesOf(songs);
    for (int i = 0; i < songs.size(); ++i) {
      EXPECT_EQ(songs.position(i), PositionOf(messages[static_cast<std::size_t>(i)]));
    }
    return messages;
  }
};

TEST_P(StoreContractTest, StoresAPlayOnce) {
  const Play play = PlayAt(1'000, "Title");
  EXPECT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.unchanged = 1}));
  EXPECT_THAT(Upsert({play, PlayAt(2'000, "Title"), play}),
              IsOkAndHolds(UpsertCounts{.inserted = 1, .unchanged = 1}));
  EXPECT_EQ(ReadAll().size(), 2U);
}

TEST_P(StoreContractTest, StoresNothingOfAnEmptyBatch) {
  EXPECT_THAT(Upsert({}), IsOkAndHolds(UpsertCounts{}));
}

TEST_P(StoreContractTest, CountsTheSongsOfASourceInASpan) {
  const auto count = [&](songs::v1::Source source, std::optional<absl::Time> from,
                         std::optional<absl::Time> until, std::int64_t user_id = 1) {
    return store().Count({.user_id = user_id, .source = source, .from = from, .until = until},
                         Soon());
  };
  EXPECT_THAT(count(SOURCE_SPOTIFY, std::nullopt, std::nullopt), IsOkAndHolds(0));
  ASSERT_TRUE(Upsert({PlayAt(1'000, "a"), PlayAt(2'000, "b"), PlayAt(2'000, "c")}).ok());
  ASSERT_TRUE(Upsert({PlayAt(1'500, "d")}, 1, SOURCE_LASTFM).ok());
  ASSERT_TRUE(Upsert({PlayAt(1'500, "e")}, 2).ok());
  const auto at = [](std::int64_t micros) { return absl::FromUnixMicros(micros); };
  EXPECT_THAT(count(SOURCE_SPOTIFY, std::nullopt, std::nullopt), IsOkAndHolds(3));
  EXPECT_THAT(count(SOURCE_LASTFM, std::nullopt, std::nullopt), IsOkAndHolds(1));
  EXPECT_THAT(count(SOURCE_SPOTIFY, at(1'000), at(2'000)), IsOkAndHolds(1));
  EXPECT_THAT(count(SOURCE_SPOTIFY, at(1'001), at(2'001)), IsOkAndHolds(2));
  EXPECT_THAT(count(SOURCE_SPOTIFY, at(2'000), std::nullopt), IsOkAndHolds(2));
  EXPECT_THAT(count(SOURCE_SPOTIFY, std::nullopt, at(2'000)), IsOkAndHolds(1));
  EXPECT_THAT(count(SOURCE_SPOTIFY, at(2'000), at(1'000)), IsOkAndHolds(0));
  EXPECT_THAT(count(SOURCE_SPOTIFY, std::nullopt, std::nullopt, 2), IsOkAndHolds(1));
}

TEST_P(StoreContractTest, ReturnsEveryFieldAsItWasGiven) {
  Play play = PlayAt(-1'234'567, "T\"i\\t{l},e'");
  for (const TextField& field : TextFields()) {
    *(play.*field.mutable_get)() = absl::StrCat("value of ", std::string(field.name));
  }
  play.set_duration_ms(210'000);
  play.set_loved(true);
  play.set_streamable(true);
  ASSERT_TRUE(Upsert({play}, 1, SOURCE_LASTFM).ok());
  ASSERT_EQ(ReadAll().size(), 1U);
  Song song = ReadAll()[0];
  EXPECT_GT(song.id(), 0);
  song.clear_id();
  EXPECT_THAT(song, ::playlog::testing::EqualsProto(R"pb(
                title: "T\"i\\t{l},e'"
                artist: "Artist"
                album: "value of album"
                played_at { seconds: -2 nanos: 765433000 }
                album_thumbnail: "value of album_thumbnail"
                track_url: "value of track_url"
                artists_url: "value of artists_url"
                duration_ms: 210000
                source: SOURCE_LASTFM
                artist_lastfm_url: "value of artist_lastfm_url"
                track_mbid: "value of track_mbid"
                artist_mbid: "value of artist_mbid"
                album_mbid: "value of album_mbid"
                loved: true
                streamable: true
                album_thumbnail_small: "value of album_thumbnail_small"
                album_thumbnail_medium: "value of album_thumbnail_medium"
                album_thumbnail_large: "value of album_thumbnail_large"
                album_thumbnail_extralarge: "value of album_thumbnail_extralarge"
              )pb"));
}

TEST_P(StoreContractTest, LeavesWhatIsNotKnownUnset) {
  ASSERT_TRUE(Upsert({PlayAt(1'000'000, "Title")}).ok());
  Song song = ReadAll().at(0);
  song.clear_id();
  EXPECT_THAT(song, ::playlog::testing::EqualsProto(R"pb(
                title: "Title"
                artist: "Artist"
                played_at { seconds: 1 }
                source: SOURCE_SPOTIFY
              )pb"));
}

TEST_P(StoreContractTest, StoresTheLongestTitlesAndArtists) {
  std::string longest;
  for (int i = 0; i < 1000; ++i) longest += "\xF0\x9F\x8E\xB5";
  Play play = PlayAt(1'000, longest);
  play.set_artist(longest);
  Play other = play;
  other.mutable_title()->replace(longest.size() - 4, 4, "x");
  EXPECT_THAT(Upsert({play, other}), IsOkAndHolds(UpsertCounts{.inserted = 2}));
  EXPECT_THAT(Upsert({other}), IsOkAndHolds(UpsertCounts{.unchanged = 1}));
}

TEST_P(StoreContractTest, KnowsAPlayAgainInAnotherSpelling) {
  EXPECT_THAT(Upsert({PlayAt(1'000, "Caf\xC3\xA9")}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_THAT(Upsert({PlayAt(1'000, " Cafe\xCC\x81")}), IsOkAndHolds(UpsertCounts{.unchanged = 1}));
  EXPECT_THAT(Upsert({PlayAt(1'000, "CAF\xC3\x89")}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_EQ(ReadAll().back().title(), "Caf\xC3\xA9");
}

TEST_P(StoreContractTest, CompletesAPlayAndNeverEmptiesIt) {
  Play play = PlayAt(1'000, "Title");
  play.set_album("Album");
  ASSERT_TRUE(Upsert({play}).ok());
  Play more = PlayAt(1'000, "Title");
  more.set_track_url("https://example.org/");
  more.set_duration_ms(7);
  EXPECT_THAT(Upsert({more}, 1, SOURCE_LASTFM), IsOkAndHolds(UpsertCounts{.updated = 1}));
  EXPECT_THAT(Upsert({PlayAt(1'000, "Title")}), IsOkAndHolds(UpsertCounts{.unchanged = 1}));
  const Song song = ReadAll().at(0);
  EXPECT_EQ(song.album(), "Album");
  EXPECT_EQ(song.track_url(), "https://example.org/");
  EXPECT_EQ(song.duration_ms(), 7);
  EXPECT_EQ(song.source(), SOURCE_SPOTIFY);
}

TEST_P(StoreContractTest, FollowsLovedBothWays) {
  const auto with_loved = [](bool loved) {
    Play play = PlayAt(1'000, "Title");
    play.set_loved(loved);
    return play;
  };
  const UpsertCounts updated{.updated = 1}, unchanged{.unchanged = 1};
  EXPECT_THAT(Upsert({PlayAt(1'000, "Title")}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_THAT(Upsert({with_loved(false)}), IsOkAndHolds(unchanged));
  EXPECT_THAT(Upsert({with_loved(true)}), IsOkAndHolds(updated));
  EXPECT_THAT(Upsert({with_loved(true)}), IsOkAndHolds(unchanged));
  EXPECT_THAT(Upsert({PlayAt(1'000, "Title")}), IsOkAndHolds(unchanged));
  EXPECT_TRUE(ReadAll().at(0).loved());
  EXPECT_THAT(Upsert({with_loved(false)}), IsOkAndHolds(updated));
  EXPECT_FALSE(ReadAll().at(0).loved());
}

TEST_P(StoreContractTest, KeepsUsersApart) {
  ASSERT_TRUE(Upsert({PlayAt(1'000, "Title")}, 1).ok());
  EXPECT_THAT(Upsert({PlayAt(1'000, "Title")}, 2), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_EQ(ReadAll(1).size(), 1U);
  EXPECT_EQ(ReadAll(2).size(), 1U);
  EXPECT_TRUE(ReadAll(3).empty());
}

TEST_P(StoreContractTest, FiltersBySource) {
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A"), PlayAt(2'000, "B")}, 1, SOURCE_SPOTIFY).ok());
  ASSERT_TRUE(Upsert({PlayAt(3'000, "C")}, 1, SOURCE_LASTFM).ok());
  EXPECT_EQ(ReadAll(1, SOURCE_SPOTIFY).size(), 2U);
  ASSERT_EQ(ReadAll(1, SOURCE_LASTFM).size(), 1U);
  EXPECT_EQ(ReadAll(1).size(), 3U);
  const Position after = PositionOf(ReadAll(1, SOURCE_SPOTIFY)[0]);
  const std::vector<Song> rest =
      Read({.user_id = 1, .source = SOURCE_SPOTIFY, .after = after, .limit = 10});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].title(), "A");
}

TEST_P(StoreContractTest, PagesThroughPlaysOfOneInstant) {
  std::vector<Play> plays;
  for (int i = 0; i < 60; ++i) plays.push_back(PlayAt(i / 20 * 1'000'000, absl::StrCat("T", i)));
  // More than any store reads at once.
  for (int i = 60; i < 360; ++i) plays.push_back(PlayAt(5'000'000, absl::StrCat("T", i)));
  ASSERT_TRUE(Upsert(plays).ok());
  const std::vector<Song> all = ReadAll();
  ASSERT_EQ(all.size(), 360U);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const Song& a, const Song& b) {
    return std::pair(PositionOf(a).played_at_us, a.id()) >
           std::pair(PositionOf(b).played_at_us, b.id());
  }));
  std::vector<Song> paged;
  Query query{.user_id = 1, .limit = 7};
  while (true) {
    const std::vector<Song> page = Read(query);
    paged.insert(paged.end(), page.begin(), page.end());
    if (page.size() < 7) break;
    query.after = PositionOf(page.back());
  }
  ASSERT_EQ(paged.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(paged[i].id(), all[i].id());
}

TEST_P(StoreContractTest, GoesOnFromAPositionWhilePlaysAreStored) {
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A"), PlayAt(3'000, "C"), PlayAt(5'000, "E")}).ok());
  Query query{.user_id = 1, .limit = 2};
  query.after = PositionOf(Read(query).back());
  ASSERT_TRUE(Upsert({PlayAt(2'000, "B"), PlayAt(4'000, "D"), PlayAt(6'000, "F")}).ok());
  const std::vector<Song> rest = Read(query);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].title(), "B");
  EXPECT_EQ(rest[1].title(), "A");
}

TEST_P(StoreContractTest, ErasesOneUserInRuns) {
  std::vector<Play> plays;
  for (int i = 0; i < 25; ++i) plays.push_back(PlayAt(i, "Title"));
  ASSERT_TRUE(Upsert(plays, 1).ok());
  ASSERT_TRUE(Upsert(plays, 2).ok());
  EXPECT_THAT(store().Erase(1, 10, Soon()), IsOkAndHolds(10));
  EXPECT_THAT(store().Erase(1, 10, Soon()), IsOkAndHolds(10));
  EXPECT_THAT(store().Erase(1, 10, Soon()), IsOkAndHolds(5));
  EXPECT_THAT(store().Erase(1, 10, Soon()), IsOkAndHolds(0));
  EXPECT_TRUE(ReadAll(1).empty());
  EXPECT_EQ(ReadAll(2).size(), 25U);
  EXPECT_THAT(Upsert(plays, 1), IsOkAndHolds(UpsertCounts{.inserted = 25}));
}

TEST_P(StoreContractTest, HidesThatBatchesOfOppositeOrderMeet) {
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Play> plays;
    for (int i = 0; i < 40; ++i) plays.push_back(PlayAt(round * 100 + i, "Title"));
    std::vector<Play> reversed(plays.rbegin(), plays.rend());
    // Both complete what the other brings, so that both have something to write.
    for (Play& play : plays) play.set_album("Album");
    for (Play& play : reversed) play.set_track_url("https://example.org/");
    absl::StatusOr<UpsertCounts> other = UpsertCounts();
    std::thread thread([&] { other = Upsert(reversed); });
    const absl::StatusOr<UpsertCounts> mine = Upsert(plays);
    thread.join();
    ASSERT_TRUE(mine.ok()) << mine.status();
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_EQ(mine->inserted + other->inserted, 40);
    EXPECT_EQ(mine->updated + other->updated, 40);
  }
  for (const Song& song : ReadAll()) {
    EXPECT_EQ(song.album(), "Album");
    EXPECT_EQ(song.track_url(), "https://example.org/");
  }
}

TEST_P(StoreContractTest, AgreesWithThePlainRulesOnRandomBatches) {
  std::mt19937 random(20'240'115);
  const auto pick = [&random](int below) { return static_cast<int>(random() % below); };
  FakeSongStore model;
  for (int round = 0; round < 80; ++round) {
    std::vector<Play> plays;
    for (int i = pick(12); i > 0; --i) {
      Play play = PlayAt(pick(6), absl::StrCat("T", pick(3)));
      for (const TextField& field : TextFields()) {
        if (pick(8) == 0) *(play.*field.mutable_get)() = absl::StrCat("v", pick(3));
      }
      if (pick(4) == 0) play.set_duration_ms(pick(3));
      if (pick(4) == 0) play.set_loved(pick(2) == 0);
      if (pick(4) == 0) play.set_streamable(pick(2) == 0);
      plays.push_back(std::move(play));
    }
    const auto expected = model.Upsert(BatchOf(plays, 1, SOURCE_LASTFM), Soon());
    ASSERT_THAT(Upsert(plays, 1, SOURCE_LASTFM), IsOkAndHolds(*expected)) << round;
  }
  SongRun expected;
  ASSERT_TRUE(model.Read({.user_id = 1, .limit = 1'000}, Soon(), expected).ok());
  const auto key = [](const Song& song) {
    return std::pair(PositionOf(song).played_at_us, song.title());
  };
  std::vector<Song> wanted = MessagesOf(expected);
  std::vector<Song> got = ReadAll();
  ASSERT_EQ(got.size(), wanted.size());
  const auto by_key = [&key](const Song& a, const Song& b) { return key(a) < key(b); };
  std::sort(wanted.begin(), wanted.end(), by_key);
  std::sort(got.begin(), got.end(), by_key);
  for (std::size_t i = 0; i < got.size(); ++i) {
    got[i].clear_id();
    wanted[i].clear_id();
    EXPECT_EQ(got[i].DebugString(), wanted[i].DebugString());
  }
}

TEST_P(StoreContractTest, RefusesAPassedDeadline) {
  constexpr auto code = errors::v1::ERROR_CODE_DEADLINE_EXCEEDED;
  const absl::Time past = absl::Now() - absl::Seconds(1);
  SongRun songs;
  EXPECT_THAT(store().Upsert(BatchOf({PlayAt(1, "T")}, 1, SOURCE_SPOTIFY), past), ErrorIs(code));
  EXPECT_THAT(store().Read({.user_id = 1, .limit = 1}, past, songs), ErrorIs(code));
  EXPECT_THAT(store().Erase(1, 1, past), ErrorIs(code));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContractTest, ::testing::Bool(), StoreContractTest::NameOf);

}  // namespace
}  // namespace playlog::song_store
