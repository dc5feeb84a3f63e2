// How the listing comes to have what the plays have, and no more.

#include "services/song_store/listing_filler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/db/migrate.h"
#include "common/testing/matchers.h"
#include "services/song_store/testing.h"
#include "song_store_migrations.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using songs::v1::Play;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;

class ListingFillerTest : public ::testing::Test {
 protected:
  void Upsert(const std::vector<Play>& plays, std::int64_t user_id,
              songs::v1::Source source = SOURCE_SPOTIFY) {
    ASSERT_THAT(postgres_.store().Upsert(BatchOf(plays, user_id, source), Soon()), IsOk());
  }
  void Fill() { FillListing(postgres_.pool()); }
  std::string Ask(const std::string& sql) {
    return postgres_.database().Execute("SELECT (" + sql + ")::text FROM (SELECT) AS one");
  }
  std::string Count(const std::string& table) {
    return Ask(absl::StrCat("SELECT count(*) FROM song_store.", table));
  }
  // What the listing should have but has not, or has but should not.
  std::string Differences() {
    return Ask(R"sql(
      SELECT count(*) FROM song_store.plays AS p FULL JOIN song_store.listed_plays AS l USING (id)
      LEFT JOIN song_store.listed_tracks AS t ON t.id = l.track_id
      WHERE p.id IS NULL OR l.id IS NULL OR t.id IS NULL
        OR (p.user_id, p.played_at, p.batch_id, p.source, coalesce(p.loved, false),
            coalesce(p.streamable, false), p.duration_ms, lower(p.title || E'\n' || p.artist ||
            E'\n' || p.album), lower(p.track_mbid || E'\n' || p.artist_mbid || E'\n' ||
            p.album_mbid))
        <> (l.user_id, l.played_at, l.batch_id, l.source, l.loved, l.streamable, t.duration_ms,
            t.words, t.mbids))sql");
  }
  std::string OrphanedTracks() {
    return Ask(
        "SELECT count(*) FROM song_store.listed_tracks AS t WHERE NOT EXISTS (SELECT FROM "
        "song_store.listed_plays WHERE track_id = t.id)");
  }
  std::string CountsOf(std::int64_t user_id) {
    return Ask(
        absl::StrCat("SELECT string_agg(source || ':' || plays, ' ' ORDER BY source) FROM "
                     "song_store.listed_users WHERE user_id = ",
                     user_id));
  }

  PostgresFixture postgres_;
};

std::vector<Play> Plays(int count, int titles, int first = 0) {
  std::vector<Play> plays;
  for (int i = 0; i < count; ++i) {
    plays.push_back(
        PlayAt(std::int64_t{first + i} * 1'000'000, absl::StrCat("Title ", i % titles)));
  }
  return plays;
}

TEST_F(ListingFillerTest, ListsWhatWasStoredAndThenNothing) {
  ListingFiller filler(postgres_.pool());
  EXPECT_THAT(filler.Step(), IsOkAndHolds(false));
  Upsert(Plays(40, 7), 1);
  Upsert(Plays(30, 7), 2, SOURCE_LASTFM);
  EXPECT_EQ(Count("listing_queue"), "2");
  EXPECT_THAT(ReadListingLag(postgres_.pool(), Soon())->batches, 2);
  EXPECT_THAT(filler.Step(), IsOkAndHolds(true));
  EXPECT_THAT(filler.Step(), IsOkAndHolds(false));
  EXPECT_EQ(Count("listed_plays"), "70");
  EXPECT_EQ(Count("listed_tracks"), "7");
  EXPECT_EQ(Differences(), "0");
  EXPECT_EQ(CountsOf(1), "1:40");
  EXPECT_EQ(CountsOf(2), "2:30");
  EXPECT_EQ(ReadListingLag(postgres_.pool(), Soon())->batches, 0);
}

TEST_F(ListingFillerTest, FollowsPlaysThatAreCompletedAndForgetsWhatNoneHasAnyMore) {
  std::vector<Play> plays = Plays(20, 5);
  Upsert(plays, 1);
  Fill();
  for (Play& play : plays) {
    play.set_album("Album");
    play.set_loved(true);
    play.set_track_mbid("ABC-1");
  }
  Upsert({plays.begin(), plays.begin() + 10}, 1, SOURCE_LASTFM);
  Fill();
  EXPECT_EQ(Differences(), "0");
  EXPECT_EQ(Count("listed_tracks"), "10");
  Upsert(plays, 1, SOURCE_LASTFM);
  Fill();
  EXPECT_EQ(Differences(), "0");
  EXPECT_EQ(Count("listed_tracks"), "5");
  EXPECT_EQ(OrphanedTracks(), "0");
  EXPECT_EQ(CountsOf(1), "1:20");
}

TEST_F(ListingFillerTest, ABatchThatChangesNothingIsNotQueued) {
  Upsert(Plays(10, 10), 1);
  Fill();
  Upsert(Plays(10, 10), 1);
  EXPECT_EQ(Count("listing_queue"), "0");
}

