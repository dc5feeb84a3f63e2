#include "tests/bench/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace playlog::bench {
namespace {

using ::testing::ElementsAre;

TEST(Median, IsTheMiddleOrTheMeanOfTheTwoMiddles) {
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({9, 1, 5, 7}), 6);
}

TEST(Percentile, IsTheNearestRank) {
  std::vector<double> values(200);
  std::iota(values.rbegin(), values.rend(), 1.0);
  EXPECT_EQ(Percentile(values, 0.5), 100);
  EXPECT_EQ(Percentile(values, 0.99), 198);
  EXPECT_EQ(Percentile(values, 1), 200);
  EXPECT_EQ(Percentile(values, 0), 1);
}

TEST(Percentile, OfFewValuesIsTheLargest) {
  EXPECT_EQ(Percentile({7}, 0.99), 7);
  EXPECT_EQ(Percentile({7, 3, 5}, 0.99), 7);
}

TEST(Pairs, AreComparedOneByOne) {
  EXPECT_THAT(Ratios({10, 40, 90}, {10, 10, 10}), ElementsAre(1, 4, 9));
  EXPECT_THAT(Differences({10, 40}, {1, 50}), ElementsAre(9, -10));
  EXPECT_THAT(Ratios({10, 40, 90}, {}), ElementsAre());
}

}  // namespace
}  // namespace playlog::bench
