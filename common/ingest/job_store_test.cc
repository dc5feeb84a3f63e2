// The contract of ingest::JobStore, on PostgreSQL and in memory.

#include "common/ingest/job_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/ingest/fake_job_store.h"
#include "common/ingest/postgres_job_store.h"
#include "common/ingest/postgres_store.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "common/testing/postgres.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kSchema[] = "lastfm_ingest";
constexpr std::int64_t kUser = 7;
constexpr absl::Duration kLong = absl::Minutes(5);

const Span kSpan{.from = absl::FromUnixSeconds(1'600'000'000),
                 .to = absl::FromUnixSeconds(1'700'000'000)};

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

class JobStoreContract : public ::testing::TestWithParam<bool> {
 protected:
  JobStoreContract() {
    if (!GetParam()) return;
    database_ = std::make_unique<playlog::testing::MigratedDatabase>(kSchema, StoreMigrations());
    postgres_ = std::make_unique<PostgresJobStore>(database_->pool());
  }
  JobStore& store() { return GetParam() ? static_cast<JobStore&>(*postgres_) : fake_; }
  void Erase(std::int64_t user_id) {
    if (!GetParam()) return fake_.Erase(user_id);
    EXPECT_THAT(PostgresStore(database_->pool()).EraseUser(user_id, Soon()), IsOk());
  }

  Job Start(std::int64_t user_id) {
    const auto job = store().Start(user_id, kSpan, Soon());
    EXPECT_THAT(job, IsOk());
    return job.value_or(Job());
  }
  std::optional<Job> Claim(std::string_view holder, absl::Duration time = kLong) {
    const auto job = store().Claim(holder, time, Soon());
    EXPECT_THAT(job, IsOk());
    return job.value_or(std::nullopt);
  }
  std::optional<Job> Find(std::int64_t number, std::int64_t user_id = kUser) {
    const auto job = store().Find(user_id, number, Soon());
    EXPECT_THAT(job, IsOk());
    return job.value_or(std::nullopt);
  }
  absl::StatusOr<bool> Save(const Job& job, std::string_view holder, const JobFate& fate) {
    return store().Save(job, holder, fate, Soon());
  }
  absl::StatusOr<bool> End(Job job, std::string_view holder) {
    job.state = Job::State::kDone;
    return Save(job, holder, {.kind = JobFate::Kind::kEnd});
  }

  std::unique_ptr<playlog::testing::MigratedDatabase> database_;
  std::unique_ptr<PostgresJobStore> postgres_;
  FakeJobStore fake_;
};

TEST_P(JobStoreContract, MakesAJobAndAnswersTheOpenOne) {
  const Job job = Start(kUser);
  EXPECT_GT(job.number, 0);
  EXPECT_EQ(job.user_id, kUser);
  EXPECT_EQ(job.span.from, kSpan.from);
  EXPECT_EQ(job.span.to, kSpan.to);
  EXPECT_EQ(job.state, Job::State::kOpen);
  EXPECT_FALSE(job.running);
  EXPECT_EQ(job.walk, Walk());
  EXPECT_GT(job.created_at, absl::Now() - absl::Minutes(1));
  const auto again = store().Start(kUser, {.to = kSpan.from}, Soon());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->number, job.number);
  EXPECT_EQ(again->span.to, kSpan.to);
  EXPECT_NE(Start(8).number, job.number);
}

TEST_P(JobStoreContract, ShowsJobsToTheirOwnerAlone) {
  const Job job = Start(kUser);
  EXPECT_TRUE(Find(job.number).has_value());
  EXPECT_FALSE(Find(job.number, 8).has_value());
  EXPECT_FALSE(Find(job.number + 1).has_value());
  EXPECT_THAT(store().List(8, Soon()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store().Cancel(8, job.number, Soon()), IsOkAndHolds(false));
  EXPECT_EQ(Find(job.number)->state, Job::State::kOpen);
}

TEST_P(JobStoreContract, KeepsAllThatIsSaved) {
  Start(kUser);
  Job job = *Claim("a");
  EXPECT_TRUE(job.running);
  job.walk = {.total = 1000, .position = 400, .page_size = 50, .steady = false};
  job.told_twice = 3;
  job.seam = {.second = absl::FromUnixSeconds(1'650'000'000),
              .keys = {std::string(16, '\0'), std::string(16, '\xFF')}};
  job.rejected = {{"time_missing", 2}};
  job.walk_added = 390;
  job.walks = 2;
  job.excess = -4;
  job.added = 500;
  job.read = 1700;
  job.differences = {{"told_twice", 3}, {"unexplained", 1}};
  job.worked = absl::Microseconds(1'500'007);
  job.failures = 5;
  job.last_error = "It's \"broken\"";
  EXPECT_THAT(Save(job, "a", {.time = kLong}), IsOkAndHolds(true));
  const Job kept = *Find(job.number);
  EXPECT_TRUE(kept.running);
  EXPECT_EQ(kept.walk, job.walk);
  EXPECT_EQ(kept.told_twice, 3);
  EXPECT_EQ(kept.seam, job.seam);
  EXPECT_EQ(kept.rejected, job.rejected);
  EXPECT_EQ(kept.walk_added, 390);
  EXPECT_EQ(kept.walks, 2);
  EXPECT_EQ(kept.excess, -4);
  EXPECT_EQ(kept.added, 500);
  EXPECT_EQ(kept.read, 1700);
  EXPECT_EQ(kept.differences, job.differences);
  EXPECT_EQ(kept.worked, job.worked);
  EXPECT_EQ(kept.failures, 5);
  EXPECT_EQ(kept.last_error, job.last_error);
  EXPECT_EQ(kept.created_at, job.created_at);
  EXPECT_EQ(kept.ended_at, std::nullopt);
}

TEST_P(JobStoreContract, KeepsASpanFromTheBeginningAndAFreshWalk) {
  ASSERT_THAT(store().Start(kUser, {.to = kSpan.to}, Soon()), IsOk());
  const Job job = *Claim("a");
  EXPECT_EQ(job.span.from, absl::InfinitePast());
  EXPECT_THAT(Save(job, "a", {.time = kLong}), IsOkAndHolds(true));
  const Job kept = *Find(job.number);
  EXPECT_EQ(kept.walk, Walk());
  EXPECT_EQ(kept.seam, Seam());
  EXPECT_EQ(kept.excess, std::nullopt);
  EXPECT_EQ(kept.last_error, "");
}

TEST_P(JobStoreContract, LetsOneHolderWorkOnAJobAtATime) {
  Start(kUser);
  const std::optional<Job> job = Claim("a");
  ASSERT_TRUE(job.has_value());
  EXPECT_FALSE(Claim("b").has_value());
  EXPECT_THAT(Save(*job, "b", {.time = kLong}), IsOkAndHolds(false));
  EXPECT_THAT(Save(*job, "a", {.kind = JobFate::Kind::kGiveBack}), IsOkAndHolds(true));
  EXPECT_FALSE(Find(job->number)->running);
  EXPECT_THAT(Save(*job, "a", {.time = kLong}), IsOkAndHolds(false));
  const std::optional<Job> next = Claim("b");
  ASSERT_TRUE(next.has_value());
  EXPECT_TRUE(next->walk.steady);
}

TEST_P(JobStoreContract, GivesAVanishedHoldersJobToTheNextAndTellsSo) {
  Start(kUser);
  const std::optional<Job> job = Claim("a", absl::ZeroDuration());
  ASSERT_TRUE(job.has_value());
  const std::optional<Job> next = Claim("b");
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->number, job->number);
  EXPECT_FALSE(next->walk.steady);
  EXPECT_THAT(Save(*job, "a", {.time = kLong}), IsOkAndHolds(false));
}

TEST_P(JobStoreContract, ServesTheOneThatHasWaitedLongest) {
  const std::int64_t first = Start(1).number;
  const std::int64_t second = Start(2).number;
  const Job job = *Claim("a");
  EXPECT_EQ(job.number, first);
  EXPECT_THAT(Save(job, "a", {.kind = JobFate::Kind::kGiveBack}), IsOkAndHolds(true));
  EXPECT_EQ(Claim("b")->number, second);
  EXPECT_EQ(Claim("c")->number, first);
  EXPECT_FALSE(Claim("d").has_value());
}

TEST_P(JobStoreContract, LetsAJobWaitUntilItIsDue) {
  Start(kUser);
  const Job job = *Claim("a");
  EXPECT_THAT(Save(job, "a", {.kind = JobFate::Kind::kGiveBack, .time = kLong}),
              IsOkAndHolds(true));
  EXPECT_FALSE(Claim("b").has_value());
}

TEST_P(JobStoreContract, EndsAJobOnceAndLetsTheNextBegin) {
  Start(kUser);
  const Job job = *Claim("a");
  EXPECT_THAT(End(job, "a"), IsOkAndHolds(true));
  const Job ended = *Find(job.number);
  EXPECT_EQ(ended.state, Job::State::kDone);
  EXPECT_FALSE(ended.running);
  EXPECT_TRUE(ended.ended_at.has_value());
  EXPECT_THAT(End(job, "a"), IsOkAndHolds(false));
  EXPECT_FALSE(Claim("b").has_value());
  EXPECT_NE(Start(kUser).number, job.number);
}

TEST_P(JobStoreContract, CancelsWhoeverHoldsItAndAsOftenAsAsked) {
  Start(kUser);
  const Job job = *Claim("a");
  EXPECT_THAT(store().Cancel(kUser, job.number, Soon()), IsOkAndHolds(true));
  EXPECT_THAT(store().Cancel(kUser, job.number, Soon()), IsOkAndHolds(true));
  EXPECT_EQ(Find(job.number)->state, Job::State::kCancelled);
  EXPECT_TRUE(Find(job.number)->ended_at.has_value());
  EXPECT_THAT(Save(job, "a", {.time = kLong}), IsOkAndHolds(false));
  EXPECT_THAT(End(job, "a"), IsOkAndHolds(false));
  EXPECT_FALSE(Claim("b").has_value());
  // One that is done stays so.
  Start(kUser);
  const Job next = *Claim("c");
  EXPECT_THAT(End(next, "c"), IsOkAndHolds(true));
  EXPECT_THAT(store().Cancel(kUser, next.number, Soon()), IsOkAndHolds(true));
  EXPECT_EQ(Find(next.number)->state, Job::State::kDone);
}

TEST_P(JobStoreContract, KeepsTheNewestOfEachUser) {
  std::vector<std::int64_t> numbers;
  Start(8);
  for (int i = 0; i < kJobsPerUserMax + 2; ++i) {
    numbers.insert(numbers.begin(), Start(kUser).number);
    EXPECT_THAT(store().Cancel(kUser, numbers.front(), Soon()), IsOkAndHolds(true));
  }
  numbers.resize(kJobsPerUserMax);
  const auto jobs = store().List(kUser, Soon());
  ASSERT_THAT(jobs, IsOk());
  std::vector<std::int64_t> kept;
  for (const Job& job : *jobs) kept.push_back(job.number);
  EXPECT_EQ(kept, numbers);
  EXPECT_THAT(store().List(8, Soon()), IsOkAndHolds(SizeIs(1)));
}

TEST_P(JobStoreContract, RefusesMoreOpenJobsThanItKeeps) {
  if (GetParam()) {
    constexpr db::Statement fill{"fill_jobs", R"sql(
      INSERT INTO jobs (user_id, span_to, page_size)
      SELECT 1000 + i, now(), 200 FROM generate_series(1, $1::bigint) AS i
    )sql"};
    ASSERT_THAT(database_->pool().Query(Soon(), db::Effect::kOnce, fill, kOpenJobsMax - 1), IsOk());
  } else {
    for (int i = 1; i < kOpenJobsMax; ++i) Start(1000 + i);
  }
  const Job last = Start(kUser);
  EXPECT_THAT(store().Start(8, kSpan, Soon()), ErrorIs(errors::v1::ERROR_CODE_OVERLOADED));
  EXPECT_EQ(Start(kUser).number, last.number);
  EXPECT_THAT(store().Cancel(kUser, last.number, Soon()), IsOkAndHolds(true));
  Start(8);
}

TEST_P(JobStoreContract, ForgetsWhoeverIsErased) {
  const Job job = Start(kUser);
  const Job held = *Claim("a");
  Erase(kUser);
  EXPECT_FALSE(Find(job.number).has_value());
  EXPECT_THAT(Save(held, "a", {.time = kLong}), IsOkAndHolds(false));
  EXPECT_THAT(store().Start(kUser, kSpan, Soon()), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

TEST_P(JobStoreContract, SharesJobsBetweenManyWithoutGivingOneTwice) {
  constexpr int kJobs = 40;
  for (int i = 1; i <= kJobs; ++i) Start(i);
  absl::Mutex mutex;
  std::multiset<std::int64_t> claimed;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (std::optional<Job> job = Claim(std::string(1, static_cast<char>('a' + i)));
           job.has_value(); job = Claim(std::string(1, static_cast<char>('a' + i)))) {
        const absl::MutexLock lock(&mutex);
        claimed.insert(job->number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(claimed, SizeIs(kJobs));
  EXPECT_EQ(std::set<std::int64_t>(claimed.begin(), claimed.end()).size(), claimed.size());
}

INSTANTIATE_TEST_SUITE_P(Stores, JobStoreContract, ::testing::Bool(), [](const auto& parameter) {
  return parameter.param ? "Postgres" : "Fake";
});

TEST(PostgresJobStore, GivesOutAUsersJobs) {
  playlog::testing::TestDatabase database;
  ASSERT_THAT(db::Migrate({.url = Secret(database.url()),
                           .schema = kSchema,
                           .files = StoreMigrations(),
                           .deadline = absl::Now() + absl::Seconds(30)}),
              IsOk());
  const auto pool = db::Pool::Create({.url = Secret(database.url()), .schema = kSchema});
  ASSERT_THAT(pool, IsOk());
  PostgresJobStore jobs(**pool);
  ASSERT_THAT(jobs.Start(kUser, kSpan, Soon()), IsOk());
  ASSERT_THAT(jobs.Start(8, kSpan, Soon()), IsOk());
  const auto rows = PostgresStore(**pool).Export(kUser);
  EXPECT_THAT(playlog::testing::ExportedMember(*rows, "jobs", "state", Soon()),
              ElementsAre("open"));
}

}  // namespace
}  // namespace playlog::ingest
