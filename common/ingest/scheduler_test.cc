#include "common/ingest/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/ingest/fake_coverage_store.h"
#include "common/ingest/fake_history_source.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/ingest/fake_store.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::int64_t kNow = 1'700'000'000;

// What a process has, on the clock and the stores that all share.
struct Replica {
  Replica(Clock& clock, FakeHistorySource& source, FakeKeyVault& vault, FakePlaySink& sink,
          FakeStore& fetches, ScheduleStore& schedules, const SchedulerOptions& options,
          std::function<void(bool)> on_health = {})
      : engine(source, vault, sink, fetches, clock),
        run({.engine = engine,
             .profile = source.profile(),
             .sink = sink,
             .clock = clock,
             .coverage = &coverage},
            SyncRunOptionsFor(source.profile(), 1)),
        notes(schedules, vault),
        scheduler({.store = schedules,
                   .run = run,
                   .notes = notes,
                   .clock = clock,
                   .source = source.profile().name,
                   .on_health = std::move(on_health)},
                  options) {}

  Engine engine;
  FakeCoverageStore coverages;
  CoverageRecorder coverage{coverages};
  SyncRun run;
  KeyNotes notes;
  Scheduler scheduler;
};

class SchedulerTest : public ::testing::Test {
 protected:
  // Stores a key that the source takes, and makes its first run due.
  void AddUser(std::int64_t user_id, absl::Duration first_run_in = -absl::Seconds(1)) {
    vault_.Put(
        user_id,
        Credential{.key = Secret(absl::StrCat("key ", user_id)), .account = "", .version = 1});
    EXPECT_THAT(schedules_.NoteKey({.user_id = user_id, .version = 1}, first_run_in, Soon()),
                IsOk());
  }
  Schedule Find(std::int64_t user_id) { return **schedules_.Find(user_id, Soon()); }
  static absl::Time Soon() { return absl::InfiniteFuture(); }
  std::unique_ptr<Replica> MakeReplica(SchedulerOptions options = {}) {
    return std::make_unique<Replica>(clock_, source_, vault_, sink_, store_, schedules_, options,
                                     [this](bool in_time) { NoteHealth(in_time); });
  }
  // Replicas tell of it in threads of their own.
  void NoteHealth(bool in_time) {
    const absl::MutexLock lock(&mutex_);
    health_.push_back(in_time);
  }
  std::vector<bool> health() {
    const absl::MutexLock lock(&mutex_);
    return health_;
  }
  // Waits for what other threads do.
  template <class Condition>
  static bool Await(Condition condition) {
    for (int i = 0; i < 6000 && !condition(); ++i) absl::SleepFor(absl::Milliseconds(10));
    return condition();
  }

  FakeClock clock_{absl::FromUnixSeconds(kNow)};
  FakeHistorySource source_{/*tells_past=*/false};
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_{clock_};
  FakeScheduleStore schedules_{clock_};
  absl::Mutex mutex_;
  std::vector<bool> health_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(SchedulerTest, RunsWhoIsDueAndSchedulesTheNextRun) {
  source_.Add(kNow - 100);
  AddUser(1);
  AddUser(2, absl::Seconds(60));
  const auto replica = MakeReplica();
  EXPECT_FALSE(replica->scheduler.RunNext());
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(1));
  EXPECT_TRUE(replica->scheduler.RunNext());
  EXPECT_FALSE(replica->scheduler.RunNext());
  EXPECT_THAT(source_.keys(), ElementsAre("key 1"));
  EXPECT_EQ(Find(1).plays_added, 1);
  EXPECT_EQ(Find(1).last_success_at, clock_.Now());
  EXPECT_GT(Find(1).next_run_at, clock_.Now());
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(0));
  clock_.Advance(absl::Seconds(61));
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(1));
}

TEST_F(SchedulerTest, ClaimsNoMoreThanItCanRunSoon) {
  for (int user_id = 1; user_id <= 20; ++user_id) AddUser(user_id);
  const auto replica = MakeReplica({.workers = 3});
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(6));
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(0));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(replica->scheduler.RunNext());
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(3));
}

TEST_F(SchedulerTest, SharesUsersWithOthersAndTakesOverFromTheDead) {
  for (int user_id = 1; user_id <= 4; ++user_id) AddUser(user_id);
  const SchedulerOptions options{.workers = 2, .run_max = absl::Seconds(30)};
  const auto dead = MakeReplica(options);
  EXPECT_THAT(dead->scheduler.ClaimSome(), IsOkAndHolds(4));
  const auto other = MakeReplica(options);
  EXPECT_THAT(other->scheduler.ClaimSome(), IsOkAndHolds(0));
  clock_.Advance(absl::Seconds(63));
  EXPECT_THAT(other->scheduler.ClaimSome(), IsOkAndHolds(4));
  while (other->scheduler.RunNext()) {
  }
  EXPECT_THAT(source_.questions(), SizeIs(4));
  // It was not dead but slow, and runs nobody now.
  while (dead->scheduler.RunNext()) {
  }
  EXPECT_THAT(source_.questions(), SizeIs(4));
}

