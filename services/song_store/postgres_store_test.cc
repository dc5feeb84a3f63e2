#include "services/song_store/postgres_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/testing/matchers.h"
#include "services/song_store/testing.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using songs::v1::Play;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;

std::vector<Play> Plays(int count) {
  std::vector<Play> plays;
  for (int i = 0; i < count; ++i) {
    plays.push_back(PlayAt(std::int64_t{1'000'000} * i, absl::StrCat("Title ", i)));
  }
  return plays;
}

TEST(PostgresSongStore, WritesNothingWhenNothingIsNew) {
  PostgresFixture fixture;
  const TestBatch batch = BatchOf(Plays(100), 1, SOURCE_SPOTIFY);
  ASSERT_THAT(fixture.store().Upsert(batch, Soon()), IsOkAndHolds(UpsertCounts{.inserted = 100}));
  const std::string rows =
      "SELECT md5(string_agg(concat(ctid, xmin, xmax, plays), ',' ORDER BY id)) FROM"
      " song_store.plays";
  const std::string sequences =
      "SELECT concat((SELECT last_value FROM song_store.plays_id_seq), ' ',"
      " (SELECT last_value FROM song_store.batches_id_seq), ' ',"
      " (SELECT count(*) FROM song_store.batches))";
  const std::string rows_before = fixture.database().Execute(rows);
  EXPECT_EQ(fixture.database().Execute(sequences), "100 1 1");
  // A transaction that writes takes a number. The server's own housekeeping may take one too, hence
  // more than one try.
  const std::string number = "SELECT pg_snapshot_xmax(pg_current_snapshot())";
  const std::string revision = "SELECT revision FROM song_store.user_revisions WHERE user_id = 1";
  const std::string revision_before = fixture.database().Execute(revision);
  // The one knows the batch again, the other looks at each play.
  const std::unique_ptr<SongStore> other = fixture.OtherStore();
  for (SongStore* store : {&fixture.store(), other.get()}) {
    bool wrote_nothing = false;
    for (int i = 0; i < 5 && !wrote_nothing; ++i) {
      const std::string before = fixture.database().Execute(number);
      ASSERT_THAT(store->Upsert(batch, Soon()), IsOkAndHolds(UpsertCounts{.unchanged = 100}));
      wrote_nothing = fixture.database().Execute(number) == before;
    }
    EXPECT_TRUE(wrote_nothing);
  }
  EXPECT_EQ(fixture.database().Execute(revision), revision_before);
  EXPECT_EQ(fixture.database().Execute(rows), rows_before);
  EXPECT_EQ(fixture.database().Execute(sequences), "100 1 1");
}

TEST(PostgresSongStore, LooksAtABatchAgainThatAnotherProcessHasChanged) {
  PostgresFixture fixture;
  const std::unique_ptr<SongStore> other = fixture.OtherStore();
  std::vector<Play> plays = Plays(3);
  for (Play& play : plays) play.set_loved(false);
  const TestBatch batch = BatchOf(plays, 1, SOURCE_SPOTIFY);
  plays[1].set_loved(true);
  const TestBatch opposite = BatchOf(plays, 1, SOURCE_SPOTIFY);
  ASSERT_THAT(fixture.store().Upsert(batch, Soon()), IsOkAndHolds(UpsertCounts{.inserted = 3}));
  for (int round = 0; round < 3; ++round) {
    EXPECT_THAT(fixture.store().Upsert(batch, Soon()), IsOkAndHolds(UpsertCounts{.unchanged = 3}));
    EXPECT_THAT(other->Upsert(opposite, Soon()),
                IsOkAndHolds(UpsertCounts{.updated = 1, .unchanged = 2}));
    EXPECT_THAT(fixture.store().Upsert(batch, Soon()),
                IsOkAndHolds(UpsertCounts{.updated = 1, .unchanged = 2}));
  }
  EXPECT_THAT(other->Erase(1, 2, Soon()), IsOkAndHolds(2));
  EXPECT_THAT(fixture.store().Upsert(batch, Soon()),
              IsOkAndHolds(UpsertCounts{.inserted = 2, .unchanged = 1}));
}