TEST_F(ListingFillerTest, ListsALongSpanInParts) {
  Upsert(Plays(1'000, 9), 1);
  Upsert(Plays(1'000, 9, 1'000), 1);
  Upsert(Plays(500, 9, 2'000), 1);
  // As the migration queues what was there before: one row for all of a user's plays.
  postgres_.database().Execute(
      "TRUNCATE song_store.listing_queue; INSERT INTO song_store.listing_queue (user_id, "
      "first_played_at, last_played_at) VALUES (1, '-infinity', 'infinity')");
  ListingFiller filler(postgres_.pool());
  int steps = 0;
  while (*filler.Step()) ++steps;
  EXPECT_GE(steps, 3);
  EXPECT_EQ(Count("listed_plays"), "2500");
  EXPECT_EQ(Differences(), "0");
}

TEST_F(ListingFillerTest, ListsPlaysOfOneInstantThatDoNotFitIntoOneStep) {
  std::vector<Play> plays;
  for (int i = 0; i < 900; ++i) plays.push_back(PlayAt(5, absl::StrCat("A", i)));
  Upsert(plays, 1);
  for (Play& play : plays) play.set_title("B" + play.title());
  Upsert(plays, 1);
  Fill();
  EXPECT_EQ(Count("listed_plays"), "1800");
  EXPECT_EQ(Differences(), "0");
}

TEST_F(ListingFillerTest, SeveralFillersAndWritersEndWithTheSame) {
  std::atomic<bool> stopped = false;
  std::vector<std::thread> fillers;
  for (int i = 0; i < 2; ++i) {
    fillers.emplace_back([&] {
      ListingFiller filler(postgres_.pool());
      while (!stopped) EXPECT_THAT(filler.Step(), IsOk());
    });
  }
  for (int round = 0; round < 30; ++round) {
    std::vector<Play> plays = Plays(30, 6, round % 4 * 10);
    for (Play& play : plays) play.set_album(absl::StrCat("Album ", round % 3));
    Upsert(plays, 1 + round % 3);
  }
  stopped = true;
  for (std::thread& filler : fillers) filler.join();
  Fill();
  EXPECT_EQ(Differences(), "0");
  EXPECT_EQ(OrphanedTracks(), "0");
}

TEST_F(ListingFillerTest, NothingOfAnErasedUserIsLeft) {
  Upsert(Plays(300, 30), 1);
  Upsert(Plays(10, 10), 2);
  std::vector<Play> own = {PlayAt(1, "Only mine")};
  Upsert(own, 1);
  Fill();
  Upsert({PlayAt(2, "Queued")}, 1);
  ASSERT_THAT(postgres_.store().MarkErased(1, Soon()), IsOk());
  EXPECT_THAT(postgres_.store().Erase(1, 100, Soon()), IsOkAndHolds(100));
  while (*postgres_.store().Erase(1, 100, Soon()) == 100) {
  }
  Fill();
  for (const std::string table : {"listed_plays", "listing_queue", "listed_users"}) {
    EXPECT_EQ(Ask(absl::StrCat("SELECT count(*) FROM song_store.", table, " WHERE user_id = 1")),
              "0")
        << table;
  }
  EXPECT_EQ(Differences(), "0");
  EXPECT_EQ(OrphanedTracks(), "0");
  EXPECT_EQ(Count("listed_tracks"), "10");
}

TEST_F(ListingFillerTest, AnErasureThatMeetsFillersLeavesNothingBehind) {
  for (int round = 1; round <= 20; ++round) {
    std::atomic<bool> stopped = false;
    Upsert(Plays(200, 20), round);
    std::thread filler([&] {
      ListingFiller work(postgres_.pool());
      while (!stopped) EXPECT_THAT(work.Step(), IsOk());
    });
    ASSERT_THAT(postgres_.store().MarkErased(round, Soon()), IsOk());
    ASSERT_THAT(postgres_.store().Erase(round, 1'000, Soon()), IsOk());
    stopped = true;
    filler.join();
    Fill();
    ASSERT_EQ(Count("listed_plays"), "0") << round;
    ASSERT_EQ(Count("listed_tracks"), "0") << round;
  }
}

// A store that was there before the listing is listed whole.
TEST(ListingMigrationTest, QueuesEveryUserOnce) {
  testing::TestDatabase database;
  const std::vector<EmbeddedFile> all(SongStoreMigrations().begin(), SongStoreMigrations().end());
  const auto migrate = [&](std::size_t count) {
    return db::Migrate({.url = Secret(database.url()),
                        .schema = "song_store",
                        .files = std::span(all).first(count),
                        .deadline = Soon()});
  };
  const auto listing = std::find_if(all.begin(), all.end(), [](const EmbeddedFile& file) {
    return file.name.ends_with("_listing.sql");
  });
  ASSERT_NE(listing, all.end());
  ASSERT_THAT(migrate(static_cast<std::size_t>(listing - all.begin())), IsOk());
  database.Execute(
      "INSERT INTO song_store.plays (user_id, played_at, batch_id, duration_ms, source, digest, "
      "title, artist, album, album_thumbnail, track_url, artists_url, artist_lastfm_url, "
      "track_mbid, artist_mbid, album_mbid, album_thumbnail_small, album_thumbnail_medium, "
      "album_thumbnail_large, album_thumbnail_extralarge) "
      "SELECT u, to_timestamp(p), 1, 0, 1, decode(md5(p::text), 'hex'), 'T', 'A', '', '', '', '', "
      "'', '', '', '', '', '', '', '' FROM generate_series(1, 9, 4) u, generate_series(1, 50) p");
  ASSERT_THAT(migrate(all.size()), IsOk());
  EXPECT_EQ(database.Execute("SELECT string_agg(user_id::text, ' ' ORDER BY user_id) FROM "
                             "song_store.listing_queue"),
            "1 5 9");
  const auto pool = *db::Pool::Create({.url = Secret(database.url()), .schema = "song_store"});
  FillListing(*pool);
  EXPECT_EQ(database.Execute("SELECT count(*)::text FROM song_store.listed_plays"), "150");
}

}  // namespace
}  // namespace playlog::song_store
