// The contract of ingest::BudgetStore, on PostgreSQL and in memory: there in windows of some
// hundred milliseconds, here on a clock that is moved.

#include "common/ingest/budget_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/ingest/fake_budget_store.h"
#include "common/ingest/postgres_budget_store.h"
#include "common/ingest/postgres_store.h"
#include "common/ingest/source.h"
#include "common/testing/fake_clock.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::Le;

constexpr char kSchema[] = "lastfm_ingest";
// Long against what a busy machine takes between two statements, since waits are compared with it.
constexpr absl::Duration kWindow = absl::Seconds(3);
constexpr absl::Duration kLease = absl::Seconds(20);
constexpr absl::Duration kPatience = absl::Minutes(1);
// A class of people, so that tests read well.
constexpr bool kPerson = true;
constexpr bool kNobody = false;

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

// Matches an answer.
auto Granted() { return IsOkAndHolds(Field(&PlaceAnswer::kind, PlaceAnswer::Kind::kGranted)); }
auto Waits() { return IsOkAndHolds(Field(&PlaceAnswer::kind, PlaceAnswer::Kind::kWait)); }
auto RefusedFor(absl::Duration least, absl::Duration most) {
  return IsOkAndHolds(AllOf(Field(&PlaceAnswer::kind, PlaceAnswer::Kind::kRefused),
                            Field(&PlaceAnswer::wait, AllOf(Ge(least), Le(most)))));
}

class Subject {
 public:
  virtual ~Subject() = default;
  virtual BudgetStore& store() = 0;
  virtual void Pass(absl::Duration time) = 0;
  // Keeps all who wait from being late, however busy the machine is.
  virtual void KeepAlive() {}
};

class FakeSubject final : public Subject {
 public:
  BudgetStore& store() override { return store_; }
  void Pass(absl::Duration time) override { clock_.Advance(time); }

 private:
  playlog::testing::FakeClock clock_;
  FakeBudgetStore store_{clock_};
};

class PostgresSubject final : public Subject {
 public:
  PostgresSubject() { store_ = std::make_unique<PostgresBudgetStore>(database_.pool()); }
  BudgetStore& store() override { return *store_; }
  // Moves all that is kept back in time instead of waiting: the database's clock cannot be moved.
  void Pass(absl::Duration time) override {
    const std::string by =
        "- interval '" + std::to_string(absl::ToInt64Milliseconds(time)) + " ms'";
    database_.database().Execute("UPDATE lastfm_ingest.budget_places SET taken_at = taken_at " +
                                 by + ", ends_at = ends_at " + by + ", forget_at = forget_at " +
                                 by + "; UPDATE lastfm_ingest.budget_waiters SET since = since " +
                                 by + ", alive_until = alive_until " + by);
  }
  void KeepAlive() override {
    database_.database().Execute(
        "UPDATE lastfm_ingest.budget_waiters SET alive_until = 'infinity'");
  }
  std::string Execute(const std::string& sql) { return database_.database().Execute(sql); }
  const std::string& url() const { return database_.database().url(); }
  db::Pool& pool() { return database_.pool(); }

 private:
  playlog::testing::MigratedDatabase database_{kSchema, StoreMigrations()};
  std::unique_ptr<PostgresBudgetStore> store_;
};

std::string NameOf(const std::string& name) {
  std::string bytes = name;
  bytes.resize(kCallNameBytes, '.');
  return bytes;
}

