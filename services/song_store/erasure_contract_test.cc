// What every SongStore does when a user is erased, and when a user wants to have everything: run on
// the fake and on PostgreSQL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"
#include "services/song_store/contract_test.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::ExportedMember;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using songs::v1::Play;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ErasureContractTest : public ContractTest {
 protected:
  int CountPlays(std::int64_t user_id) {
    SongRun songs;
    EXPECT_THAT(store().Read({.user_id = user_id, .limit = 100'000}, Soon(), songs), IsOk());
    return songs.size();
  }
};

TEST_P(ErasureContractTest, StoresNothingOfAnErasedUser) {
  ASSERT_TRUE(Upsert({PlayAt(1'000, "Title")}, 1).ok());
  ASSERT_TRUE(Upsert({PlayAt(1'000, "Title")}, 2).ok());
  EXPECT_THAT(store().MarkErased(1, Soon()), IsOk());
  EXPECT_THAT(store().MarkErased(1, Soon()), IsOk());
  EXPECT_THAT(store().Erase(1, 10, Soon()), IsOkAndHolds(1));
  constexpr auto code = errors::v1::ERROR_CODE_NOT_FOUND;
  EXPECT_THAT(Upsert({PlayAt(1'000, "Title")}, 1), ErrorIs(code));
  EXPECT_THAT(Upsert({PlayAt(2'000, "Other")}, 1), ErrorIs(code));
  EXPECT_EQ(CountPlays(1), 0);
  EXPECT_THAT(Upsert({PlayAt(2'000, "Other")}, 2), IsOkAndHolds(UpsertCounts{.inserted = 1}));
  EXPECT_EQ(CountPlays(2), 2);
}

// Plays of many fetches come in while the user is erased: whatever the order in which they meet,
// nothing of them is left behind.
TEST_P(ErasureContractTest, LeavesNothingBehindWhenAnErasureMeetsUpserts) {
  constexpr int kRounds = 40;
  constexpr int kWriters = 3;
  int stored = 0;
  for (int round = 1; round <= kRounds; ++round) {
    std::atomic<bool> erased = false;
    std::vector<std::thread> writers;
    std::atomic<int> stored_batches = 0;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        for (int batch = 0; !erased; ++batch) {
          std::vector<Play> plays;
          for (int i = 0; i < 20; ++i) {
            plays.push_back(PlayAt((writer * 1'000 + batch) * 100 + i, "Title"));
          }
          const absl::StatusOr<UpsertCounts> counts = Upsert(plays, round);
          if (counts.ok()) {
            ++stored_batches;
          } else {
            EXPECT_THAT(counts, ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
            return;
          }
        }
      });
    }
    // In the middle of the writers' work, and not before it or after it.
    while (stored_batches < round % 5) std::this_thread::yield();
    EXPECT_THAT(store().MarkErased(round, Soon()), IsOk());
    // In one run, for a further one would find what this one missed.
    EXPECT_THAT(store().Erase(round, 1'000'000, Soon()), IsOk());
    EXPECT_EQ(CountPlays(round), 0) << "round " << round;
    erased = true;
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(CountPlays(round), 0) << "round " << round;
    EXPECT_THAT(ExportedMember(*store().Export(round), "batches", "source", Soon()), IsEmpty());
    stored += stored_batches;
  }
  EXPECT_GT(stored, kRounds);
}

TEST_P(ErasureContractTest, GivesOutEveryPlayOfAUserOldestFirst) {
  std::vector<Play> plays;
  for (int i = 0; i < 250; ++i) {
    plays.push_back(PlayAt(i / 50 * 1'000'000, absl::StrCat("T\"\n\u00fc", i)));
  }
  ASSERT_TRUE(Upsert(plays, 1, SOURCE_LASTFM).ok());
  ASSERT_TRUE(Upsert({PlayAt(0, "Another's")}, 2).ok());
  const auto titles = ExportedMember(*store().Export(1), "plays", "title", Soon());
  ASSERT_EQ(titles.size(), 250U);
  EXPECT_EQ(std::set<std::string>(titles.begin(), titles.end()).size(), 250U);
  EXPECT_THAT(titles, Contains("T\"\n\u00fc"
                               "249"));
  const auto times = ExportedMember(*store().Export(1), "plays", "played_at", Soon());
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_THAT(times.back(), StartsWith("1970-01-01T00:00:04"));
  EXPECT_THAT(ExportedMember(*store().Export(1), "plays", "source", Soon()), Each("lastfm"));
  EXPECT_THAT(ExportedMember(*store().Export(1), "batches", "source", Soon()),
              ElementsAre("lastfm"));
  EXPECT_THAT(ExportedMember(*store().Export(3), "plays", "id", Soon()), IsEmpty());
}

TEST_P(ErasureContractTest, MarksNobodyWhenTheTimeIsOver) {
  EXPECT_THAT(store().MarkErased(1, absl::Now() - absl::Seconds(1)),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
}

INSTANTIATE_TEST_SUITE_P(Stores, ErasureContractTest, ::testing::Bool(),
                         ErasureContractTest::NameOf);

}  // namespace
}  // namespace playlog::song_store
