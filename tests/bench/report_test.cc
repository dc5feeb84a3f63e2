#include "tests/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace playlog::bench {
namespace {

using ::testing::HasSubstr;

Row Judged(double value, const Limits& limits) { return {.judged = value, .limits = limits}; }

TEST(Median, IsTheMiddleOrTheMeanOfTheTwoMiddles) {
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({9, 1, 5, 7}), 6);
  EXPECT_EQ(MedianRatio({10, 40, 90}, {10, 10, 10}), 4);
}

TEST(Verdict, HoldsAFigureToItsFloorAndItsTarget) {
  const Limits limits{.bound = Bound::kAtLeast, .floor = 8, .target = 20};
  EXPECT_EQ(Verdict(Judged(7.99, limits)), "short");
  EXPECT_EQ(Verdict(Judged(8, limits)), "pass, target not met yet");
  EXPECT_EQ(Verdict(Judged(20, limits)), "pass, target met");
}

TEST(Verdict, HoldsAFigureToAnUpperBound) {
  const Limits limits{.bound = Bound::kAtMost, .floor = 32};
  EXPECT_EQ(Verdict(Judged(32, limits)), "pass");
  EXPECT_EQ(Verdict(Judged(32.1, limits)), "short");
  EXPECT_EQ(Verdict(Judged(31, {.bound = Bound::kAtMost, .target = 30})), "target not met yet");
}

TEST(Verdict, OnlyReportsWhatHasNoLimit) {
  EXPECT_EQ(Verdict(Judged(1, {})), "reported");
  EXPECT_EQ(Verdict({.limits = {.floor = 8}}), "reported");
}

TEST(Report, SaysWhyARowWasSkipped) {
  Report report({.description = "a machine", .commit = "abc", .packages = {{"gcc", "12"}}});
  report.Add({.scenario = "upsert",
              .what = "new",
              .unit = "songs/s",
              .ours = 23456.7,
              .judged = 23456.7,
              .judged_unit = "songs/s",
              .limits = {.floor = 20000}});
  report.Add({.scenario = "history", .against = "Django", .skipped = "it is not installed"});
  const std::string table = report.Table();
  EXPECT_THAT(table, HasSubstr("a machine"));
  EXPECT_THAT(table, HasSubstr("gcc 12"));
  EXPECT_THAT(table, HasSubstr("23457 songs/s"));
  EXPECT_THAT(table, HasSubstr("skipped: it is not installed"));
  EXPECT_THAT(report.Json(), HasSubstr("\"verdict\":\"pass\""));
  EXPECT_THAT(report.Json(), HasSubstr("\"verdict\":\"skipped: it is not installed\""));
}

}  // namespace
}  // namespace playlog::bench
