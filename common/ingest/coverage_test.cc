#include "common/ingest/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace playlog::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Midnight of the 15th of January 2024, and hours after it.
const absl::CivilDay kDay(2024, 1, 15);
absl::Time At(double hours) {
  return absl::FromCivil(kDay, absl::UTCTimeZone()) + absl::Hours(1) * hours;
}
CoveredSpan Hours(double from, double until) { return {At(from), At(until)}; }

// A look at a window of 50 that is full.
Look Full(double at, double oldest, int already_stored) {
  return {.at = At(at),
          .asked = 50,
          .items = 50,
          .already_stored = already_stored,
          .oldest_play_at = At(oldest)};
}
Look Short(double at, int items, double oldest) {
  return {.at = At(at), .asked = 50, .items = items, .oldest_play_at = At(oldest)};
}

// The reasons of the days, the newest first.
std::vector<std::string> Reasons(const Coverage& coverage, int first, int last, double now,
                                 bool has_window = true) {
  std::vector<std::string> reasons;
  for (const DayState& state :
       JudgeDays(coverage, kDay + first, kDay + last, At(now), has_window)) {
    reasons.emplace_back(state.reason);
  }
  return reasons;
}

TEST(Coverage, MergesSpansThatMeet) {
  Coverage coverage;
  AddCovered(Hours(10, 12), coverage);
  AddCovered(Hours(1, 2), coverage);
  AddCovered(Hours(5, 6), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(1, 2), Hours(5, 6), Hours(10, 12)));
  AddCovered(Hours(2, 4), coverage);
  AddCovered(Hours(11, 11.5), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(1, 4), Hours(5, 6), Hours(10, 12)));
  AddCovered(Hours(3, 11), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(1, 12)));
  AddCovered(Hours(20, 19), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(1, 12)));
}

TEST(Coverage, MergesLikeAListOfHours) {
  std::mt19937 generator(4);
  for (int run = 0; run < 200; ++run) {
    Coverage coverage;
    std::vector<bool> hours(48, false);
    for (int i = 0; i < 12; ++i) {
      const int from = static_cast<int>(generator() % 48);
      const int until = from + 1 + static_cast<int>(generator() % 4);
      AddCovered(Hours(from, until), coverage);
      for (int hour = from; hour < until && hour < 48; ++hour) hours[hour] = true;
    }
    for (int hour = 0; hour < 48; ++hour) {
      bool covered = false;
      for (const CoveredSpan& span : coverage.spans) {
        covered = covered || (span.from <= At(hour) && span.until >= At(hour + 1));
      }
      EXPECT_EQ(covered, hours[hour]);
    }
    for (std::size_t i = 1; i < coverage.spans.size(); ++i) {
      EXPECT_LT(coverage.spans[i - 1].until, coverage.spans[i].from);
    }
  }
}

TEST(Coverage, KeepsFewSpansAndNeverClaimsMoreThanItKnows) {
  Coverage coverage;
  for (int i = 0; i < 300; ++i) AddCovered(Hours(i * 3, i * 3 + 1 + (i % 7) / 7.0), coverage);
  EXPECT_EQ(coverage.spans.size(), kMaxCoveredSpans);
  for (const CoveredSpan& span : coverage.spans) EXPECT_LT(span.until - span.from, absl::Hours(2));
  EXPECT_EQ(coverage.spans.back(), Hours(897, 898 + (299 % 7) / 7.0));
  EXPECT_EQ(coverage.spans[coverage.spans.size() - 2].from, At(894));
}

TEST(Coverage, TakesAWindowThatIsNotFullForTheWholeHistory) {
  Coverage coverage;
  AddLook({.at = At(10), .asked = 50, .items = 0}, coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(CoveredSpan{kBeginningOfHistory, At(10)}));
  AddLook(Short(30, 12, 20), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(CoveredSpan{kBeginningOfHistory, At(30)}));
  EXPECT_THAT(Reasons(coverage, -3, 1, 30), ElementsAre("", "", "", "", ""));
}

TEST(Coverage, BeginsAtTheOldestPlayOfAFirstFullWindow) {
  Coverage coverage;
  AddLook(Full(40, 20, 0), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(20, 40)));
  EXPECT_EQ(coverage.first_look_from, At(20));
  EXPECT_EQ(coverage.last_look_at, At(40));
  EXPECT_THAT(Reasons(coverage, -1, 1, 40), ElementsAre("", kBeforeFirstFetch, kBeforeFirstFetch));
}

TEST(Coverage, GoesOnWhereWindowsOverlap) {
  Coverage coverage;
  AddLook(Full(40, 20, 0), coverage);
  AddLook(Full(45, 30, 40), coverage);
  AddLook(Full(70, 45, 1), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(20, 70)));
}

TEST(Coverage, HasAHoleWhereAFullWindowDoesNotOverlap) {
  Coverage coverage;
  AddLook(Full(40, 20, 0), coverage);
  AddLook(Full(100, 80, 0), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(20, 40), Hours(80, 100)));
  EXPECT_THAT(Reasons(coverage, 0, 4, 101),
              ElementsAre("", kFullPageWithoutOverlap, kFullPageWithoutOverlap,
                          kFullPageWithoutOverlap, kBeforeFirstFetch));
}