// A store that has stored two batches of one user, the first of which it knows again.
class BatchesApart : public ::testing::Test {
 protected:
  BatchesApart() {
    Expect(first_, {.inserted = 3});
    Expect(second_, {.inserted = 1});
  }
  void Expect(const TestBatch& batch, const UpsertCounts& counts) {
    EXPECT_THAT(fixture_.store().Upsert(batch, Soon()), IsOkAndHolds(counts));
  }
  // Whether the store knows the batch without a look at a single play.
  bool Knows(const TestBatch& batch) {
    fixture_.database().Execute("ALTER TABLE song_store.plays RENAME TO hidden_plays");
    const bool known = fixture_.store().Upsert(batch, Soon()).ok();
    fixture_.database().Execute("ALTER TABLE song_store.hidden_plays RENAME TO plays");
    return known;
  }
  void ChangeByHand(const std::string& statement) { fixture_.database().Execute(statement); }

  PostgresFixture fixture_;
  const TestBatch first_ = BatchOf(Plays(3), 1, SOURCE_SPOTIFY);
  const TestBatch second_ = BatchOf({PlayAt(7'000'000'000, "Later")}, 1, SOURCE_SPOTIFY);
};

TEST_F(BatchesApart, AreKnownAgainThoughEachChangedTheUser) {
  EXPECT_TRUE(Knows(first_));
  EXPECT_TRUE(Knows(second_));
  EXPECT_TRUE(Knows(first_));
  EXPECT_FALSE(Knows(BatchOf(Plays(2), 1, SOURCE_SPOTIFY)));
  EXPECT_FALSE(Knows(BatchOf(Plays(3), 2, SOURCE_SPOTIFY)));
}

TEST_F(BatchesApart, AreLookedAtWhenAnotherChangedTheSameTime) {
  const std::unique_ptr<SongStore> other = fixture_.OtherStore();
  ASSERT_THAT(other->Upsert(BatchOf({PlayAt(1'500'000, "Between")}, 1, SOURCE_LASTFM), Soon()),
              IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_FALSE(Knows(first_));
  EXPECT_TRUE(Knows(second_));
  Expect(first_, {.unchanged = 3});
  EXPECT_TRUE(Knows(first_));
}

TEST_F(BatchesApart, AreLookedAtWhenSomethingWasErased) {
  ASSERT_THAT(fixture_.store().Erase(1, 1, Soon()), IsOkAndHolds(1));
  EXPECT_FALSE(Knows(first_));
  EXPECT_FALSE(Knows(second_));
  Expect(second_, {.unchanged = 1});
  Expect(first_, {.inserted = 1, .unchanged = 2});
  EXPECT_TRUE(Knows(first_));
  Expect(second_, {.unchanged = 1});
  EXPECT_TRUE(Knows(second_));
  // The first batch after an erasure must not make what was known before it good again.
  ASSERT_THAT(fixture_.store().Erase(1, 2, Soon()), IsOkAndHolds(2));
  Expect(BatchOf({PlayAt(9'000'000'000, "Latest")}, 1, SOURCE_SPOTIFY), {.inserted = 1});
  Expect(first_, {.inserted = 2, .unchanged = 1});
}

TEST_F(BatchesApart, AreLookedAtWhenRowsWereChangedByHandOrByAnOlderProcess) {
  ChangeByHand("UPDATE song_store.plays SET duration_ms = 0, loved = NULL, title = 'x'");
  ChangeByHand(
      "UPDATE song_store.user_revisions SET revision = song_store.next_revision(revision), "
      "previous = revision");
  EXPECT_FALSE(Knows(first_));
  Expect(BatchOf({PlayAt(9'000'000'000, "Latest")}, 1, SOURCE_SPOTIFY), {.inserted = 1});
  EXPECT_FALSE(Knows(first_));
  EXPECT_FALSE(Knows(second_));
}

TEST_F(BatchesApart, AreLookedAtInADatabaseThatWasRestoredFromBefore) {
  // As it was before the second batch, and then stored in by another process.
  ChangeByHand("DELETE FROM song_store.plays WHERE title = 'Later'");
  ChangeByHand("DELETE FROM song_store.batches WHERE inserted = 1");
  ChangeByHand(
      "UPDATE song_store.user_revisions SET revision = previous, recorded_revision = previous");
  const std::unique_ptr<SongStore> other = fixture_.OtherStore();
  ASSERT_THAT(other->Upsert(BatchOf({PlayAt(9'000'000'000, "Latest")}, 1, SOURCE_LASTFM), Soon()),
              IsOkAndHolds(UpsertCounts{.inserted = 1}));
  Expect(second_, {.inserted = 1});
  Expect(first_, {.unchanged = 3});
}

TEST(PostgresSongStore, WritesOnlyWhatIsNewOrDiffers) {
  PostgresFixture fixture;
  std::vector<Play> plays = Plays(10);
  ASSERT_TRUE(fixture.store().Upsert(BatchOf(plays, 1, SOURCE_SPOTIFY), Soon()).ok());
  plays[3].set_album("Album");
  plays.push_back(PlayAt(77, "New"));
  EXPECT_THAT(fixture.store().Upsert(BatchOf(plays, 1, SOURCE_LASTFM), Soon()),
              IsOkAndHolds(UpsertCounts{.inserted = 1, .updated = 1, .unchanged = 9}));
  EXPECT_EQ(fixture.database().Execute(
                "SELECT string_agg(concat_ws(':', id, user_id, source, origin, inserted, updated),"
                " ' ' ORDER BY id) FROM song_store.batches"),
            "1:1:1:fetch:10:0 2:1:2:fetch:1:1");
  // A play keeps the batch and the source that brought it first.
  EXPECT_EQ(fixture.database().Execute(
                "SELECT string_agg(DISTINCT concat_ws(':', title, batch_id, source), ' ') FROM"
                " song_store.plays WHERE title IN ('New', 'Title 3')"),
            "New:2:2 Title 3:1:1");
}

TEST(PostgresSongStore, ErasesTheBatchesToo) {
  PostgresFixture fixture;
  ASSERT_TRUE(fixture.store().Upsert(BatchOf(Plays(3), 1, SOURCE_SPOTIFY), Soon()).ok());
  ASSERT_TRUE(fixture.store().Upsert(BatchOf(Plays(3), 2, SOURCE_SPOTIFY), Soon()).ok());
  ASSERT_THAT(fixture.store().Erase(1, 100, Soon()), IsOkAndHolds(3));
  EXPECT_EQ(fixture.database().Execute("SELECT string_agg(user_id::text, ',') FROM"
                                       " song_store.batches"),
            "2");
}

TEST(PostgresSongStore, ReadsAPageOfALongHistoryThroughTheIndex) {
  PostgresFixture fixture;
  for (int i = 0; i < 10; ++i) {
    std::vector<Play> plays;
    for (int j = 0; j < 1000; ++j)
      plays.push_back(PlayAt(std::int64_t{1'000'000} * (i * 1000 + j), "Title"));
    ASSERT_TRUE(fixture.store().Upsert(BatchOf(plays, 1, SOURCE_SPOTIFY), Soon()).ok());
  }
  fixture.database().Execute("ANALYZE song_store.plays");
  const std::string plan = fixture.database().Execute(
      "CREATE TEMP TABLE plan (line text); DO $$ DECLARE line text; BEGIN FOR line IN EXECUTE"
      " 'EXPLAIN SELECT * FROM song_store.plays WHERE user_id = 1 AND played_at <="
      " ''1970-01-01T01:00Z'' AND (played_at, id) < (''1970-01-01T01:00Z'', 5) ORDER BY played_at"
      " DESC, id DESC LIMIT 50' LOOP INSERT INTO plan VALUES (line); END LOOP; END $$;"
      " SELECT string_agg(line, E'\\n') FROM plan");
  EXPECT_THAT(plan, ::testing::HasSubstr("Incremental Sort"));
  EXPECT_THAT(plan, ::testing::HasSubstr("Index Scan Backward"));
}

TEST(PostgresSongStore, LosesNothingAndRecoversWhenTheServerIsKilled) {
  testing::PostgresCluster cluster;
  PostgresFixture fixture(cluster);
  ASSERT_TRUE(fixture.store().Upsert(BatchOf(Plays(50), 1, SOURCE_SPOTIFY), Soon()).ok());
  cluster.Kill();
  cluster.Start();
  absl::StatusOr<UpsertCounts> counts = absl::UnknownError("not tried");
  const absl::Time limit = absl::Now() + absl::Seconds(5);
  while (!counts.ok() && absl::Now() < limit) {
    counts = fixture.store().Upsert(BatchOf(Plays(60), 1, SOURCE_SPOTIFY), Soon());
  }
  EXPECT_THAT(counts, IsOkAndHolds(UpsertCounts{.inserted = 10, .unchanged = 50}));
}

TEST(PostgresSongStore, AnswersByTheDeadlineWhenTheServerHangs) {
  testing::PostgresCluster cluster;
  PostgresFixture fixture(cluster);
  const TestBatch batch = BatchOf(Plays(50), 1, SOURCE_SPOTIFY);
  ASSERT_TRUE(fixture.store().Upsert(batch, Soon()).ok());
  cluster.Pause();
  const absl::Time deadline = absl::Now() + absl::Milliseconds(300);
  EXPECT_FALSE(fixture.store().Upsert(batch, deadline).ok());
  EXPECT_LT(absl::Now(), deadline + absl::Milliseconds(200));
  cluster.Resume();
  absl::StatusOr<UpsertCounts> counts = absl::UnknownError("not tried");
  const absl::Time limit = absl::Now() + absl::Seconds(5);
  while (!counts.ok() && absl::Now() < limit) counts = fixture.store().Upsert(batch, Soon());
  EXPECT_THAT(counts, IsOkAndHolds(UpsertCounts{.unchanged = 50}));
}

constexpr db::Statement kAdmit{"test_admit", "SELECT admit_user($1::bigint)"};
constexpr db::Statement kMark{"test_mark", "SELECT mark_erased($1::bigint)"};

// A transaction of another process that has run one statement about user 1 and is not committed
// yet.
class OpenTransaction {
 public:
  OpenTransaction(PostgresFixture& fixture, const db::Statement& statement)
      : pool_(*db::Pool::Create({.url = Secret(fixture.database().url()),
                                 .schema = "song_store",
                                 .wait = absl::Seconds(20)})),
        thread_([this, &statement] {
          EXPECT_THAT(pool_->Run(Soon(), db::Effect::kOnce,
                                 [&](db::Transaction& transaction) {
                                   absl::Status status = transaction.Query(statement, 1).status();
                                   begun_.Notify();
                                   committing_.WaitForNotification();
                                   return status;
                                 }),
                      IsOk());
          if (!begun_.HasBeenNotified()) begun_.Notify();
        }) {
    begun_.WaitForNotification();
  }
  void Commit() {
    committing_.Notify();
    thread_.join();
  }

 private:
  absl::Notification begun_;
  absl::Notification committing_;
  std::unique_ptr<db::Pool> pool_;
  std::thread thread_;
};

// Waits until somebody waits for a user's lock.
bool AwaitWaiter(PostgresFixture& fixture) {
  for (const absl::Time end = Soon(); absl::Now() < end;) {
    if (fixture.database().Execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = "
                                   "'advisory' AND database = (SELECT oid FROM pg_database WHERE "
                                   "datname = current_database())") != "0") {
      return true;
    }
  }
  return false;
}

TEST(PostgresSongStore, AnErasureWaitsForAnUpsertThatWasAdmitted) {
  PostgresFixture fixture;
  OpenTransaction upsert(fixture, kAdmit);
  std::atomic<bool> marked = false;
  std::thread erasure([&] {
    EXPECT_THAT(fixture.store().MarkErased(1, Soon()), IsOk());
    marked = true;
  });
  EXPECT_TRUE(AwaitWaiter(fixture));
  EXPECT_FALSE(marked);
  upsert.Commit();
  erasure.join();
}

// The statement of the upsert began before the user was erased, so that what it sees of the tables
// is older than that.
TEST(PostgresSongStore, AnUpsertThatWaitedForAnErasureStoresNothing) {
  PostgresFixture fixture;
  OpenTransaction erasure(fixture, kMark);
  std::thread upsert([&] {
    EXPECT_THAT(fixture.store().Upsert(BatchOf(Plays(3), 1, SOURCE_SPOTIFY), Soon()),
                ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  });
  EXPECT_TRUE(AwaitWaiter(fixture));
  EXPECT_THAT(fixture.store().Upsert(BatchOf(Plays(3), 2, SOURCE_SPOTIFY), Soon()),
              IsOkAndHolds(UpsertCounts{.inserted = 3}));
  erasure.Commit();
  upsert.join();
  EXPECT_EQ(fixture.database().Execute("SELECT count(*) FROM song_store.plays WHERE user_id = 1"),
            "0");
}

}  // namespace
}  // namespace playlog::song_store
