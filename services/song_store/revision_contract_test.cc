// What every SongStore does with the revisions of users' plays: run on the fake and on PostgreSQL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/matchers.h"
#include "services/song_store/contract_test.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOkAndHolds;
using songs::v1::Play;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;

class RevisionContractTest : public ContractTest {
 protected:
  std::int64_t Revision(std::int64_t user_id = 1) {
    const std::int64_t users[] = {user_id};
    const auto revisions = store().Revisions(users, Soon());
    EXPECT_TRUE(revisions.ok()) << revisions.status();
    return revisions.ok() ? revisions->at(user_id) : -1;
  }

  // Expects that the change gives the user a revision that there was not before.
  void ExpectNew(const std::string& change) {
    EXPECT_TRUE(seen_.insert(Revision()).second) << change;
  }

  // Some text that grows with each change: all albums of the user's plays.
  std::string ReadAlbums(std::int64_t user_id) {
    SongRun songs;
    EXPECT_TRUE(store().Read({.user_id = user_id, .limit = 100}, Soon(), songs).ok());
    std::string albums;
    for (const songs::v1::Song& song : MessagesOf(songs))
      albums += song.title() + "=" + song.album() + ";";
    return albums;
  }

 private:
  std::set<std::int64_t> seen_ = {0};
};

TEST_P(RevisionContractTest, EveryChangeGivesANewOne) {
  EXPECT_EQ(Revision(), 0);
  ASSERT_THAT(Upsert({PlayAt(1'000, "A")}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  ExpectNew("a song");
  ASSERT_THAT(Upsert({PlayAt(1'000, "A"), PlayAt(2'000, "B")}),
              IsOkAndHolds(UpsertCounts{.inserted = 1, .unchanged = 1}));
  ExpectNew("another song beside a known one");
  ASSERT_THAT(Upsert({PlayAt(3'000, "C")}, 1, SOURCE_LASTFM),
              IsOkAndHolds(UpsertCounts{.inserted = 1}));
  ExpectNew("a song of another source");
  for (const TextField& field : TextFields()) {
    Play play = PlayAt(1'000, "A");
    *(play.*field.mutable_get)() = "value";
    ASSERT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.updated = 1}));
    ExpectNew(std::string(field.name));
  }
  Play play = PlayAt(1'000, "A");
  play.set_duration_ms(7);
  ASSERT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.updated = 1}));
  ExpectNew("duration_ms");
  for (const bool value : {true, false}) {
    play.set_loved(value);
    ASSERT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.updated = 1}));
    ExpectNew("loved");
    play.set_streamable(value);
    ASSERT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.updated = 1}));
    ExpectNew("streamable");
  }
}

