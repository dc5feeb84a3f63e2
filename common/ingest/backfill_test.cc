#include "common/ingest/backfill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace playlog::ingest {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

Walker WalkerAt(std::int64_t total, std::int64_t position, int page_size = kLargestPage) {
  return Walker({.total = total, .position = position, .page_size = page_size});
}

TEST(Walker, AsksForTheTotalBeforeAnyPlay) {
  Walker walker{Walk()};
  EXPECT_TRUE(walker.AsksForTotal());
  EXPECT_FALSE(walker.AtEnd());
  EXPECT_EQ(walker.Next(), (Ask{.page = 1, .limit = 1}));
  walker.OnAnswer(1000);
  EXPECT_EQ(walker.walk(), (Walk{.total = 1000}));
  EXPECT_EQ(walker.Next(), (Ask{.page = 5, .limit = 200}));
}

TEST(Walker, IsAtTheEndOfAnEmptyHistoryAtOnce) {
  Walker walker{Walk()};
  walker.OnAnswer(0);
  EXPECT_TRUE(walker.AtEnd());
}

TEST(Walker, ReadsTheOldestPageFirstAndNothingTwice) {
  Walker walker = WalkerAt(450, 0);
  std::vector<Ask> asked;
  std::vector<std::int64_t> positions;
  while (!walker.AtEnd()) {
    asked.push_back(walker.Next());
    walker.OnAnswer(450);
    positions.push_back(walker.walk().position);
  }
  EXPECT_EQ(asked,
            (std::vector<Ask>{
                {.page = 3, .limit = 200}, {.page = 2, .limit = 200}, {.page = 1, .limit = 200}}));
  EXPECT_EQ(positions, (std::vector<std::int64_t>{50, 250, 450}));
  EXPECT_TRUE(walker.walk().steady);
}

TEST(Walker, SkipsNothingWhenTheTotalChanges) {
  // The page has moved on by one: that one play comes with the page below.
  Walker grown = WalkerAt(1000, 400);
  EXPECT_EQ(grown.Next().page, 3);
  grown.OnAnswer(1001);
  EXPECT_EQ(grown.walk().total, 1001);
  EXPECT_EQ(grown.walk().position, 400);
  EXPECT_FALSE(grown.walk().steady);
  EXPECT_EQ(grown.Next().page, 4);
  grown.OnAnswer(1001);
  EXPECT_EQ(grown.walk().position, 401);
  // Ten of those that were read may have gone; the page held what follows them.
  Walker shrunk = WalkerAt(1000, 400);
  shrunk.OnAnswer(990);
  EXPECT_EQ(shrunk.walk().position, 590);
  EXPECT_FALSE(shrunk.walk().steady);
  Walker emptied = WalkerAt(1000, 400);
  emptied.OnAnswer(0);
  EXPECT_TRUE(emptied.AtEnd());
}

