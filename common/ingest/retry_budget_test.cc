#include "common/ingest/retry_budget.h"

#include <gtest/gtest.h>

namespace playlog::ingest {
namespace {

// How many tries there are after the first, if every one of them fails.
int RetriesOf(RetryBudget& budget, int works) {
  int retries = 0;
  for (int work = 0; work < works; ++work) {
    budget.CountWork();
    for (int i = 0; i < 2 && budget.Take(); ++i) ++retries;
  }
  return retries;
}

TEST(RetryBudgetTest, AllowsTheReserveAndThenOneRetryInTenWorks) {
  RetryBudget budget(10);
  EXPECT_EQ(RetriesOf(budget, 5), 10);
  // The first five have saved half a retry.
  EXPECT_EQ(RetriesOf(budget, 1000), 100);
}

TEST(RetryBudgetTest, FillsTheReserveAgainAndNoFurther) {
  RetryBudget budget(10);
  EXPECT_EQ(RetriesOf(budget, 5), 10);
  for (int i = 0; i < 1000; ++i) budget.CountWork();
  int taken = 0;
  while (budget.Take()) ++taken;
  EXPECT_EQ(taken, 10);
}

TEST(RetryBudgetTest, NeverRetriesWithoutAReserve) {
  RetryBudget budget(0);
  EXPECT_EQ(RetriesOf(budget, 100), 0);
}

}  // namespace
}  // namespace playlog::ingest