TEST_P(RevisionContractTest, ReadingTellsIt) {
  const auto read = [this](const Query& query) {
    SongRun songs;
    return store().Read(query, Soon(), songs);
  };
  EXPECT_THAT(read({.user_id = 1, .limit = 10}), IsOkAndHolds(0));
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A"), PlayAt(2'000, "B")}).ok());
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A")}, 2).ok());
  const std::int64_t revision = Revision();
  EXPECT_THAT(read({.user_id = 1, .limit = 10}), IsOkAndHolds(revision));
  EXPECT_THAT(read({.user_id = 1, .after = Position{1'500, 1}, .limit = 10}),
              IsOkAndHolds(revision));
  // From where there is no song.
  EXPECT_THAT(read({.user_id = 1, .source = SOURCE_LASTFM, .limit = 10}), IsOkAndHolds(revision));
  EXPECT_THAT(read({.user_id = 1, .after = Position{0, 1}, .limit = 10}), IsOkAndHolds(revision));
  ASSERT_TRUE(store().MarkErased(3, Soon()).ok());
  EXPECT_THAT(read({.user_id = 3, .limit = 10}), IsOkAndHolds(Revision(3)));
}

TEST_P(RevisionContractTest, EveryRunOfAnErasureGivesANewOne) {
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A"), PlayAt(2'000, "B"), PlayAt(3'000, "C")}).ok());
  ExpectNew("songs");
  ASSERT_TRUE(store().MarkErased(2, Soon()).ok());
  EXPECT_NE(Revision(2), 0);
  EXPECT_THAT(store().Erase(1, 2, Soon()), IsOkAndHolds(2));
  ExpectNew("the first run");
  EXPECT_THAT(store().Erase(1, 2, Soon()), IsOkAndHolds(1));
  ExpectNew("the second run");
  const std::int64_t last = Revision();
  EXPECT_THAT(store().Erase(1, 2, Soon()), IsOkAndHolds(0));
  EXPECT_EQ(Revision(), last);
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A"), PlayAt(2'000, "B"), PlayAt(3'000, "C")}).ok());
  ExpectNew("the same songs once more");
}

TEST_P(RevisionContractTest, WhatChangesNothingLeavesIt) {
  Play play = PlayAt(1'000, "A");
  play.set_album("Album");
  play.set_loved(true);
  ASSERT_TRUE(Upsert({play}).ok());
  const std::int64_t before = Revision();
  ASSERT_THAT(Upsert({}), IsOkAndHolds(UpsertCounts{}));
  ASSERT_THAT(Upsert({play}), IsOkAndHolds(UpsertCounts{.unchanged = 1}));
  ASSERT_THAT(Upsert({PlayAt(1'000, "A")}, 1, SOURCE_LASTFM),
              IsOkAndHolds(UpsertCounts{.unchanged = 1}));
  ASSERT_TRUE(Upsert({play}, 2).ok());
  EXPECT_THAT(store().Erase(3, 10, Soon()), IsOkAndHolds(0));
  ASSERT_TRUE(store().MarkErased(4, Soon()).ok());
  const std::int64_t erased = Revision(4);
  ASSERT_THAT(Upsert({play}, 4), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  EXPECT_EQ(Revision(4), erased);
  EXPECT_EQ(Revision(), before);
  EXPECT_EQ(Revision(3), 0);
}

TEST_P(RevisionContractTest, TellsThoseOfManyUsers) {
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A")}, 1).ok());
  ASSERT_TRUE(Upsert({PlayAt(1'000, "A")}, 2).ok());
  const std::int64_t users[] = {2, 3, 1, 2};
  EXPECT_THAT(store().Revisions(users, Soon()), IsOkAndHolds(std::map<std::int64_t, std::int64_t>{
                                                    {1, Revision(1)}, {2, Revision(2)}, {3, 0}}));
  EXPECT_THAT(store().Revisions(users, absl::Now() - absl::Seconds(1)),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
}

// Readers do what the gateway does: they keep what they read under the revision that they had asked
// for before, and use it again while the revision is the same. Meanwhile writers change the songs.
// In the end, and after any change that a writer knows to be done, no kept answer is behind.
TEST_P(RevisionContractTest, NoKeptAnswerIsOlderThanItsRevision) {
  constexpr int kRounds = 150;
  constexpr int kWriters = 2;
  std::atomic<int> writing = kWriters;
  std::atomic<int> changes[kWriters] = {};  // Done, by writer.
  const auto title = [](int writer) { return absl::StrCat("Song of ", writer); };
  std::vector<std::jthread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      for (int round = 1; round <= kRounds; ++round) {
        Play play = PlayAt(writer, title(writer));
        play.set_album(absl::StrCat(round));
        EXPECT_TRUE(Upsert({play}).ok());
        changes[writer] = round;
      }
      --writing;
    });
  }
  std::map<std::int64_t, std::string> kept;
  const auto read = [&] {
    const int done[kWriters] = {changes[0], changes[1]};
    const std::int64_t revision = Revision();
    const auto [answer, is_new] = kept.try_emplace(revision);
    if (is_new) answer->second = ReadAlbums(1);
    for (int writer = 0; writer < kWriters; ++writer) {
      // The album is the number of the change; at least those that were done before are in it.
      const std::size_t place = answer->second.find(title(writer) + "=");
      const int album = place == std::string::npos
                            ? 0
                            : std::stoi(answer->second.substr(place + title(writer).size() + 1));
      ASSERT_GE(album, done[writer]) << "an answer of the revision " << revision << " is behind";
    }
  };
  while (writing > 0) read();
  threads.clear();
  read();
  EXPECT_EQ(kept.rbegin()->first, Revision());
}

// The store may know a batch again that it has stored. It must not take it for known when something
// has changed since, though that came from elsewhere.
TEST_P(RevisionContractTest, WhatWasStoredBeforeIsLookedAtAgainAfterEveryChange) {
  const auto loved = [](bool value) {
    Play play = PlayAt(1'000, "A");
    play.set_loved(value);
    return play;
  };
  const UpsertCounts updated{.updated = 1}, unchanged{.unchanged = 1};
  ASSERT_THAT(Upsert({loved(false)}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  for (int round = 0; round < 3; ++round) {
    EXPECT_THAT(Upsert({loved(false)}), IsOkAndHolds(unchanged));
    EXPECT_THAT(Upsert({loved(true)}), IsOkAndHolds(updated));
    EXPECT_THAT(Upsert({loved(true)}), IsOkAndHolds(unchanged));
    EXPECT_THAT(Upsert({loved(false)}), IsOkAndHolds(updated));
  }
  EXPECT_THAT(store().Erase(1, 10, Soon()), IsOkAndHolds(1));
  EXPECT_THAT(Upsert({loved(false)}), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_THAT(Upsert({loved(false)}, 2), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  ASSERT_TRUE(store().MarkErased(1, Soon()).ok());
  EXPECT_THAT(Upsert({loved(false)}), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

// Two tell opposite things of the same plays at the same time, so that a batch that one finds
// stored is changed by the other in the middle of it. Whoever is told that nothing changed must
// find his own telling there, since the other has ended before.
TEST_P(RevisionContractTest, ABatchThatMeetsItsOppositeIsNotTakenForStored) {
  constexpr int kRounds = 100;
  const auto tell = [](bool value) {
    std::vector<Play> plays;
    for (int i = 0; i < 20; ++i) {
      plays.push_back(PlayAt(i, "A"));
      plays.back().set_loved(value);
    }
    return plays;
  };
  for (int round = 0; round < kRounds; ++round) {
    std::jthread other([&] { EXPECT_TRUE(Upsert(tell(true)).ok()); });
    EXPECT_TRUE(Upsert(tell(false)).ok());
    other.join();
    const absl::StatusOr<UpsertCounts> last = Upsert(tell(false));
    ASSERT_TRUE(last.ok()) << last.status();
    SongRun songs;
    ASSERT_TRUE(store().Read({.user_id = 1, .limit = 100}, Soon(), songs).ok());
    for (const songs::v1::Song& song : MessagesOf(songs))
      ASSERT_FALSE(song.loved()) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, RevisionContractTest, ::testing::Bool(),
                         RevisionContractTest::NameOf);

}  // namespace
}  // namespace playlog::song_store