class BudgetStoreContract : public ::testing::TestWithParam<bool> {
 protected:
  BudgetStoreContract() {
    if (GetParam()) {
      subject_ = std::make_unique<PostgresSubject>();
    } else {
      subject_ = std::make_unique<FakeSubject>();
    }
  }
  absl::StatusOr<PlaceAnswer> Take(const std::string& name, std::int64_t user_id = 7,
                                   bool interactive = kPerson,
                                   std::optional<absl::Duration> max_wait = {}) {
    return subject_->store().Take({.name = NameOf(name),
                                   .subject = "subject",
                                   .user_id = user_id,
                                   .interactive = interactive,
                                   .limits = limits_,
                                   .lease = kLease,
                                   .max_wait = max_wait.value_or(patience_)},
                                  Soon());
  }
  void End(const std::string& name, absl::Duration later = absl::ZeroDuration()) {
    EXPECT_THAT(subject_->store().End(NameOf(name), later, Soon()), IsOk());
  }
  void Leave(const std::string& name) {
    EXPECT_THAT(subject_->store().Leave(NameOf(name), Soon()), IsOk());
  }
  void Pass(absl::Duration time) { subject_->Pass(time); }
  // Fills all places with calls that have ended.
  void Fill(std::int64_t user_id = 99) {
    for (int i = 0; i < limits_[0].calls; ++i) {
      const std::string name = "full" + std::to_string(i);
      EXPECT_THAT(Take(name, user_id), Granted());
      End(name);
    }
  }
  // Expects that all of them wait, in this order of asking.
  struct Asker {
    std::string name;
    std::int64_t user_id = 7;
    bool interactive = kPerson;
  };
  void Line(const std::vector<Asker>& askers) {
    for (const auto& [name, user_id, interactive] : askers) {
      EXPECT_THAT(Take(name, user_id, interactive), Waits()) << name;
    }
    subject_->KeepAlive();
  }
  // Lets one more place be free, has all ask for it, and returns who got it.
  std::string Serve(const std::vector<Asker>& askers) {
    ++limits_[0].calls;
    Pass(absl::Milliseconds(1));
    std::string served = "nobody";
    for (const auto& [name, user_id, interactive] : askers) {
      const auto answer = Take(name, user_id, interactive);
      EXPECT_THAT(answer, IsOk());
      if (answer->kind == PlaceAnswer::Kind::kGranted) served = name;
      subject_->KeepAlive();
    }
    return served;
  }

  absl::Duration patience_ = kPatience;
  std::vector<CallLimit> limits_{{.calls = 2, .window = kWindow}};
  std::unique_ptr<Subject> subject_;
};

TEST_P(BudgetStoreContract, GrantsAsManyAsTheLimitWithinAWindow) {
  EXPECT_THAT(Take("a"), Granted());
  EXPECT_THAT(Take("b"), Granted());
  EXPECT_THAT(Take("c"), Waits());
}

TEST_P(BudgetStoreContract, APlaceIsFreeAWindowAfterTheEndAndNotTheBeginning) {
  Fill();
  EXPECT_THAT(Take("a"), Waits());
  Leave("a");
  Pass(kWindow + absl::Milliseconds(1));
  EXPECT_THAT(Take("b"), Granted());
  EXPECT_THAT(Take("c"), Granted());
  Pass(2 * kWindow);
  EXPECT_THAT(Take("d"), Waits()) << "the calls are under way, the first may have just arrived";
  End("b");
  End("c");
  Pass(kWindow - absl::Seconds(2));
  EXPECT_THAT(Take("d"), Waits());
  Pass(absl::Milliseconds(2001));
  EXPECT_THAT(Take("d"), Granted());
}

TEST_P(BudgetStoreContract, CountsACallThatMayStillBeOnItsWayForLonger) {
  Fill();
  Leave("full1");
  EXPECT_THAT(Take("a"), Granted());
  End("a", absl::Seconds(2));
  Pass(kWindow + absl::Milliseconds(1));
  EXPECT_THAT(Take("b"), Granted());
  EXPECT_THAT(Take("c"), Waits());
  Pass(absl::Seconds(2));
  EXPECT_THAT(Take("c"), Granted());
}

TEST_P(BudgetStoreContract, ADeadProcessHoldsItsPlaceForTheLeaseAndAWindow) {
  EXPECT_THAT(Take("a"), Granted());
  EXPECT_THAT(Take("b"), Granted());
  Pass(kLease + kWindow - absl::Seconds(2));
  EXPECT_THAT(Take("c"), Waits());
  Pass(absl::Milliseconds(2001));
  EXPECT_THAT(Take("c"), Granted());
}

