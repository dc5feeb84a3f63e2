// The contract of ScheduleStore, on PostgreSQL and in memory.

#include "common/ingest/schedule_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/ingest/postgres_schedule_store.h"
#include "common/ingest/postgres_store.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr char kSchema[] = "lastfm_ingest";

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

class Subject {
 public:
  virtual ~Subject() = default;
  virtual ScheduleStore& store() = 0;
  virtual void EraseUser(std::int64_t user_id) = 0;
  virtual absl::Time Now() = 0;
  // Lets time pass.
  virtual void Pass(absl::Duration time) = 0;
};

class FakeSubject final : public Subject {
 public:
  ScheduleStore& store() override { return store_; }
  void EraseUser(std::int64_t user_id) override { store_.EraseUser(user_id); }
  absl::Time Now() override { return clock_.Now(); }
  void Pass(absl::Duration time) override { clock_.Advance(time); }

 private:
  playlog::testing::FakeClock clock_;
  FakeScheduleStore store_{clock_};
};

class PostgresSubject final : public Subject {
 public:
  PostgresSubject() { store_ = std::make_unique<PostgresScheduleStore>(database_.pool()); }
  ScheduleStore& store() override { return *store_; }
  void EraseUser(std::int64_t user_id) override {
    EXPECT_THAT(PostgresStore(database_.pool()).EraseUser(user_id, Soon()), IsOk());
  }
  absl::Time Now() override { return absl::Now(); }
  // The server's clock cannot be set, so that the rows grow older instead.
  void Pass(absl::Duration time) override {
    std::string sets;
    for (const char* column : {"credential_noted_at", "next_run_at", "claimed_until"}) {
      absl::StrAppend(&sets, sets.empty() ? "" : ", ", column, " = ", column, " - interval '",
                      absl::ToInt64Milliseconds(time), " milliseconds'");
    }
    database_.database().Execute(absl::StrCat("UPDATE ", kSchema, ".schedules SET ", sets));
  }

 private:
  playlog::testing::MigratedDatabase database_{kSchema, StoreMigrations()};
  std::unique_ptr<PostgresScheduleStore> store_;
};

class ScheduleStoreContract : public ::testing::TestWithParam<bool> {
 protected:
  ScheduleStoreContract() {
    if (GetParam()) {
      subject_ = std::make_unique<PostgresSubject>();
    } else {
      subject_ = std::make_unique<FakeSubject>();
    }
  }
  ScheduleStore& store() { return subject_->store(); }
  void Note(std::int64_t user_id, absl::Duration first_run_in, std::int64_t version = 1) {
    EXPECT_THAT(store().NoteKey({.user_id = user_id, .version = version}, first_run_in, Soon()),
                IsOk());
  }
  ListedCounts NoteListed(const ListedKeys& listed) {
    const auto counts = store().NoteListed(listed, absl::Minutes(1), absl::Minutes(2), Soon());
    EXPECT_THAT(counts, IsOk());
    return counts.value_or(ListedCounts{});
  }
  std::vector<ClaimedUser> ClaimAll(const std::string& holder, int limit = 100,
                                    absl::Duration lease = absl::Minutes(5)) {
    const auto claimed = store().Claim(holder, limit, lease, Soon());
    EXPECT_THAT(claimed, IsOk());
    return claimed.value_or(std::vector<ClaimedUser>{});
  }
  std::vector<std::int64_t> Claim(const std::string& holder, int limit = 100,
                                  absl::Duration lease = absl::Minutes(5)) {
    std::vector<std::int64_t> users;
    for (const ClaimedUser& claimed : ClaimAll(holder, limit, lease)) {
      users.push_back(claimed.user_id);
    }
    return users;
  }
  Schedule Find(std::int64_t user_id) {
    const auto found = store().Find(user_id, Soon());
    EXPECT_THAT(found, IsOk());
    EXPECT_TRUE(found.ok() && found->has_value());
    return found.ok() && found->has_value() ? **found : Schedule{};
  }
  // Expects a time to lie that far from now, give or take what a busy machine needs.
  void ExpectIn(absl::Time time, absl::Duration distance) {
    const absl::Duration off = time - subject_->Now() - distance;
    EXPECT_LT(absl::AbsDuration(off), absl::Seconds(30)) << off;
  }

