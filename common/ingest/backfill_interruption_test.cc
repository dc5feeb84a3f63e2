// What ends a run before the past is read: failures, turns, and those who want no more of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/ingest/backfill_runner_fixture.h"
#include "common/ingest/job_trouble.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(BackfillRunnerTest, WaitsAsLongAsTheSourceAsksAndGoesOnWhereItWas) {
  source_.AddMany(1000);
  source_.OnAsk([](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number != 4) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRateLimited, "http_429", absl::Minutes(20));
  });
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kOpen);
  EXPECT_FALSE(job.running);
  EXPECT_EQ(job.walk.position, 400);
  EXPECT_EQ(job.failures, 0);
  EXPECT_THAT(job.last_error, HasSubstr("It failed"));
  clock_.Advance(absl::Minutes(19));
  EXPECT_FALSE(RunOne());
  clock_.Advance(absl::Minutes(2));
  EXPECT_TRUE(RunOne());
  job = Find(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(stored(), 1000);
  // The page that it was on came next.
  EXPECT_EQ(source_.questions()[4].page, 3);
}

TEST_F(BackfillRunnerTest, TriesAgainForDaysAndThenGivesUp) {
  source_.AddMany(1000);
  source_.OnAsk([](int, const Question&) -> std::optional<UpstreamFailure> {
    return Fail(UpstreamFailure::Kind::kTransient, "unreachable");
  });
  const absl::Time begun_at = clock_.Now();
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_GT(clock_.Now() - begun_at, absl::Hours(60));
  EXPECT_THAT(job.last_error, HasSubstr("unreachable"));
  EXPECT_THAT(whole_, IsEmpty());
}

TEST_F(BackfillRunnerTest, EndsWhereOnlyTheOwnerCanHelp) {
  source_.AddMany(1000);
  source_.OnAsk([](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number < 3) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRejected, "error_17");
  });
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  const Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_EQ(job.last_error, "It failed (error_17). Show it");
  EXPECT_EQ(job.added, 200);
}

TEST_F(BackfillRunnerTest, EndsWithoutAKey) {
  const std::int64_t number = Start(9);
  EXPECT_TRUE(RunOne());
  const Job job = Find(number, 9);
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_EQ(job.last_error, "No key. Add one");
}

TEST_F(BackfillRunnerTest, DoesNotBelieveADenialOfAUserThatWasJustThere) {
  source_.AddMany(1000);
  source_.OnAsk([](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number != 4) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRejected, "error_6");
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(stored(), 1000);
}

TEST_F(BackfillRunnerTest, BelievesADenialThatComesFirstOrStays) {
  source_.AddMany(1000);
  int from = 1;
  source_.OnAsk([&from](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number < from) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRejected, "error_6");
  });
  const std::int64_t first = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(first).state, Job::State::kFailed);
  from = 5;
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_THAT(source_.questions(), SizeIs(1 + 3 + kDenialsMax + 1));
}

TEST_F(BackfillRunnerTest, WaitsForAStoreThatIsAway) {
  source_.AddMany(1000);
  sink_.FailWith(absl::UnavailableError("away"));
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).walk.position, 0);
  EXPECT_EQ(Find(number).failures, 1);
  sink_.FailWith(absl::OkStatus());
  EXPECT_EQ(RunToTheEnd(number).state, Job::State::kDone);
  EXPECT_EQ(stored(), 1000);
}

TEST_F(BackfillRunnerTest, TellsAgainWhatCouldNotBeTold) {
  source_.AddMany(100);
  whole_status_ = absl::UnavailableError("away");
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).state, Job::State::kOpen);
  whole_status_ = absl::OkStatus();
  EXPECT_EQ(RunToTheEnd(number).state, Job::State::kDone);
  EXPECT_THAT(whole_, SizeIs(2));
}

TEST_F(BackfillRunnerTest, StopsWhenItIsCancelled) {
  source_.AddMany(100'000);
  const std::int64_t number = Start();
  source_.OnAsk([&](int asked, const Question&) {
    if (asked == 10) static_cast<void>(jobs_.Cancel(kUser, number, absl::Time()));
    return std::nullopt;
  });
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).state, Job::State::kCancelled);
  EXPECT_LT(source_.questions().size(), 40U);
  EXPECT_FALSE(RunOne());
}

TEST_F(BackfillRunnerTest, StopsWhenItsUserIsErased) {
  source_.AddMany(100'000);
  Start();
  source_.OnAsk([&](int asked, const Question&) {
    if (asked == 10) jobs_.Erase(kUser);
    return std::nullopt;
  });
  EXPECT_TRUE(RunOne());
  EXPECT_LT(source_.questions().size(), 40U);
}

TEST_F(BackfillRunnerTest, GivesItsJobBackWhenTheProcessEnds) {
  source_.AddMany(1000);
  goes_on_ = false;
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).state, Job::State::kOpen);
  EXPECT_FALSE(Find(number).running);
  EXPECT_EQ(Find(number).last_error, "");
  goes_on_ = true;
  EXPECT_EQ(RunToTheEnd(number).state, Job::State::kDone);
}

TEST_F(BackfillRunnerTest, GivesWayToOthersAfterASlice) {
  vault_.Put(8, {.key = Secret("k"), .account = "", .version = 1, .known_good = true});
  source_.AddMany(10'000);
  source_.OnAsk([this](int, const Question&) {
    clock_.Advance(absl::Seconds(1));
    return std::nullopt;
  });
  const std::int64_t first = Start();
  clock_.Advance(absl::Seconds(1));
  const std::int64_t second = Start(8);
  EXPECT_TRUE(RunOne());
  const std::int64_t position = Find(first).walk.position;
  EXPECT_GT(position, 3000);
  EXPECT_LT(position, 8000);
  EXPECT_GT(Find(first).worked, absl::Seconds(20));
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(first).walk.position, position);
  EXPECT_GT(Find(second, 8).walk.position, 3000);
  EXPECT_EQ(RunToTheEnd(first).state, Job::State::kDone);
}

TEST_F(BackfillRunnerTest, WalksOnceMoreAfterSomebodyVanished) {
  source_.AddMany(1000);
  const std::int64_t number = Start();
  // Somebody claims the job and vanishes.
  ASSERT_THAT(jobs_.Claim("gone", absl::Seconds(30), absl::Time()), IsOk());
  EXPECT_FALSE(RunOne());
  clock_.Advance(absl::Seconds(31));
  const Job job = RunToTheEnd(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walks, 2);
}

}  // namespace
}  // namespace playlog::ingest