TEST_P(BudgetStoreContract, KeepsEveryLimit) {
  limits_ = {{.calls = 2, .window = kWindow}, {.calls = 3, .window = absl::Hours(1)}};
  Fill();
  Pass(kWindow + absl::Milliseconds(1));
  EXPECT_THAT(Take("a"), Granted());
  End("a");
  Pass(kWindow + absl::Milliseconds(1));
  EXPECT_THAT(Take("b"), RefusedFor(absl::Minutes(59), absl::Hours(1)));
  Pass(absl::Hours(1) - kWindow);
  EXPECT_THAT(Take("b"), Granted());
}

TEST_P(BudgetStoreContract, CountsSubjectsApart) {
  Fill();
  EXPECT_THAT(subject_->store().Take({.name = NameOf("a"),
                                      .subject = std::string("\0\xFF", 2),
                                      .user_id = 7,
                                      .limits = limits_,
                                      .lease = kLease,
                                      .max_wait = kPatience},
                                     Soon()),
              Granted());
}

TEST_P(BudgetStoreContract, TheSameRequestTakesOnePlace) {
  EXPECT_THAT(Take("a"), Granted());
  EXPECT_THAT(Take("a"), Granted());
  EXPECT_THAT(Take("b"), Granted());
}

TEST_P(BudgetStoreContract, APlaceThatIsGivenBackIsFree) {
  EXPECT_THAT(Take("a"), Granted());
  EXPECT_THAT(Take("b"), Granted());
  Leave("a");
  EXPECT_THAT(Take("c"), Granted());
  Leave("never asked");
}

TEST_P(BudgetStoreContract, RefusesAtOnceWhatCannotBeInTimeAndSaysWhenItCan) {
  Fill();
  EXPECT_THAT(Take("a", 7, kPerson, absl::Milliseconds(500)),
              RefusedFor(kWindow - absl::Seconds(2), kWindow));
  // Two are served when the window is over, the third and the fourth a window later.
  Line({{"b"}, {"c"}});
  EXPECT_THAT(Take("d", 7, kPerson, kWindow),
              RefusedFor(2 * kWindow - absl::Seconds(2), 2 * kWindow));
  EXPECT_THAT(Take("d", 7, kPerson, 3 * kWindow), Waits());
  EXPECT_THAT(Take("e", 7, kPerson, 2 * kWindow - absl::Seconds(2)),
              RefusedFor(2 * kWindow - absl::Seconds(2), 2 * kWindow));
}

TEST_P(BudgetStoreContract, SaysWhenToAskAgain) {
  Fill();
  const auto answer = Take("a");
  ASSERT_THAT(answer, Waits());
  EXPECT_LE(answer->wait, kLongestPause);
  Pass(kWindow - absl::Milliseconds(500));
  const auto again = Take("a");
  // Unless the machine was busy for half a second, in which case it is served.
  ASSERT_THAT(again, IsOk());
  EXPECT_LE(again->wait, absl::Milliseconds(500));
}

TEST_P(BudgetStoreContract, APlaceThatComesFreeIsForTheFirstInLine) {
  Fill();
  Line({{"a"}, {"b"}, {"c"}});
  EXPECT_EQ(Serve({{"c"}, {"b"}, {"a"}}), "a");
  EXPECT_EQ(Serve({{"c"}, {"b"}}), "b");
}

TEST_P(BudgetStoreContract, WhoIsLateIsPassedOverAndKeepsItsTurn) {
  Fill();
  EXPECT_THAT(Take("a"), Waits());
  EXPECT_THAT(Take("b"), Waits());
  Pass(kLongestPause + kLateness + absl::Milliseconds(1));
  ++limits_[0].calls;
  EXPECT_THAT(Take("b"), Granted()) << "whoever does not ask may be dead";
  Line({{"c"}, {"a"}});
  EXPECT_EQ(Serve({{"c"}, {"a"}}), "a");
}

TEST_P(BudgetStoreContract, WhoLeavesTheLineIsNotWaitedFor) {
  Fill();
  Line({{"a"}, {"b"}});
  Leave("a");
  EXPECT_EQ(Serve({{"b"}}), "b");
}

