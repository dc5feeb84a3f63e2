#include "common/ingest/retry_budget.h"

#include <gtest/gtest.h>

namespace playlog::ingest {
namespace {

constexpr int kUser = 7;
constexpr int kOther = 8;

// How many tries there are after the first, if every one of them fails.
int RetriesOf(RetryBudget& budget, int works) {
  int retries = 0;
  for (int work = 0; work < works; ++work) {
    budget.CountWork(kUser);
    for (int i = 0; i < 2 && budget.Take(kUser); ++i) ++retries;
  }
  return retries;
}

TEST(RetryBudgetTest, AllowsTheReserveAndThenOneRetryInTwentyWorks) {
  RetryBudget budget(6);
  EXPECT_EQ(RetriesOf(budget, 3), 6);
  // Of the first three, the last two have saved a tenth of a retry.
  EXPECT_EQ(RetriesOf(budget, 2000), 100);
}

TEST(RetryBudgetTest, FillsTheReserveAgainAndNoFurther) {
  RetryBudget budget(6);
  EXPECT_EQ(RetriesOf(budget, 3), 6);
  for (int i = 0; i < 1000; ++i) budget.CountWork(kUser);
  int taken = 0;
  while (budget.Take(kUser)) ++taken;
  EXPECT_EQ(taken, 6);
}

TEST(RetryBudgetTest, LeavesOthersTheirTries) {
  RetryBudget budget(2);
  while (budget.Take(kUser)) continue;
  EXPECT_TRUE(budget.Take(kOther));
}

TEST(RetryBudgetTest, AllowsNothingWithoutAReserve) {
  RetryBudget budget(0);
  EXPECT_EQ(RetriesOf(budget, 100), 0);
}

}  // namespace
}  // namespace playlog::ingest
