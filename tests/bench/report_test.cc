#include "tests/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace playlog::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Row Judged(std::vector<double> values, std::optional<Target> target) {
  return {.judged = std::move(values), .target = target};
}

TEST(Verdict, HoldsFiguresToALowerBound) {
  EXPECT_EQ(Verdict(Judged({7.99}, Target::AtLeast(8))), "short");
  EXPECT_EQ(Verdict(Judged({8}, Target::AtLeast(8))), "pass");
}

TEST(Verdict, HoldsFiguresToAnUpperBound) {
  EXPECT_EQ(Verdict(Judged({32}, Target::AtMost(32))), "pass");
  EXPECT_EQ(Verdict(Judged({32.1}, Target::AtMost(32))), "short");
}

TEST(Verdict, IsShortIfOnePairIs) {
  const Row row = Judged({9, 9, 7.9, 9, 9}, Target::AtLeast(8));
  EXPECT_EQ(PairsMet(row), 4U);
  EXPECT_EQ(Verdict(row), "short");
  EXPECT_EQ(Verdict(Judged({9, 8, 8.1}, Target::AtLeast(8))), "pass");
}

TEST(Verdict, OnlyReportsWhatHasNoTarget) {
  EXPECT_EQ(Verdict(Judged({1}, std::nullopt)), "reported");
}

TEST(Verdict, IsShortWithoutAFigure) {
  EXPECT_EQ(Verdict(Judged({}, Target::AtLeast(8))), "short");
  EXPECT_EQ(Verdict({.target = Target::AtLeast(4), .missing = "no ETag"}), "short");
  EXPECT_EQ(Verdict({.missing = "it broke off"}), "short");
}

class ReportTest : public ::testing::Test {
 protected:
  Report report_{{.description = "a machine",
                  .load = "0.50 0.40 0.30",
                  .commit = "abc",
                  .packages = {{"gcc", "12"}}}};
};

TEST_F(ReportTest, SaysWhereItWasMeasured) {
  EXPECT_THAT(report_.Table(), HasSubstr("a machine"));
  EXPECT_THAT(report_.Table(), HasSubstr("0.50 0.40 0.30"));
  EXPECT_THAT(report_.Table(), HasSubstr("abc"));
  EXPECT_THAT(report_.Table(), HasSubstr("gcc 12"));
  EXPECT_THAT(report_.Json(), HasSubstr(R"("load":"0.50 0.40 0.30")"));
}

TEST_F(ReportTest, ShowsMediansAndHowManyPairsMetTheTarget) {
  report_.Add({.scenario = "upsert",
               .what = "new",
               .unit = "songs/s",
               .ours = {23456.7, 20000, 30000},
               .against = "COPY",
               .peers = {100000, 90000, 110000},
               .judged = {0.31, 0.22, 0.33},
               .target = Target::AtLeast(0.3)});
  EXPECT_THAT(report_.Table(),
              HasSubstr("| 23457 songs/s | COPY    | 100000 songs/s | 0.31x | >= 0.30 | "
                        "short, 2 of 3 pairs |"));
  const std::string json = report_.Json();
  EXPECT_THAT(json, HasSubstr(R"("pairs":3,"pairs_met":2,"verdict":"short")"));
  EXPECT_THAT(json, HasSubstr(R"("bound":"at least")"));
}

TEST_F(ReportTest, SaysNothingOfPairsWhereThereIsOneFigure) {
  report_.Add({.judged = {5}, .judged_unit = "ms", .target = Target::AtMost(30)});
  EXPECT_THAT(report_.Table(), HasSubstr("5.00 ms | <= 30.0 | pass"));
  EXPECT_THAT(report_.Table(), Not(HasSubstr("pairs |")));
}

TEST_F(ReportTest, SaysWhyThereIsNoFigure) {
  report_.Add({.scenario = "history", .against = "Django", .skipped = "it is not installed"});
  report_.Add({.target = Target::AtLeast(4), .missing = "the answer has no ETag"});
  EXPECT_THAT(report_.Table(), HasSubstr("skipped: it is not installed"));
  EXPECT_THAT(report_.Table(), HasSubstr("short: the answer has no ETag"));
  EXPECT_THAT(report_.Json(), HasSubstr(R"("verdict":"skipped","why":"it is not installed")"));
}

}  // namespace
}  // namespace playlog::bench