TEST_P(BudgetStoreContract, PeopleGoBeforeTheBackground) {
  Fill();
  Line({{"background", 7, kNobody}, {"person", 8, kPerson}});
  EXPECT_EQ(Serve({{"background", 7, kNobody}, {"person", 8, kPerson}}), "person");
}

TEST_P(BudgetStoreContract, WhatBecomesUrgentGoesForward) {
  Fill();
  Line({{"a", 7, kNobody}, {"b", 8, kNobody}, {"b", 8, kPerson}});
  EXPECT_EQ(Serve({{"a", 7, kNobody}, {"b", 8, kPerson}}), "b");
}

TEST_P(BudgetStoreContract, UsersOfOneSubjectAreServedInTurn) {
  limits_ = {{.calls = 1, .window = absl::Hours(1)}};
  const auto take = [&](const std::string& name) { return Asker{name, name[0] - '0', kNobody}; };
  EXPECT_THAT(Take("1 served", 1, kNobody), Granted());
  // The first user asks for all of its calls before anybody else comes.
  std::vector<Asker> line;
  for (const char* name : {"1a", "1b", "1c", "1d", "2a", "2b", "3a"}) line.push_back(take(name));
  patience_ = absl::Hours(20);
  Line(line);
  std::vector<std::string> served;
  while (!line.empty()) {
    served.push_back(Serve(line));
    std::erase_if(line, [&](const Asker& asker) { return asker.name == served.back(); });
    ASSERT_LE(served.size(), 7U);
  }
  EXPECT_THAT(served, ElementsAre("2a", "3a", "1a", "2b", "1b", "1c", "1d"));
}

TEST_P(BudgetStoreContract, CountsWhatIsUsedOfTheSubjectOfTheUsersLatestCall) {
  limits_ = {{.calls = 3, .window = kWindow}, {.calls = 9, .window = absl::Hours(1)}};
  const auto used = [&](std::int64_t user_id) {
    return subject_->store().CountUsed(user_id, limits_, Soon());
  };
  EXPECT_THAT(used(7), IsOkAndHolds(ElementsAre(0, 0)));
  EXPECT_THAT(Take("a", 7), Granted());
  EXPECT_THAT(Take("b", 8), Granted());
  End("a");
  EXPECT_THAT(used(7), IsOkAndHolds(ElementsAre(2, 2)));
  EXPECT_THAT(used(8), IsOkAndHolds(ElementsAre(2, 2)));
  EXPECT_THAT(used(9), IsOkAndHolds(ElementsAre(0, 0)));
  Pass(kWindow + absl::Milliseconds(1));
  EXPECT_THAT(used(7), IsOkAndHolds(ElementsAre(1, 2))) << "one is still under way";
}

INSTANTIATE_TEST_SUITE_P(Stores, BudgetStoreContract, ::testing::Bool(), [](const auto& parameter) {
  return parameter.param ? "Postgres" : "Fake";
});

class PostgresBudgetStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<PlaceAnswer> Take(const std::string& name, const std::string& subject,
                                   std::int64_t user_id) {
    return subject_.store().Take({.name = NameOf(name),
                                  .subject = subject,
                                  .user_id = user_id,
                                  .limits = limits_,
                                  .lease = kLease,
                                  .max_wait = kPatience},
                                 Soon());
  }
  std::string Places() {
    return subject_.Execute("SELECT count(*) FROM lastfm_ingest.budget_places");
  }
  std::string Waiters() {
    return subject_.Execute("SELECT count(*) FROM lastfm_ingest.budget_waiters");
  }

  const std::vector<CallLimit> limits_{{.calls = 2, .window = kWindow}};
  PostgresSubject subject_;
  PostgresStore store_{subject_.pool()};
};