TEST(Coverage, DoubtsWhatLiesBeforeMoreLatePlaysThanTheWindowShows) {
  Coverage coverage;
  AddCovered(Hours(-1000, 0), coverage);
  AddLook(Full(40, 0, 0), coverage);
  AddLook(Full(41, 30, 0), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(-1000, 30 - 9 * 24), Hours(30, 41)));
  EXPECT_EQ(Reasons(coverage, 0, 0, 41).front(), kFullPageWithoutOverlap);
  // Telling it again changes nothing, and an import closes the hole.
  const Coverage told = coverage;
  AddLook(Full(41, 30, 0), coverage);
  EXPECT_EQ(coverage, told);
  AddCovered(Hours(-500, 35), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(-1000, 41)));
}

TEST(Coverage, DoubtsNothingAtTheFirstLook) {
  Coverage coverage;
  AddCovered(Hours(0, 100), coverage);
  AddLook(Full(110, 90, 0), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(0, 110)));
}

TEST(Coverage, CountsAFullWindowThatShrankForWhatItShows) {
  Coverage coverage;
  AddLook(Full(40, 20, 0), coverage);
  AddLook({.at = At(41), .asked = 50, .items = 0}, coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(20, 40)));
  AddLook(Short(60, 3, 50), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(20, 40), Hours(50, 60)));
}

TEST(Coverage, LearnsNothingFromAFullWindowWithoutAUsablePlay) {
  Coverage coverage;
  AddLook({.at = At(40), .asked = 50, .items = 50}, coverage);
  EXPECT_EQ(coverage, Coverage());
}

TEST(Coverage, TakesLooksThatAreToldInAnyOrder) {
  Coverage coverage;
  AddLook(Full(50, 20, 0), coverage);
  AddLook(Full(45, 15, 49), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(15, 50)));
  EXPECT_EQ(coverage.last_look_at, At(50));
  // A play that ends in the future, by its clock, covers nothing.
  AddLook(Full(51, 52, 3), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(15, 50), Hours(51, 51)));
}

TEST(Coverage, CoversWhatAWalkAskedFor) {
  Coverage coverage;
  AddWalk(Hours(0, 30), coverage);
  AddWalk(Hours(20, 50), coverage);
  AddWalk(Hours(90, 100), coverage);
  EXPECT_THAT(coverage.spans, ElementsAre(Hours(0, 50), Hours(90, 100)));
  EXPECT_THAT(Reasons(coverage, -1, 4, 101, /*has_window=*/false),
              ElementsAre("", kNotFetchedSince, kNotFetchedSince, "", "", kBeforeFirstFetch));
  AddCovered(Hours(-1000, 95), coverage);
  EXPECT_THAT(Reasons(coverage, -1, 4, 101, /*has_window=*/false),
              ElementsAre("", "", "", "", "", ""));
}

TEST(Coverage, TellsAnImportsHolesFromThoseOfTheLooks) {
  Coverage coverage;
  EXPECT_THAT(Reasons(coverage, 0, 0, 30), ElementsAre(kBeforeFirstFetch));
  AddCovered(Hours(0, 30), coverage);
  EXPECT_THAT(Reasons(coverage, 0, 1, 40), ElementsAre(kBeforeFirstFetch, ""));
  AddLook(Full(100, 90, 0), coverage);
  EXPECT_THAT(Reasons(coverage, 0, 4, 101),
              ElementsAre("", kBeforeFirstFetch, kBeforeFirstFetch, kBeforeFirstFetch, ""));
}

TEST(Coverage, TakesTodayAsCompleteWhileTheLastLookIsRecent) {
  Coverage coverage;
  AddLook(Full(23.5, -30, 0), coverage);
  EXPECT_THAT(Reasons(coverage, 0, 0, 23.6), ElementsAre(""));
  // The day that has just ended is like today, until the next look covers it for good.
  EXPECT_THAT(Reasons(coverage, 0, 1, 25), ElementsAre("", ""));
  EXPECT_THAT(Reasons(coverage, 0, 1, 26), ElementsAre(kNotFetchedSince, kNotFetchedSince));
}

TEST(Coverage, LeavesOutDaysThatHaveNotBegun) {
  Coverage coverage;
  AddLook(Full(20, -30, 0), coverage);
  const std::vector<DayState> days = JudgeDays(coverage, kDay - 1, kDay + 9, At(20), true);
  ASSERT_EQ(days.size(), 2U);
  EXPECT_EQ(days[0], (DayState{kDay, ""}));
  EXPECT_EQ(days[1], (DayState{kDay - 1, ""}));
  EXPECT_THAT(JudgeDays(coverage, kDay + 1, kDay + 9, At(20), true), IsEmpty());
}

}  // namespace
}  // namespace playlog::ingest
