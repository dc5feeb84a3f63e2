// What a runner finds: all of a past, once, and the names of what differs.
#include "common/ingest/backfill_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/ingest/backfill_runner_fixture.h"
#include "common/ingest/job_trouble.h"

namespace playlog::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(BackfillRunnerTest, HasNothingToDoWithoutJobs) { EXPECT_FALSE(RunOne()); }

TEST_F(BackfillRunnerTest, StoresTheWholePastAndLooksASecondTime) {
  source_.AddMany(1050);
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  const Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.position, 1050);
  EXPECT_EQ(job.walk.total, 1050);
  EXPECT_EQ(job.added, 1050);
  EXPECT_EQ(job.read, 2100);
  EXPECT_EQ(job.walks, 2);
  EXPECT_THAT(job.differences, IsEmpty());
  EXPECT_EQ(job.last_error, "");
  EXPECT_EQ(stored(), 1050);
  EXPECT_THAT(sink_.origins(kUser), ElementsAre(kBackfillOrigin));
  // The total, and the pages of the two walks.
  EXPECT_THAT(source_.questions(), SizeIs(1 + 6 + 6));
  EXPECT_EQ(source_.questions()[1].page, 6);
  EXPECT_EQ(source_.questions()[1].limit, 200);
  EXPECT_EQ(vault_.opened(), 1);
  ASSERT_THAT(whole_, SizeIs(1));
  EXPECT_EQ(whole_[0].user_id, kUser);
  EXPECT_EQ(whole_[0].theirs, 1050);
  EXPECT_EQ(whole_[0].ours, 1050);
  EXPECT_EQ(whole_[0].span.to, job.span.to);
}

TEST_F(BackfillRunnerTest, AsksForTwoPagesAtATimeAndMissesNothingThatMoves) {
  BackfillRunner runner(source_, engine_, sink_, jobs_, clock_,
                        [](const Job&, std::int64_t) { return absl::OkStatus(); },
                        {.in_flight = 2});
  std::mt19937_64 random(11);
  source_.AddMany(3000);
  source_.OnAsk([&](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (random() % 9 == 0) return Fail(UpstreamFailure::Kind::kTransient, "error_8");
    if (number < 60 && random() % 5 == 0) {
      source_.Add(kFirstSecond + static_cast<std::int64_t>(random() % 900'000),
                  absl::StrCat("late ", number));
    }
    return std::nullopt;
  });
  const std::int64_t number = Start();
  for (int i = 0; i < 200 && Find(number).state == Job::State::kOpen; ++i) {
    if (!runner.RunOne([] { return true; }).value_or(false)) clock_.Advance(absl::Minutes(10));
  }
  const Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.total, static_cast<std::int64_t>(stored()));
  EXPECT_GT(stored(), 3005U);
  EXPECT_THAT(job.differences, IsEmpty());
}

TEST_F(BackfillRunnerTest, IsDoneWithNothing) {
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.total, 0);
  EXPECT_EQ(job.walks, 1);
}

TEST_F(BackfillRunnerTest, FindsWhatArrivesWhileItWalks) {
  source_.AddMany(1000);
  source_.OnAsk([this](int number, const Question&) {
    // Behind the walk, where it has been; and before it.
    if (number == 4) source_.Add(kFirstSecond + 1, "late");
    if (number == 5) source_.Add(kFirstSecond + 300 * 900 + 1, "later");
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.total, 1002);
  EXPECT_EQ(stored(), 1002);
  EXPECT_THAT(job.differences, IsEmpty());
}

TEST_F(BackfillRunnerTest, NamesWhatTheStoreHasAndTheSourceHasNot) {
  source_.AddMany(600);
  source_.Add(kFirstSecond + 1, "");
  source_.Add(kFirstSecond + 2, "");
  // Twice on a page, and on both sides of the border between two pages.
  source_.Add(kFirstSecond, "song 0");
  source_.Add(kFirstSecond + 300 * 400, "song 400");
  source_.OnAsk([this](int number, const Question&) {
    if (number == 3) source_.Remove(0);
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_THAT(job.rejected, UnorderedElementsAre(Pair(kTitleMissing, 2)));
  EXPECT_THAT(job.differences, UnorderedElementsAre(Pair(kTitleMissing, 2), Pair(kToldTwice, 1)));
  EXPECT_EQ(stored(), 600);
  EXPECT_THAT(store_.rejected(kUser), SizeIs(Ge(2U)));
}

TEST_F(BackfillRunnerTest, NamesWhatWasDeletedAtTheSource) {
  source_.AddMany(600);
  source_.OnAsk([this](int number, const Question&) {
    if (number == 6) source_.Remove(10);
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_THAT(job.differences, UnorderedElementsAre(Pair(kDeletedAtSource, 1)));
  EXPECT_EQ(stored(), 600);
}

TEST_F(BackfillRunnerTest, FindsTheSamePlayOnBothSidesOfAPage) {
  source_.AddMany(400);
  source_.Add(kFirstSecond + 300 * 200, "song 200");
  // 401 scrobbles: the border lies between the oldest and the rest, and between 200 and its double.
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_THAT(job.differences, UnorderedElementsAre(Pair(kToldTwice, 1)));
  EXPECT_EQ(stored(), 400);
}

TEST_F(BackfillRunnerTest, AsksForSmallerPagesWhereLargeOnesFail) {
  source_.AddMany(3000);
  source_.OnAsk([](int, const Question& question) -> std::optional<UpstreamFailure> {
    const bool deep = question.page * question.limit > 2500;
    if (deep && question.limit > 50) return Fail(UpstreamFailure::Kind::kTransient, "error_8");
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(stored(), 3000);
  EXPECT_EQ(job.failures, 0);
  std::vector<int> limits;
  for (const Question& question : source_.questions()) limits.push_back(question.limit);
  EXPECT_THAT(limits, ::testing::Contains(50));
  EXPECT_EQ(limits.back(), 200);
}

}  // namespace
}  // namespace playlog::ingest