TEST(Walker, GoesOnInSmallerPagesAndThenInLargerOnes) {
  Walker walker = WalkerAt(10'000, 0);
  EXPECT_TRUE(walker.Shrink());
  EXPECT_TRUE(walker.Shrink());
  EXPECT_TRUE(walker.Shrink());
  EXPECT_FALSE(walker.Shrink());
  EXPECT_EQ(walker.Next(), (Ask{.page = 400, .limit = kSmallestPage}));
  std::int64_t read = 0;
  int pages = 0;
  for (; walker.walk().page_size < kLargestPage; ++pages) {
    read += walker.Next().limit;
    walker.OnAnswer(10'000);
    EXPECT_EQ(walker.walk().position, read);
  }
  EXPECT_THAT(pages, ::testing::AllOf(::testing::Ge(3 * kEasyPages), ::testing::Le(30)));
}

TEST(Walker, ChangesTheSizeOfPagesWithoutReadingTwice) {
  std::mt19937_64 random(7);
  for (std::int64_t total = 1; total < 3000; total += 7) {
    Walker walker = WalkerAt(total, 0);
    std::int64_t read = 0;
    while (!walker.AtEnd()) {
      if (random() % 6 == 0) walker.Shrink();
      const Ask ask = walker.Next();
      const std::int64_t before = walker.walk().position;
      walker.OnAnswer(total);
      const std::int64_t held =
          std::min<std::int64_t>(ask.limit, total - std::int64_t{ask.page - 1} * ask.limit);
      ASSERT_EQ(walker.walk().position - before, held) << total;
      read += held;
    }
    EXPECT_EQ(read, total);
  }
}

// A source whose history changes between any two calls.
class MovingHistory {
 public:
  MovingHistory(std::uint64_t seed, int plays) : random_(seed) { Arrive(plays); }

  const std::set<std::int64_t>& plays() const { return plays_; }

  // Lets something happen, at any place. As many arrivals as deletions at once would leave the
  // total as it was: that alone no reader could see.
  void Move() {
    const int arrivals = Below(4) == 0 ? Below(30) : 0;
    const int deletions = Below(4) == 0 ? Below(30) : 0;
    if (arrivals == deletions) return;
    const std::size_t before = plays_.size();
    Delete(deletions);
    Arrive(arrivals);
    if (plays_.size() == before) Arrive(1);
  }
  std::vector<std::int64_t> Page(const Ask& ask) const {
    const auto total = static_cast<std::int64_t>(plays_.size());
    const std::int64_t newer = std::min(total, std::int64_t{ask.page - 1} * ask.limit);
    auto play = std::next(plays_.rbegin(), newer);
    std::vector<std::int64_t> page;
    for (; play != plays_.rend() && std::ssize(page) < ask.limit; ++play) page.push_back(*play);
    return page;
  }
  int Below(int bound) { return static_cast<int>(random_() % static_cast<std::uint64_t>(bound)); }

 private:
  // Where a play is in the history is as good as what it is.
  void Arrive(int count) {
    for (int i = 0; i < count; ++i) plays_.insert(static_cast<std::int64_t>(random_() >> 2));
  }
  void Delete(int count) {
    for (int i = 0; i < count && !plays_.empty(); ++i) {
      plays_.erase(std::next(plays_.begin(), Below(static_cast<int>(plays_.size()))));
    }
  }

  std::mt19937_64 random_;
  std::set<std::int64_t> plays_;
};

struct Told {
  std::set<std::int64_t> stored;
  std::set<std::int64_t> before_the_last_walk;  // When its first question was answered.
  int walks = 0;
};

// Walks until one walk finds nothing new. The history changes in at most `restless` of the gaps.
Told WalkThrough(MovingHistory& history, int restless) {
  Told told;
  Walk walk;
  for (bool last = false; !last;) {
    ++told.walks;
    const std::size_t known = told.stored.size();
    Walker walker(walk);
    for (bool first = true; !walker.AtEnd(); first = false) {
      if (history.Below(3) == 0 && restless-- > 0) history.Move();
      if (first) told.before_the_last_walk = history.plays();
      if (history.Below(10) == 0) walker.Shrink();
      const std::vector<std::int64_t> page = history.Page(walker.Next());
      if (!walker.AsksForTotal()) told.stored.insert(page.begin(), page.end());
      walker.OnAnswer(static_cast<std::int64_t>(history.plays().size()));
    }
    last = walker.walk().steady && told.stored.size() == known;
    walk = NextWalk(walker.walk());
  }
  return told;
}

TEST(Walker, MissesNothingWhateverArrivesAndGoes) {
  int walks = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    MovingHistory history(seed, static_cast<int>(seed * 7 % 2500));
    const Told told = WalkThrough(history, static_cast<int>(seed % 40));
    ASSERT_TRUE(std::includes(told.stored.begin(), told.stored.end(),
                              told.before_the_last_walk.begin(), told.before_the_last_walk.end()))
        << "seed " << seed;
    walks += told.walks;
  }
  // Some histories changed in each of several walks.
  EXPECT_GT(walks, 1200);
}

songs::v1::Play PlayAt(std::int64_t second, const std::string& title) {
  songs::v1::Play play;
  play.set_title(title);
  SetPlayedAt(absl::FromUnixSeconds(second), play);
  return play;
}

TEST(Seam, FindsWhatIsToldAgainOnTheNextPage) {
  Seam seam;
  EXPECT_EQ(PassSeam({PlayAt(20, "b"), PlayAt(20, "a"), PlayAt(10, "a")}, seam), 0);
  EXPECT_EQ(seam.second, absl::FromUnixSeconds(20));
  EXPECT_THAT(seam.keys, SizeIs(2));
  // Twice on this page as well, which is for the page to say.
  EXPECT_EQ(PassSeam({PlayAt(30, "a"), PlayAt(20, "c"), PlayAt(20, "a"), PlayAt(20, "a")}, seam),
            1);
  EXPECT_EQ(seam.second, absl::FromUnixSeconds(30));
  EXPECT_THAT(seam.keys, SizeIs(1));
}

TEST(Seam, GrowsWhileASecondGoesOnAndStaysWherePagesAreEmpty) {
  Seam seam;
  PassSeam({PlayAt(20, "a")}, seam);
  PassSeam({PlayAt(20, "b")}, seam);
  EXPECT_EQ(PassSeam({}, seam), 0);
  EXPECT_EQ(PassSeam({PlayAt(20, "b"), PlayAt(20, "a")}, seam), 2);
  std::vector<songs::v1::Play> many;
  for (int i = 0; i < 1100; ++i) many.push_back(PlayAt(20, std::to_string(i)));
  PassSeam(many, seam);
  EXPECT_THAT(seam.keys, SizeIs(kSeamKeysMax));
}

TEST(JudgeWalk, EndsWhenAllIsThereAndNothingWasNew) {
  const WalkVerdict verdict = JudgeWalk({.total = 10, .stored = 10, .walks = 1});
  EXPECT_FALSE(verdict.walk_again);
  EXPECT_EQ(verdict.excess, 0);
  EXPECT_THAT(verdict.differences, IsEmpty());
}

TEST(JudgeWalk, WalksAgainAfterAnythingNewOrChanged) {
  EXPECT_TRUE(JudgeWalk({.total = 10, .stored = 10, .added = 1, .walks = 1}).walk_again);
  EXPECT_TRUE(JudgeWalk({.total = 10, .stored = 10, .steady = false, .walks = 1}).walk_again);
  EXPECT_EQ(JudgeWalk({.total = 10, .stored = 12, .added = 1, .walks = 1}).excess, std::nullopt);
}

TEST(JudgeWalk, NamesEveryDifference) {
  WalkEnd end{.total = 20,
              .stored = 15,
              .told_twice = 3,
              .rejected = {{"time_missing", 2}, {"time_out_of_range", 1}},
              .walks = 1};
  // One play more than was told: that is believed when the next walk says so too.
  WalkVerdict verdict = JudgeWalk(end);
  EXPECT_TRUE(verdict.walk_again);
  EXPECT_EQ(verdict.excess, 1);
  end.excess = verdict.excess;
  end.walks = 2;
  verdict = JudgeWalk(end);
  EXPECT_FALSE(verdict.walk_again);
  EXPECT_THAT(verdict.differences,
              UnorderedElementsAre(Pair("time_missing", 2), Pair("time_out_of_range", 1),
                                   Pair(kToldTwice, 3), Pair(kDeletedAtSource, 1)));
}

TEST(JudgeWalk, SaysWhatItCannotExplain) {
  WalkEnd end{.total = 20, .stored = 18, .walks = 2, .excess = 1};
  EXPECT_TRUE(JudgeWalk(end).walk_again);
  end.excess = -2;
  const WalkVerdict verdict = JudgeWalk(end);
  EXPECT_FALSE(verdict.walk_again);
  EXPECT_THAT(verdict.differences, UnorderedElementsAre(Pair(kUnexplained, 2)));
}

TEST(JudgeWalk, DoesNotFollowARestlessHistoryForEver) {
  const WalkEnd end{.total = 20, .stored = 18, .added = 5, .steady = false, .walks = kWalksMax};
  EXPECT_FALSE(JudgeWalk(end).walk_again);
}

}  // namespace
}  // namespace playlog::ingest
