// What staff find in the listing: each way of asking against a plain look at every play.

#include "services/song_store/listing.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/testing/matchers.h"
#include "services/song_store/testing.h"

namespace playlog::song_store {
namespace {

using google::protobuf::util::TimeUtil;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using songs::v1::ListedSong;
using songs::v1::Play;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// So little at a time that every answer comes in parts.
constexpr ListingLimits kTiny = {.tracks = 6,
                                 .tracks_to_merge = 3,
                                 .users_to_merge = 1,
                                 .plays = 11,
                                 .plays_with_texts = 7,
                                 .tracks_walked = 4,
                                 .plays_sorted = 9,
                                 .plays_counted = 13,
                                 .plays_of_periods = 17,
                                 .plays_counted_with_texts = 7,
                                 .batches = 2};

constexpr ListColumn kColumns[] = {
    ListColumn::kId,         ListColumn::kPlayedAt,   ListColumn::kUserId,  ListColumn::kTitle,
    ListColumn::kArtist,     ListColumn::kAlbum,      ListColumn::kSource,  ListColumn::kLoved,
    ListColumn::kStreamable, ListColumn::kDurationMs, ListColumn::kBatchId, ListColumn::kTrackMbid,
    ListColumn::kArtistMbid, ListColumn::kAlbumMbid};

// The value of a column, comparable among songs.
std::tuple<std::int64_t, std::string> ValueOf(const ListedSong& listed, ListColumn column) {
  const songs::v1::Song& song = listed.song();
  const auto text = [](const std::string& value) {
    return std::tuple(std::int64_t{0}, absl::AsciiStrToLower(value));
  };
  const auto number = [](std::int64_t value) { return std::tuple(value, std::string()); };
  switch (column) {
    case ListColumn::kId:
      return number(song.id());
    case ListColumn::kPlayedAt:
      return number(TimeUtil::TimestampToMicroseconds(song.played_at()));
    case ListColumn::kUserId:
      return number(listed.user_id());
    case ListColumn::kTitle:
      return text(song.title());
    case ListColumn::kArtist:
      return text(song.artist());
    case ListColumn::kAlbum:
      return text(song.album());
    case ListColumn::kSource:
      return number(song.source());
    case ListColumn::kLoved:
      return number(song.loved() ? 1 : 0);
    case ListColumn::kStreamable:
      return number(song.streamable() ? 1 : 0);
    case ListColumn::kDurationMs:
      return number(song.duration_ms());
    case ListColumn::kBatchId:
      return number(listed.batch_id());
    case ListColumn::kTrackMbid:
      return text(song.track_mbid());
    case ListColumn::kArtistMbid:
      return text(song.artist_mbid());
    case ListColumn::kAlbumMbid:
      return text(song.album_mbid());
  }
  return number(0);
}

bool HasWord(const ListedSong& listed, const ListWord& word) {
  const songs::v1::Song& song = listed.song();
  const std::string text = absl::AsciiStrToLower(word.text);
  for (const std::string& field : {song.title(), song.artist(), song.album()}) {
    if (absl::StrContains(absl::AsciiStrToLower(field), text)) return true;
  }
  for (const std::string& mbid : {song.track_mbid(), song.artist_mbid(), song.album_mbid()}) {
    if (absl::StartsWith(absl::AsciiStrToLower(mbid), text)) return true;
  }
  return std::find(word.user_ids.begin(), word.user_ids.end(), listed.user_id()) !=
         word.user_ids.end();
}

bool Takes(const ListFilter& filter, const ListedSong& listed) {
  const songs::v1::Song& song = listed.song();
  const absl::Time played_at =
      absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(song.played_at()));
  const std::string mbids[] = {song.track_mbid(), song.artist_mbid(), song.album_mbid()};
  for (int i = 0; i < kMbids; ++i) {
    if (filter.mbids[i].has_value() && !absl::EqualsIgnoreCase(*filter.mbids[i], mbids[i])) {
      return false;
    }
  }
  return std::all_of(filter.words.begin(), filter.words.end(),
                     [&](const ListWord& word) { return HasWord(listed, word); }) &&
         filter.source.value_or(song.source()) == song.source() &&
         filter.loved.value_or(song.loved()) == song.loved() &&
         filter.streamable.value_or(song.streamable()) == song.streamable() &&
         filter.user_id.value_or(listed.user_id()) == listed.user_id() &&
         filter.batch_id.value_or(listed.batch_id()) == listed.batch_id() &&
         filter.from.value_or(played_at) <= played_at &&
         (!filter.until.has_value() || played_at < *filter.until);
}

std::string Mbid(int number) {
  return absl::StrCat("0bad", number, "fe-0000-4000-8000-00000000000", number);
}

// One store for all tests of the reading, since none changes it.
class ListingTest : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    if (postgres_ != nullptr) return;
    postgres_ = new PostgresFixture();
    std::mt19937 random(7);
    const auto pick = [&random](int below) { return static_cast<int>(random() % below); };
    const std::vector<std::string> words = {"Love", "Lovely", "Bad", "Sun", "x%y_z", "Ada"};
    for (int batch = 0; batch < 12; ++batch) {
      std::vector<Play> plays;
      for (int i = 0; i < 12; ++i) {
        // Times meet, so that ties have to be broken.
        Play play = PlayAt(1'500'000'000'000'000 + std::int64_t{pick(40)} * 1'000'000'000'000,
                           absl::StrCat(words[pick(6)], " ", words[pick(6)], " ", pick(3)));
        play.set_artist(words[pick(6)]);
        if (pick(2) == 0) play.set_album(words[pick(6)]);
        play.set_duration_ms(pick(3) * 1'000);
        if (pick(3) == 0) play.set_loved(pick(2) == 0);
        if (pick(4) == 0) play.set_streamable(pick(2) == 0);
        if (pick(2) == 0) play.set_track_mbid(Mbid(pick(3)));
        if (pick(3) == 0) play.set_artist_mbid(Mbid(pick(3)));
        if (pick(3) == 0) play.set_album_mbid("AB" + Mbid(pick(2)));
        plays.push_back(std::move(play));
      }
      const songs::v1::Source source = batch % 3 == 0 ? SOURCE_LASTFM : SOURCE_SPOTIFY;
      ASSERT_THAT(postgres_->store().Upsert(BatchOf(plays, 1 + batch % 4, source), Soon()), IsOk());
    }
    FillListing(postgres_->pool());
    Listing listing(postgres_->pool());
    const auto page = listing.Page(*listing.Find({}, Soon()), {}, std::nullopt, 10'000, Soon());
    ASSERT_THAT(page, IsOk());
    all_ = new std::vector<ListedSong>(page->songs.begin(), page->songs.end());
    ASSERT_GT(all_->size(), 100U);
    ASSERT_FALSE(page->next.has_value());
  }

  ListingTest() : listing_(postgres_->pool(), GetParam() ? kTiny : ListingLimits()) {}

  static std::multiset<std::int64_t> Expected(const ListFilter& filter) {
    std::multiset<std::int64_t> ids;
    for (const ListedSong& song : *all_) {
      if (Takes(filter, song)) ids.insert(song.song().id());
    }
    return ids;
  }

  Search Find(const ListFilter& filter) {
    absl::StatusOr<Search> search = listing_.Find(filter, Soon());
    EXPECT_THAT(search, IsOk());
    return *std::move(search);
  }

  // All pages of a list.
  std::vector<ListedSong> Walk(const ListFilter& filter, const ListOrder& order, int limit) {
    const Search search = Find(filter);
    std::vector<ListedSong> songs;
    std::optional<ListPosition> after;
    for (int pages = 0; pages < 1'000; ++pages) {
      const auto page = listing_.Page(search, order, after, limit, Soon());
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return songs;
      EXPECT_LE(page->songs.size(), limit);
      songs.insert(songs.end(), page->songs.begin(), page->songs.end());
      if (!page->next.has_value()) return songs;
      // A position survives being a cursor.
      after = DecodeListPosition(EncodeListPosition(*page->next));
      EXPECT_EQ(after, page->next);
    }
    ADD_FAILURE() << "the list has no end";
    return songs;
  }

  void Check(const ListFilter& filter, const ListOrder& order, int limit) {
    const std::vector<ListedSong> songs = Walk(filter, order, limit);
    std::multiset<std::int64_t> ids;
    for (const ListedSong& song : songs) ids.insert(song.song().id());
    EXPECT_EQ(ids, Expected(filter));
    for (std::size_t i = 1; i < songs.size(); ++i) {
      const auto before = ValueOf(songs[i - 1], order.column);
      const auto behind = ValueOf(songs[i], order.column);
      EXPECT_TRUE(order.is_descending ? before >= behind : before <= behind)
          << i << ": " << songs[i - 1].ShortDebugString() << " | " << songs[i].ShortDebugString();
    }
  }

  // Every kind of filter, some of which find nothing.
  static std::vector<ListFilter> Filters() {
    const absl::Time middle =
        absl::FromUnixMicros(1'500'000'000'000'000 + std::int64_t{20} * 1'000'000'000'000);
    std::vector<ListFilter> filters = {
        {},
        {.words = {{"love"}}},
        {.words = {{"LOVELY"}, {"bad"}}},
        {.words = {{"%"}}},
        {.words = {{"x%y_z"}}},
        {.words = {{"0bad"}}},
        {.words = {{Mbid(1)}}},
        {.words = {{"nowhere"}}},
        {.words = {{"sun", {2, 3}}}},
        {.words = {{"nowhere", {2}}, {"ada"}}},
        {.words = {{"su"}, {"ov", {1, 2, 4}}}},
        {.source = SOURCE_LASTFM},
        {.loved = true},
        {.loved = false},
        {.streamable = true},
        {.streamable = false, .user_id = 2},
        {.user_id = 3},
        {.user_id = 99},
        {.batch_id = (*all_)[0].batch_id()},
        {.from = middle},
        {.until = middle},
        {.user_id = 1, .from = middle, .until = middle + absl::Hours(24 * 100)},
        {.words = {{"love"}}, .source = SOURCE_SPOTIFY, .loved = false, .from = middle},
        {.words = {{"bad", {1}}}, .user_id = 1},
        {.source = SOURCE_LASTFM, .loved = true, .streamable = true}};
    for (int i = 0; i < kMbids; ++i) {
      ListFilter filter;
      filter.mbids[i] = i == 2 ? "ab" + Mbid(1) : absl::AsciiStrToUpper(Mbid(1));
      filters.push_back(filter);
      filter.words = {{"love"}};
      filters.push_back(filter);
    }
    return filters;
  }

  static PostgresFixture* postgres_;
  static std::vector<ListedSong>* all_;
  Listing listing_;
};

PostgresFixture* ListingTest::postgres_ = nullptr;
std::vector<ListedSong>* ListingTest::all_ = nullptr;

TEST_P(ListingTest, EveryFilterInEveryOrderFindsEveryPlayOnce) {
  int number = 0;
  for (const ListFilter& filter : Filters()) {
    for (const ListColumn column : kColumns) {
      for (const bool is_descending : {false, true}) {
        SCOPED_TRACE(absl::StrCat("filter ", number, ", column ", static_cast<int>(column),
                                  is_descending ? " down" : " up"));
        Check(filter, {column, is_descending}, GetParam() ? 7 : 25);
        if (HasFailure()) return;
      }
    }
    ++number;
  }
}

TEST_P(ListingTest, APageOfOneSongLosesNothing) {
  for (const ListColumn column : kColumns) {
    SCOPED_TRACE(static_cast<int>(column));
    Check({.words = {{"sun"}}}, {column, true}, 1);
    Check({.source = SOURCE_LASTFM}, {column, false}, 1);
  }
}

TEST_P(ListingTest, CountsAreNeverMoreThanThereAreAndExactWhereTheySaySo) {
  int exact = 0;
  for (const ListFilter& filter : Filters()) {
    const auto count = listing_.Count(Find(filter), Soon());
    ASSERT_THAT(count, IsOk());
    const auto expected = static_cast<std::int64_t>(Expected(filter).size());
    EXPECT_LE(count->count(), expected);
    if (!count->capped()) {
      EXPECT_EQ(count->count(), expected);
      ++exact;
    }
  }
  EXPECT_GE(exact, GetParam() ? 8 : static_cast<int>(Filters().size()));
}

TEST_P(ListingTest, CountsOfPeriodsAddUp) {
  for (const songs::v1::Period period : {songs::v1::PERIOD_YEAR, songs::v1::PERIOD_MONTH}) {
    for (const ListFilter& filter : Filters()) {
      const auto periods = listing_.CountByPeriod(Find(filter), period, Soon());
      ASSERT_THAT(periods, IsOk());
      std::int64_t sum = 0;
      bool capped = false;
      for (std::size_t i = 0; i < periods->size(); ++i) {
        const PeriodPlays& plays = (*periods)[i];
        sum += plays.plays.count();
        capped = capped || plays.plays.capped();
        EXPECT_LT(plays.from, plays.until);
        EXPECT_TRUE(i == 0 || plays.until <= (*periods)[i - 1].from);
      }
      const auto expected = static_cast<std::int64_t>(Expected(filter).size());
      EXPECT_TRUE(capped ? sum <= expected : sum == expected) << sum << ", not " << expected;
      EXPECT_TRUE(GetParam() || !capped);
    }
  }
}

TEST_P(ListingTest, RefusesTooManyPeriods) {
  EXPECT_THAT(listing_.CountByPeriod(Find({}), songs::v1::PERIOD_DAY, Soon()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
}

TEST_P(ListingTest, ReturnsOneSongWithItsBatch) {
  const ListedSong& song = (*all_)[3];
  const auto found = listing_.Get(song.song().id(), Soon());
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->result().DebugString(), song.DebugString());
  EXPECT_EQ((*found)->batch().id(), song.batch_id());
  EXPECT_EQ((*found)->batch().user_id(), song.user_id());
  EXPECT_EQ((*found)->batch().origin(), "fetch");
  EXPECT_FALSE(listing_.Get(1'000'000, Soon())->has_value());
}

TEST_P(ListingTest, ListsBatchesNewestFirst) {
  for (const BatchQuery& query :
       {BatchQuery{.limit = 5}, BatchQuery{.user_id = 2, .limit = 1},
        BatchQuery{.source = SOURCE_LASTFM, .limit = 3}, BatchQuery{.origin = "sync", .limit = 3},
        BatchQuery{.user_id = 1, .source = SOURCE_LASTFM, .origin = "fetch", .limit = 9}}) {
    std::vector<songs::v1::SongBatch> batches;
    BatchQuery next = query;
    for (int pages = 0; pages < 100; ++pages) {
      const auto page = listing_.Batches(next, Soon());
      ASSERT_THAT(page, IsOk());
      batches.insert(batches.end(), page->batches.begin(), page->batches.end());
      if (!page->next.has_value()) break;
      next.before = page->next;
    }
    std::set<std::int64_t> expected;
    for (int batch = 0; batch < 12; ++batch) {
      const bool is_lastfm = batch % 3 == 0;
      if (query.user_id.value_or(1 + batch % 4) != 1 + batch % 4) continue;
      if (query.source.has_value() && is_lastfm != (*query.source == SOURCE_LASTFM)) continue;
      if (query.origin.value_or("fetch") != "fetch") continue;
      expected.insert(batch + 1);
    }
    std::set<std::int64_t> found;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      found.insert(batches[i].id());
      EXPECT_TRUE(i == 0 || batches[i].id() < batches[i - 1].id());
    }
    EXPECT_EQ(found, expected);
    EXPECT_EQ(batches.size(), expected.size());
  }
}

TEST_P(ListingTest, CountsTheSongsOfUsers) {
  const std::int64_t asked[] = {3, 99, 1};
  const auto counts = listing_.CountOfUsers(asked, Soon());
  ASSERT_THAT(counts, IsOk());
  ASSERT_EQ(counts->size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((*counts)[i].user_id(), asked[i]);
    for (const songs::v1::SourceCount& of_source : (*counts)[i].by_source()) {
      EXPECT_EQ(of_source.songs().count(),
                static_cast<std::int64_t>(
                    Expected({.source = of_source.source(), .user_id = asked[i]}).size()));
      EXPECT_FALSE(of_source.songs().capped());
    }
  }
}

TEST_P(ListingTest, FindsWordsWhateverTheirAccentsAndScript) {
  PostgresFixture postgres;
  Play accents = PlayAt(1, "D\u00e9j\u00e0 Vu");
  accents.set_artist("Beyonc\u00e9");
  Play cyrillic = PlayAt(2, "\u041b\u044e\u0431\u043e\u0432\u044c");
  Play japanese = PlayAt(3, "\u6771\u4eac\u4e8b\u5909");
  Play two_lines = PlayAt(4, "one\ntwo");
  ASSERT_THAT(postgres.store().Upsert(
                  BatchOf({accents, cyrillic, japanese, two_lines}, 1, SOURCE_SPOTIFY), Soon()),
              IsOk());
  FillListing(postgres.pool());
  Listing listing(postgres.pool(), GetParam() ? kTiny : ListingLimits());
  const auto titles = [&](const std::string& word) {
    std::vector<std::string> found;
    const auto page =
        listing.Page(*listing.Find({.words = {{word}}}, Soon()), {}, std::nullopt, 10, Soon());
    EXPECT_THAT(page, IsOk());
    for (const ListedSong& song : page->songs) found.push_back(song.song().title());
    return found;
  };
  EXPECT_THAT(titles("DEJA"), ElementsAre(accents.title()));
  EXPECT_THAT(titles("beyonce\u0301"), ElementsAre(accents.title()));
  EXPECT_THAT(titles("\u041b\u042e\u0411\u041e"), ElementsAre(cyrillic.title()));
  EXPECT_THAT(titles("\u4eac\u4e8b\u5909"), ElementsAre(japanese.title()));
  EXPECT_THAT(titles("\u6771"), ElementsAre(japanese.title()));
  EXPECT_THAT(titles("one"), ElementsAre(two_lines.title()));
  EXPECT_THAT(titles("vube"), IsEmpty());  // Not across two fields.
}

TEST_P(ListingTest, ListsTextsThatAreLongerThanAnIndexTakes) {
  PostgresFixture postgres;
  std::vector<Play> plays;
  for (int i = 0; i < 3; ++i) {
    std::string title;
    for (int j = 0; j < 990; ++j) title += "\U0001F600";
    Play play = PlayAt(i, title + absl::StrCat("x", i));
    play.set_artist(title);
    plays.push_back(play);
  }
  ASSERT_THAT(postgres.store().Upsert(BatchOf(plays, 1, SOURCE_SPOTIFY), Soon()), IsOk());
  FillListing(postgres.pool());
  Listing listing(postgres.pool(), GetParam() ? kTiny : ListingLimits());
  const Search search = *listing.Find({.words = {{"x2"}}}, Soon());
  EXPECT_EQ(listing.Page(search, {}, std::nullopt, 10, Soon())->songs.size(), 1);
  const auto page =
      listing.Page(*listing.Find({}, Soon()), {ListColumn::kTitle, true}, std::nullopt, 10, Soon());
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->songs.size(), 3);
}

INSTANTIATE_TEST_SUITE_P(Limits, ListingTest, ::testing::Bool(),
                         [](const auto& tiny) { return tiny.param ? "Tiny" : "Usual"; });

}  // namespace
}  // namespace playlog::song_store