  std::unique_ptr<Subject> subject_;
};

TEST_P(ScheduleStoreContract, SchedulesTheFirstRunOfANewKey) {
  EXPECT_THAT(store().Find(7, Soon()), IsOkAndHolds(::testing::Eq(std::nullopt)));
  EXPECT_THAT(store().NoteKey({7, 3, auth::v1::KEY_STATE_OK}, absl::Minutes(10), Soon()), IsOk());
  const Schedule schedule = Find(7);
  EXPECT_EQ(schedule.user_id, 7);
  EXPECT_TRUE(schedule.enabled);
  EXPECT_THAT(schedule.key_state, Optional(auth::v1::KEY_STATE_OK));
  ExpectIn(schedule.next_run_at, absl::Minutes(10));
  EXPECT_EQ(schedule.last_run_at, std::nullopt);
  EXPECT_EQ(schedule.last_success_at, std::nullopt);
  EXPECT_EQ(schedule.last_error, std::nullopt);
  EXPECT_EQ(schedule.plays_added, 0);
  EXPECT_THAT(Claim("a"), IsEmpty());
  subject_->Pass(absl::Minutes(11));
  EXPECT_THAT(Claim("a"), ElementsAre(7));
}

TEST_P(ScheduleStoreContract, ClaimsWhoHasBeenDueForLongestFirst) {
  Note(1, absl::Minutes(-1));
  Note(2, absl::Minutes(-3));
  Note(3, absl::Minutes(-2));
  Note(4, absl::Minutes(10));
  EXPECT_THAT(Claim("a", 2), ElementsAre(2, 3));
  const std::vector<ClaimedUser> last = ClaimAll("b");
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].user_id, 1);
  EXPECT_EQ(last[0].holder, "b");
  EXPECT_GE(last[0].late, absl::Minutes(1));
  EXPECT_LT(last[0].late, absl::Minutes(2));
  EXPECT_THAT(Claim("c"), IsEmpty());
}

TEST_P(ScheduleStoreContract, LetsAnotherHaveWhatADeadOneHasClaimed) {
  Note(7, absl::Minutes(-1));
  const std::vector<ClaimedUser> dead = ClaimAll("dead", 1, absl::Minutes(1));
  EXPECT_THAT(Claim("a"), IsEmpty());
  subject_->Pass(absl::Minutes(2));
  const std::vector<ClaimedUser> claimed = ClaimAll("a");
  ASSERT_EQ(claimed.size(), 1U);
  // Should it not be dead after all, it comes too late.
  EXPECT_THAT(store().Finish(dead[0], {.succeeded = true, .plays_added = 5}, Soon()),
              IsOkAndHolds(false));
  EXPECT_THAT(store().Release(7, "dead", Soon()), IsOk());
  EXPECT_THAT(Claim("b"), IsEmpty());
  EXPECT_THAT(store().Finish(claimed[0], {.succeeded = true, .plays_added = 2}, Soon()),
              IsOkAndHolds(true));
  EXPECT_EQ(Find(7).plays_added, 2);
}

TEST_P(ScheduleStoreContract, GivesAClaimBackUnrun) {
  Note(7, absl::Minutes(-1));
  EXPECT_THAT(Claim("a"), ElementsAre(7));
  EXPECT_THAT(store().Release(7, "a", Soon()), IsOk());
  EXPECT_THAT(Claim("b"), ElementsAre(7));
  EXPECT_EQ(Find(7).last_run_at, std::nullopt);
}