TEST_F(SchedulerTest, GivesBackWhatItHasNotRun) {
  for (int user_id = 1; user_id <= 4; ++user_id) AddUser(user_id);
  {
    const auto replica = MakeReplica({.workers = 2});
    EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(4));
    EXPECT_TRUE(replica->scheduler.RunNext());
  }
  const auto other = MakeReplica({.workers = 2});
  EXPECT_THAT(other->scheduler.ClaimSome(), IsOkAndHolds(3));
}

TEST_F(SchedulerTest, GivesUpARunThatOutlastsTheGrace) {
  AddUser(1);
  const auto replica = MakeReplica({.workers = 1, .grace = -absl::Seconds(1)});
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(1));
  replica->scheduler.Stop();
  EXPECT_TRUE(replica->scheduler.RunNext());
  EXPECT_EQ(Find(1).last_run_at, std::nullopt);
  const auto other = MakeReplica();
  EXPECT_THAT(other->scheduler.ClaimSome(), IsOkAndHolds(1));
}

TEST_F(SchedulerTest, TellsWhenSomebodyHasWaitedForTooLong) {
  const auto replica = MakeReplica({.overdue_max = absl::Minutes(15)});
  replica->scheduler.Measure();
  EXPECT_THAT(health(), ElementsAre(true));
  AddUser(1, absl::ZeroDuration());
  clock_.Advance(absl::Minutes(15));
  replica->scheduler.Measure();
  EXPECT_THAT(health(), ElementsAre(true));
  clock_.Advance(absl::Seconds(1));
  replica->scheduler.Measure();
  replica->scheduler.Measure();
  EXPECT_THAT(health(), ElementsAre(true, false));
  EXPECT_THAT(replica->scheduler.ClaimSome(), IsOkAndHolds(1));
  EXPECT_TRUE(replica->scheduler.RunNext());
  replica->scheduler.Measure();
  EXPECT_THAT(health(), ElementsAre(true, false, true));
}

TEST_F(SchedulerTest, TakesTheUserForWaitingWhileNobodyCanTell) {
  const auto replica = MakeReplica({.overdue_max = absl::Minutes(15)});
  replica->scheduler.Measure();
  schedules_.FailWith(absl::UnavailableError("away"));
  clock_.Advance(absl::Minutes(14));
  replica->scheduler.Measure();
  clock_.Advance(absl::Minutes(2));
  replica->scheduler.Measure();
  EXPECT_THAT(health(), ElementsAre(true, false));
  schedules_.FailWith(absl::OkStatus());
  replica->scheduler.Measure();
  EXPECT_THAT(health(), ElementsAre(true, false, true));
}

TEST_F(SchedulerTest, WorksByItselfOnceItIsStarted) {
  for (int user_id = 1; user_id <= 30; ++user_id) AddUser(user_id);
  // Two of whom nobody has told.
  vault_.Put(31, Credential{.key = Secret("key 31"), .account = "", .version = 1});
  vault_.Put(32, Credential{.key = Secret("key 32"), .account = "", .version = 1});
  const SchedulerOptions options{.workers = 4, .look_pause = absl::Milliseconds(20)};
  const auto one = MakeReplica(options);
  const auto two = MakeReplica(options);
  one->scheduler.Start();
  two->scheduler.Start();
  EXPECT_TRUE(Await([&] {
    for (int user_id = 1; user_id <= 30; ++user_id) {
      if (!Find(user_id).last_success_at.has_value()) return false;
    }
    return (*schedules_.Find(32, Soon())).has_value();
  }));
  clock_.Advance(absl::Minutes(2));
  EXPECT_TRUE(Await([&] {
    return Find(31).last_success_at.has_value() && Find(32).last_success_at.has_value();
  }));
  one->scheduler.Stop();
  two->scheduler.Stop();
  const std::vector<std::string> keys = source_.keys();
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 32U);
}

TEST_F(SchedulerTest, EndsPromptlyWhileASourceHangs) {
  AddUser(1);
  absl::Notification asked;
  absl::Notification answer;
  source_.OnAsk([&] {
    if (!asked.HasBeenNotified()) asked.Notify();
    answer.WaitForNotification();
  });
  auto replica = MakeReplica({.workers = 1, .grace = absl::ZeroDuration()});
  replica->scheduler.Start();
  asked.WaitForNotification();
  replica->scheduler.Stop();
  answer.Notify();
  replica.reset();
  // Whether the run was given up or went through, nobody holds the user.
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(MakeReplica()->scheduler.ClaimSome(), IsOkAndHolds(1));
}

}  // namespace
}  // namespace playlog::ingest