TEST_F(PostgresBudgetStoreTest, ForgetsWhatIsOverWhoeverAsks) {
  EXPECT_THAT(Take("a", "one", 7), Granted());
  EXPECT_THAT(Take("b", "one", 7), Granted());
  EXPECT_THAT(Take("c", "one", 7), Waits());
  EXPECT_THAT(subject_.store().End(NameOf("b"), absl::ZeroDuration(), Soon()), IsOk());
  subject_.Pass(kWindow + absl::Milliseconds(1));
  EXPECT_THAT(Take("d", "other", 8), Granted());
  EXPECT_EQ(Places(), "2") << "the one that may be under way, and the new one";
  subject_.Pass(absl::Minutes(2));
  EXPECT_THAT(Take("e", "other", 8), Granted());
  EXPECT_EQ(Places(), "1");
  EXPECT_EQ(Waiters(), "0");
}

// Its calls go on counting for those who share the subject.
TEST_F(PostgresBudgetStoreTest, ForgetsAnErasedUserButNotTheCallsThatOthersCountOn) {
  EXPECT_THAT(Take("a", "shared", 7), Granted());
  EXPECT_THAT(Take("b", "shared", 7), Granted());
  EXPECT_THAT(Take("c", "shared", 7), Waits());
  EXPECT_THAT(Take("d", UserSubject(7), 7), Granted());
  EXPECT_THAT(Take("e", UserSubject(8), 8), Granted());
  const auto exported = [&](const std::string& table, const std::string& member) {
    return playlog::testing::ExportedMember(*store_.Export(7), table, member, Soon()).size();
  };
  EXPECT_EQ(exported("budget_places", "taken_at"), 3U);
  EXPECT_EQ(exported("budget_waiters", "since"), 1U);
  EXPECT_THAT(store_.EraseUser(7, Soon()), IsOkAndHolds(4));
  EXPECT_THAT(store_.EraseUser(7, Soon()), IsOkAndHolds(0));
  EXPECT_EQ(exported("budget_places", "taken_at"), 0U);
  EXPECT_EQ(Places(), "3");
  EXPECT_EQ(Waiters(), "0");
  EXPECT_THAT(Take("f", "shared", 8), Waits());
  subject_.Pass(absl::Minutes(1));
  EXPECT_THAT(Take("g", "shared", 7),
              IsOkAndHolds(Field(&PlaceAnswer::kind, PlaceAnswer::Kind::kRefused)));
  EXPECT_THAT(Take("g", "shared", 8), Granted());
}

// No answer is no place: whoever gets an error makes no call.
TEST_F(PostgresBudgetStoreTest, GrantsNothingWhileItsTableIsLocked) {
  const auto impatient = db::Pool::Create(
      {.url = Secret(subject_.url()), .schema = kSchema, .lock_timeout = absl::Milliseconds(50)});
  PostgresBudgetStore store(**impatient);
  constexpr db::Statement kLock{"lock_budgets",
                                "LOCK TABLE budget_places IN ACCESS EXCLUSIVE MODE"};
  const PlaceRequest request{.name = NameOf("a"),
                             .subject = "one",
                             .user_id = 7,
                             .limits = limits_,
                             .lease = kLease,
                             .max_wait = kPatience};
  EXPECT_THAT(subject_.pool().Run(Soon(), db::Effect::kOnce,
                                  [&](db::Transaction& transaction) {
                                    EXPECT_THAT(transaction.Query(kLock), IsOk());
                                    EXPECT_FALSE(store.Take(request, Soon()).ok());
                                    return absl::OkStatus();
                                  }),
              IsOk());
  EXPECT_EQ(Places(), "0");
  EXPECT_THAT(store.Take(request, Soon()), Granted());
}

TEST_F(PostgresBudgetStoreTest, KeepsEverythingOverARestartOfTheService) {
  EXPECT_THAT(Take("a", "one", 7), Granted());
  EXPECT_THAT(Take("b", "one", 7), Granted());
  PostgresBudgetStore restarted(subject_.pool());
  EXPECT_THAT(restarted.CountUsed(7, limits_, Soon()), IsOkAndHolds(ElementsAre(2)));
  EXPECT_THAT(Take("c", "one", 7), Waits());
}

}  // namespace
}  // namespace playlog::ingest