TEST_P(ScheduleStoreContract, RemembersWhatARunLeavesBehind) {
  Note(7, absl::Minutes(-1));
  const absl::Time at = absl::FromUnixMicros(1'700'000'000'123'456);
  RunRecord record{.succeeded = true,
                   .plays_added = 3,
                   .key = RunRecord::Key::kOk,
                   .next_run_in = absl::Minutes(20),
                   .progress = {.watermark = at,
                                .unread = Span{.from = at - absl::Hours(2), .to = at},
                                .compared_at = at + absl::Hours(1),
                                .interval = absl::Minutes(20),
                                .rhythm = {.peak = absl::Minutes(9),
                                           .peak_at = at - absl::Hours(5),
                                           .newest_play_at = at}}};
  EXPECT_THAT(store().Finish(ClaimAll("a")[0], record, Soon()), IsOkAndHolds(true));
  Schedule schedule = Find(7);
  ExpectIn(schedule.next_run_at, absl::Minutes(20));
  ExpectIn(schedule.last_run_at.value_or(at), absl::ZeroDuration());
  ExpectIn(schedule.last_success_at.value_or(at), absl::ZeroDuration());
  EXPECT_EQ(schedule.last_error, std::nullopt);
  EXPECT_EQ(schedule.plays_added, 3);
  EXPECT_EQ(schedule.interval, absl::Minutes(20));
  EXPECT_THAT(schedule.key_state, Optional(auth::v1::KEY_STATE_OK));
  subject_->Pass(absl::Minutes(21));
  const ClaimedUser again = ClaimAll("a")[0];
  EXPECT_EQ(again.failures, 0);
  EXPECT_EQ(again.progress.watermark, record.progress.watermark);
  ASSERT_TRUE(again.progress.unread.has_value());
  EXPECT_EQ(again.progress.unread->from, at - absl::Hours(2));
  EXPECT_EQ(again.progress.unread->to, at);
  EXPECT_EQ(again.progress.compared_at, record.progress.compared_at);
  EXPECT_EQ(again.progress.interval, absl::Minutes(20));
  EXPECT_EQ(again.progress.rhythm, record.progress.rhythm);
  // A run that only moves the state back to nothing.
  record = {.succeeded = true, .next_run_in = absl::Minutes(-1)};
  EXPECT_THAT(store().Finish(again, record, Soon()), IsOkAndHolds(true));
  EXPECT_EQ(ClaimAll("b")[0].progress.unread.has_value(), false);
}

TEST_P(ScheduleStoreContract, CountsFailuresUntilASuccess) {
  Note(7, absl::Minutes(-1));
  const RunRecord failure{.error = "It does not answer",
                          .plays_added = 1,
                          .limited_for = absl::Minutes(10),
                          .next_run_in = absl::Minutes(-1)};
  EXPECT_THAT(store().Finish(ClaimAll("a")[0], failure, Soon()), IsOkAndHolds(true));
  EXPECT_THAT(Find(7).last_error, Optional(std::string("It does not answer")));
  EXPECT_EQ(Find(7).last_success_at, std::nullopt);
  EXPECT_NE(Find(7).last_run_at, std::nullopt);
  EXPECT_THAT(Find(7).key_state, Optional(auth::v1::KEY_STATE_UNVERIFIED));
  EXPECT_EQ(Find(7).plays_added, 1);
  ASSERT_TRUE(Find(7).limited_until.has_value());
  ExpectIn(*Find(7).limited_until, absl::Minutes(10));
  const ClaimedUser second = ClaimAll("b")[0];
  EXPECT_EQ(second.failures, 1);
  EXPECT_THAT(store().Finish(second, failure, Soon()), IsOkAndHolds(true));
  const ClaimedUser third = ClaimAll("c")[0];
  EXPECT_EQ(third.failures, 2);
  const RunRecord success{.succeeded = true, .next_run_in = absl::Minutes(-1)};
  EXPECT_THAT(store().Finish(third, success, Soon()), IsOkAndHolds(true));
  EXPECT_EQ(Find(7).last_error, std::nullopt);
  EXPECT_EQ(Find(7).limited_until, std::nullopt);
  EXPECT_EQ(ClaimAll("d")[0].failures, 0);
}

TEST_P(ScheduleStoreContract, TellsHowTheKeyFares) {
  Note(7, absl::Minutes(-1));
  const auto run = [&](RunRecord::Key key) {
    EXPECT_THAT(
        store().Finish(ClaimAll("a")[0], {.key = key, .next_run_in = absl::Minutes(-1)}, Soon()),
        IsOkAndHolds(true));
    return Find(7).key_state;
  };
  using Key = RunRecord::Key;
  EXPECT_THAT(run(Key::kOk), Optional(auth::v1::KEY_STATE_OK));
  EXPECT_THAT(run(Key::kRejected), Optional(auth::v1::KEY_STATE_REJECTED));
  EXPECT_THAT(run(Key::kUnchanged), Optional(auth::v1::KEY_STATE_REJECTED));
  EXPECT_EQ(run(Key::kMissing), std::nullopt);
  // What the list knows beyond what a run sees stays.
  subject_->Pass(2 * kListedKeyLag);
  EXPECT_EQ(NoteListed({.keys = {{7, 1, auth::v1::KEY_STATE_EXPIRING}}}).noted, 1);
  EXPECT_THAT(run(Key::kOk), Optional(auth::v1::KEY_STATE_EXPIRING));
  subject_->Pass(2 * kListedKeyLag);
  EXPECT_EQ(NoteListed({.keys = {{7, 1, auth::v1::KEY_STATE_NEEDS_SIGN_IN}}}).noted, 1);
  EXPECT_THAT(run(Key::kRejected), Optional(auth::v1::KEY_STATE_NEEDS_SIGN_IN));
  EXPECT_THAT(run(Key::kOk), Optional(auth::v1::KEY_STATE_OK));
}

TEST_P(ScheduleStoreContract, BeginsAnewWithANewKeyButKeepsTheWishAndTheTallies) {
  Note(7, absl::Minutes(-1));
  EXPECT_THAT(store().SetEnabled(7, false, Soon()), IsOk());
  EXPECT_THAT(store().SetEnabled(7, true, Soon()), IsOk());
  const absl::Time at = absl::FromUnixSeconds(1'700'000'000);
  const RunRecord record{.error = "refused",
                         .plays_added = 9,
                         .key = RunRecord::Key::kRejected,
                         .next_run_in = absl::Minutes(-1),
                         .progress = {.watermark = at,
                                      .unread = Span{.from = at, .to = at},
                                      .compared_at = at,
                                      .interval = absl::Minutes(3),
                                      .rhythm = {std::nullopt, std::nullopt, at}}};
  EXPECT_THAT(store().Finish(ClaimAll("a")[0], record, Soon()), IsOkAndHolds(true));
  const ClaimedUser running = ClaimAll("b")[0];
  EXPECT_THAT(store().SetEnabled(7, false, Soon()), IsOk());
  Note(7, absl::Minutes(1), 2);
  // The run with the old key counts no more.
  EXPECT_THAT(store().Finish(running, record, Soon()), IsOkAndHolds(false));
  const Schedule schedule = Find(7);
  EXPECT_FALSE(schedule.enabled);
  EXPECT_EQ(schedule.last_error, std::nullopt);
  EXPECT_EQ(schedule.plays_added, 9);
  EXPECT_NE(schedule.last_run_at, std::nullopt);
  EXPECT_THAT(schedule.key_state, Optional(auth::v1::KEY_STATE_UNVERIFIED));
  ExpectIn(schedule.next_run_at, absl::Minutes(1));
  EXPECT_THAT(store().SetEnabled(7, true, Soon()), IsOk());
  subject_->Pass(absl::Minutes(2));
  const ClaimedUser claimed = ClaimAll("c")[0];
  EXPECT_EQ(claimed.failures, 0);
  EXPECT_EQ(claimed.progress.watermark, std::nullopt);
  EXPECT_FALSE(claimed.progress.unread.has_value());
  EXPECT_EQ(claimed.progress.compared_at, std::nullopt);
  EXPECT_EQ(claimed.progress.interval, absl::Minutes(3));
  EXPECT_EQ(claimed.progress.rhythm.newest_play_at, at);
}

TEST_P(ScheduleStoreContract, TurnsOffAndOn) {
  EXPECT_THAT(store().SetEnabled(7, false, Soon()), IsOkAndHolds(::testing::Eq(std::nullopt)));
  Note(7, absl::Minutes(-5));
  Note(8, absl::Minutes(10));
  const auto off = *store().SetEnabled(7, false, Soon());
  ASSERT_TRUE(off.has_value());
  EXPECT_FALSE(off->enabled);
  EXPECT_THAT(Claim("a"), IsEmpty());
  EXPECT_EQ(store().CountDue(Soon())->count, 0);
  const auto on = *store().SetEnabled(7, true, Soon());
  ASSERT_TRUE(on.has_value());
  EXPECT_TRUE(on->enabled);
  // Nobody was late while it was off.
  ExpectIn(on->next_run_at, absl::ZeroDuration());
  EXPECT_THAT(Claim("a"), ElementsAre(7));
  // A first run that was not yet due is not hastened.
  EXPECT_THAT(store().SetEnabled(8, false, Soon()), IsOk());
  ExpectIn((*store().SetEnabled(8, true, Soon()))->next_run_at, absl::Minutes(10));
}

TEST_P(ScheduleStoreContract, LearnsFromTheListWhatItMissed) {
  EXPECT_EQ(
      NoteListed({.keys = {{5, 1, auth::v1::KEY_STATE_OK}, {6, 2, auth::v1::KEY_STATE_REJECTED}}}),
      (ListedCounts{.noted = 2}));
  EXPECT_THAT(Find(5).key_state, Optional(auth::v1::KEY_STATE_OK));
  EXPECT_THAT(Find(6).key_state, Optional(auth::v1::KEY_STATE_REJECTED));
  const absl::Duration first = Find(5).next_run_at - subject_->Now();
  EXPECT_GT(first, absl::Seconds(30));
  EXPECT_LT(first, absl::Seconds(150));
  EXPECT_EQ(
      NoteListed({.keys = {{5, 1, auth::v1::KEY_STATE_OK}, {6, 2, auth::v1::KEY_STATE_REJECTED}}}),
      ListedCounts{});
  EXPECT_EQ(NoteListed({}), (ListedCounts{.gone = 2}));
  EXPECT_EQ(Find(5).key_state, std::nullopt);
  EXPECT_TRUE(Find(5).enabled);
}

TEST_P(ScheduleStoreContract, TakesAPartOfTheListForThatPartAlone) {
  NoteListed({.keys = {{2, 1}, {4, 1}, {6, 1}, {8, 1}}});
  EXPECT_EQ(NoteListed({.after_user_id = 2, .last_user_id = 6, .keys = {{6, 1}}}).gone, 1);
  EXPECT_EQ(Find(4).key_state, std::nullopt);
  for (const std::int64_t kept : {2, 6, 8}) EXPECT_NE(Find(kept).key_state, std::nullopt) << kept;
  EXPECT_EQ(NoteListed({.after_user_id = 6, .keys = {}}).gone, 1);
  EXPECT_EQ(Find(8).key_state, std::nullopt);
}

TEST_P(ScheduleStoreContract, MovesNothingForARenewedKey) {
  Note(7, absl::Minutes(-1));
  EXPECT_THAT(
      store().Finish(ClaimAll("a")[0],
                     {.succeeded = true, .key = RunRecord::Key::kOk, .next_run_in = absl::Hours(1)},
                     Soon()),
      IsOkAndHolds(true));
  subject_->Pass(2 * kListedKeyLag);
  EXPECT_EQ(NoteListed({.keys = {{7, 2, auth::v1::KEY_STATE_OK}}}).noted, 1);
  ExpectIn(Find(7).next_run_at, absl::Minutes(58));
}

TEST_P(ScheduleStoreContract, HastensTheRunOfAKeyThatWasRefused) {
  for (const RunRecord::Key key : {RunRecord::Key::kRejected, RunRecord::Key::kMissing}) {
    Note(7, absl::Minutes(-1));
    EXPECT_THAT(
        store().Finish(ClaimAll("a")[0], {.key = key, .next_run_in = absl::Hours(9)}, Soon()),
        IsOkAndHolds(true));
    subject_->Pass(2 * kListedKeyLag);
    EXPECT_EQ(NoteListed({.keys = {{7, 2, auth::v1::KEY_STATE_UNVERIFIED}}}).noted, 1);
    ExpectIn(Find(7).next_run_at, absl::Seconds(90));
  }
}

// The list is a moment old when it comes.
TEST_P(ScheduleStoreContract, BelievesWhatItWasJustToldMoreThanTheList) {
  Note(7, absl::Minutes(10), 2);
  EXPECT_EQ(NoteListed({.keys = {{7, 1, auth::v1::KEY_STATE_REJECTED}}}), ListedCounts{});
  EXPECT_EQ(NoteListed({}), ListedCounts{});
  EXPECT_THAT(Find(7).key_state, Optional(auth::v1::KEY_STATE_UNVERIFIED));
  subject_->Pass(2 * kListedKeyLag);
  EXPECT_EQ(NoteListed({}), (ListedCounts{.gone = 1}));
}

TEST_P(ScheduleStoreContract, CountsWhoWaits) {
  EXPECT_EQ(store().CountDue(Soon())->count, 0);
  EXPECT_EQ(store().CountDue(Soon())->oldest, absl::ZeroDuration());
  Note(1, absl::Minutes(-10));
  Note(2, absl::Minutes(-1));
  Note(3, absl::Minutes(10));
  Claim("a", 1);
  const auto due = store().CountDue(Soon());
  ASSERT_THAT(due, IsOk());
  EXPECT_EQ(due->count, 2);
  EXPECT_GE(due->oldest, absl::Minutes(10));
  EXPECT_LT(due->oldest, absl::Minutes(11));
}

TEST_P(ScheduleStoreContract, KeepsNothingOfAnErasedUser) {
  Note(7, absl::Minutes(-1));
  Note(8, absl::Minutes(-1));
  const std::vector<ClaimedUser> running = ClaimAll("a");
  subject_->EraseUser(7);
  EXPECT_THAT(store().Finish(running[0].user_id == 7 ? running[0] : running[1], {}, Soon()),
              IsOkAndHolds(false));
  Note(7, absl::Minutes(-1));
  EXPECT_EQ(NoteListed({.last_user_id = 7, .keys = {{7, 1}}}), ListedCounts{});
  EXPECT_THAT(store().Find(7, Soon()), IsOkAndHolds(::testing::Eq(std::nullopt)));
  EXPECT_EQ(Find(8).user_id, 8);
}

TEST_P(ScheduleStoreContract, SharesTheWorkAmongManyWithoutDoingItTwice) {
  constexpr int kUsers = 60;
  for (int user_id = 1; user_id <= kUsers; ++user_id) Note(user_id, absl::Minutes(-user_id));
  std::vector<std::vector<std::int64_t>> shares(4);
  std::vector<std::thread> replicas;
  for (std::size_t replica = 0; replica < shares.size(); ++replica) {
    replicas.emplace_back([&, replica] {
      for (int round = 0;; ++round) {
        const auto users = Claim(absl::StrCat(replica, "-", round), 3);
        if (users.empty()) return;
        shares[replica].insert(shares[replica].end(), users.begin(), users.end());
      }
    });
  }
  for (std::thread& replica : replicas) replica.join();
  std::multiset<std::int64_t> all;
  for (const auto& share : shares) all.insert(share.begin(), share.end());
  EXPECT_EQ(all.size(), std::size_t{kUsers});
  EXPECT_EQ(std::set<std::int64_t>(all.begin(), all.end()).size(), std::size_t{kUsers});
}

INSTANTIATE_TEST_SUITE_P(Stores, ScheduleStoreContract, ::testing::Bool(),
                         [](const auto& parameter) {
                           return parameter.param ? "Postgres" : "Fake";
                         });

}  // namespace
}  // namespace playlog::ingest
