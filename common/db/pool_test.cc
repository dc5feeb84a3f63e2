#include "common/db/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"

namespace playlog::db {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::PostgresCluster;
using ::playlog::testing::StatusIs;
using ::playlog::testing::TestDatabase;

constexpr Statement kSleep{"sleep", "SELECT pg_sleep($1::float8)"};
constexpr Statement kInsert{"insert", "INSERT INTO items (id, text) VALUES ($1, $2)"};
constexpr Statement kUpdate{"update", "UPDATE items SET text = text || $2 WHERE id = $1"};
constexpr Statement kCount{"count", "SELECT count(*) FROM items"};
constexpr Statement kKillSelf{"kill_self", "SELECT pg_terminate_backend(pg_backend_pid())"};

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    database_.Execute(
        "CREATE SCHEMA test; CREATE TABLE test.items (id int PRIMARY KEY, text text NOT NULL)");
    pool_ = MakePool(3);
  }

  std::unique_ptr<Pool> MakePool(int connections) {
    auto pool = Pool::Create(
        {.url = Secret(database_.url()), .schema = "test", .connections = connections});
    EXPECT_THAT(pool, IsOk());
    return *std::move(pool);
  }

  std::int64_t Count() {
    const auto rows = pool_->Query(Soon(), Effect::kIdempotent, kCount);
    EXPECT_THAT(rows, IsOk());
    return rows.ok() ? (*rows)[0].Int64(0) : -1;
  }

  TestDatabase database_;
  std::unique_ptr<Pool> pool_;
};

TEST_F(PoolTest, TakesSeveralTextsUnderTheNameOfAStatementThatIsNotPrepared) {
  for (const char* text : {"1", "22"}) {
    const std::string sql = absl::StrCat("SELECT ", text, " + $1::int, $2::text");
    const auto rows =
        pool_->Query(Soon(), Effect::kIdempotent,
                     Statement{.name = "made", .sql = sql, .is_prepared = false}, 1, nullptr);
    ASSERT_THAT(rows, IsOk());
    EXPECT_EQ((*rows)[0].Int32(0), std::atoi(text) + 1);
    EXPECT_TRUE((*rows)[0].IsNull(1));
  }
  constexpr Statement prepared{"prepared", "SELECT count(*) FROM pg_prepared_statements"};
  EXPECT_EQ((*pool_->Query(Soon(), Effect::kIdempotent, prepared))[0].Int32(0), 1);
}

TEST_F(PoolTest, GivesItsSessionsItsSettings) {
  constexpr Statement show{"show", "SELECT current_setting('work_mem'), current_setting('jit')"};
  const auto pool = Pool::Create(
      {.url = Secret(database_.url()), .schema = "test", .settings = "-c work_mem=8MB"});
  ASSERT_THAT(pool, IsOk());
  const auto rows = (*pool)->Query(Soon(), Effect::kIdempotent, show);
  ASSERT_THAT(rows, IsOk());
  EXPECT_EQ((*rows)[0].Text(0), "8MB");
  EXPECT_EQ((*rows)[0].Text(1), "off");
}

TEST_F(PoolTest, ReadsEveryType) {
  constexpr Statement types{"types", R"sql(
      SELECT $1::bigint, $2::text, $3::boolean, $4::bytea, $5::timestamptz, $6::text, $7::float8,
             $8::int)sql"};
  const absl::Time time = absl::FromUnixMicros(1'705'329'000'123'456);
  const auto rows =
      pool_->Query(Soon(), Effect::kIdempotent, types, std::int64_t{1} << 62, "\xC3\xA9 \"x\\",
                   true, Bytes{std::string_view("\0\xFF", 2)}, time, nullptr, 1.5, -7);
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), 1U);
  const Row row = (*rows)[0];
  EXPECT_EQ(row.Int64(0), std::int64_t{1} << 62);
  EXPECT_EQ(row.Text(1), "\xC3\xA9 \"x\\");
  EXPECT_TRUE(row.Bool(2));
  EXPECT_EQ(row.Bytes(3), std::string_view("\0\xFF", 2));
  EXPECT_EQ(row.Time(4), time);
  EXPECT_TRUE(row.IsNull(5));
  EXPECT_EQ(row.OptionalText(5), std::nullopt);
  EXPECT_EQ(row.Double(6), 1.5);
  EXPECT_EQ(row.Int32(7), -7);
}

TEST_F(PoolTest, ReadsTimesOfAllYears) {
  constexpr Statement times{"times", "SELECT unnest($1::timestamptz[])"};
  Array array;
  std::vector<absl::Time> expected;
  for (int year = 1; year < 10'000; year += 37) {
    for (const int day : {1, 59, 60, 61, 365}) {
      const absl::CivilDay civil = absl::CivilDay(year, 1, 1) + (day - 1);
      expected.push_back(absl::FromCivil(civil, absl::UTCTimeZone()) + absl::Microseconds(year));
      array.Add(expected.back());
    }
  }
  const auto rows = pool_->Query(Soon(), Effect::kIdempotent, times, std::move(array));
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ((*rows)[i].Time(0), expected[i]);
}

TEST_F(PoolTest, ReadsArraysBackAsTheyWere) {
  constexpr Statement echo{"echo", "SELECT * FROM unnest($1::text[], $2::bytea[], $3::boolean[])"};
  const std::vector<std::optional<std::string>> texts = {"", "NULL", std::nullopt, "a\"b\\c,{d} \n",
                                                         " \xE2\x9C\x93 "};
  Array text_array, byte_array, bool_array;
  for (const auto& text : texts) {
    text_array.Add(text);
    byte_array.Add(Bytes{text.value_or(std::string(1, '\0'))});
    bool_array.Add(text.has_value() ? std::optional<bool>(text->empty()) : std::nullopt);
  }
  const auto rows = pool_->Query(Soon(), Effect::kIdempotent, echo, std::move(text_array),
                                 std::move(byte_array), std::move(bool_array));
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), texts.size());
  std::size_t index = 0;
  for (const Row row : *rows) {
    EXPECT_EQ(row.OptionalText(0), texts[index]);
    EXPECT_EQ(row.Bytes(1), texts[index].value_or(std::string(1, '\0')));
    EXPECT_EQ(row.IsNull(2), !texts[index].has_value());
    ++index;
  }
}

TEST_F(PoolTest, CommitsOnOkAndRollsBackOnError) {
  EXPECT_THAT(pool_->Run(Soon(), Effect::kOnce,
                         [](Transaction& transaction) {
                           return transaction.Query(kInsert, 1, "kept").status();
                         }),
              IsOk());
  EXPECT_THAT(pool_->Run(Soon(), Effect::kOnce,
                         [](Transaction& transaction) -> absl::Status {
                           PLAYLOG_RETURN_IF_ERROR(transaction.Query(kInsert, 2, "lost").status());
                           return absl::NotFoundError("changed my mind");
                         }),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Count(), 1);
}

TEST_F(PoolTest, DoesNotCommitAfterAStatementFailedUnnoticed) {
  EXPECT_THAT(pool_->Run(Soon(), Effect::kOnce,
                         [](Transaction& transaction) {
                           EXPECT_THAT(transaction.Query(kInsert, 1, "lost"), IsOk());
                           EXPECT_FALSE(transaction.Query(kInsert, 1, "again").ok());
                           EXPECT_FALSE(transaction.Query(kCount).ok());
                           return absl::OkStatus();
                         }),
              ErrorIs(errors::v1::ERROR_CODE_ALREADY_EXISTS));
  EXPECT_EQ(Count(), 0);
}

TEST_F(PoolTest, RefusesTextWithANulBeforeSendingIt) {
  EXPECT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 1, std::string("a\0b", 3)),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 1, "\xFF"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_EQ(Count(), 0);
}

TEST_F(PoolTest, CallsABugABugAndKeepsTheConnection) {
  constexpr Statement wrong{"wrong", "SELECT nonsense FROM items"};
  EXPECT_THAT(pool_->Query(Soon(), Effect::kOnce, wrong), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 1),
              ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_EQ(Count(), 0);
  EXPECT_EQ(pool_->open_connections(), 1);
}

TEST_F(PoolTest, SaysNothingOfTheRowsInErrors) {
  EXPECT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 1, "secret"), IsOk());
  const absl::Status status = pool_->Query(Soon(), Effect::kOnce, kInsert, 1, "secret").status();
  EXPECT_THAT(status.ToString(), ::testing::Not(::testing::HasSubstr("secret")));
}

TEST_F(PoolTest, EndsAStatementAtTheDeadline) {
  const absl::Time begin = absl::Now();
  EXPECT_THAT(pool_->Query(begin + absl::Milliseconds(200), Effect::kIdempotent, kSleep, 5.0),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(400));
  EXPECT_EQ(Count(), 0);
}

TEST_F(PoolTest, EndsAStatementAtTheServersLimit) {
  EXPECT_THAT(pool_->Query(Soon(), Effect::kIdempotent, kSleep, 5.0),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  EXPECT_EQ(Count(), 0);
}

TEST_F(PoolTest, RefusesAPassedDeadlineAtOnce) {
  EXPECT_THAT(pool_->Query(absl::Now() - absl::Seconds(1), Effect::kOnce, kCount),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
}

TEST_F(PoolTest, RefusesAWaitThatIsTooLong) {
  const std::unique_ptr<Pool> pool = MakePool(1);
  absl::Notification holding, done;
  std::thread holder([&] {
    EXPECT_THAT(pool->Run(Soon(), Effect::kOnce,
                          [&](Transaction& transaction) {
                            EXPECT_THAT(transaction.Query(kCount), IsOk());
                            holding.Notify();
                            done.WaitForNotification();
                            return absl::OkStatus();
                          }),
                IsOk());
  });
  holding.WaitForNotification();
  const absl::Time begin = absl::Now();
  EXPECT_THAT(pool->Query(Soon(), Effect::kOnce, kCount),
              ErrorIs(errors::v1::ERROR_CODE_OVERLOADED));
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(500));
  done.Notify();
  holder.join();
}

TEST_F(PoolTest, RepeatsIdempotentWorkOnceAfterABrokenConnection) {
  int calls = 0;
  EXPECT_THAT(pool_->Run(Soon(), Effect::kIdempotent,
                         [&](Transaction& transaction) {
                           ++calls;
                           return transaction.Query(calls == 1 ? kKillSelf : kCount).status();
                         }),
              IsOk());
  EXPECT_EQ(calls, 2);
}

TEST_F(PoolTest, NeverRepeatsOtherWorkAfterABrokenConnection) {
  int calls = 0;
  EXPECT_THAT(pool_->Run(Soon(), Effect::kOnce,
                         [&](Transaction& transaction) {
                           ++calls;
                           return transaction.Query(kKillSelf).status();
                         }),
              ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(Count(), 0);
}

TEST_F(PoolTest, NoticesIdleConnectionsThatTheServerClosed) {
  EXPECT_EQ(Count(), 0);
  database_.Execute(
      "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
      " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  EXPECT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 1, "once"), IsOk());
}

TEST_F(PoolTest, HidesDeadlocks) {
  ASSERT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 1, ""), IsOk());
  ASSERT_THAT(pool_->Query(Soon(), Effect::kOnce, kInsert, 2, ""), IsOk());
  auto pool = Pool::Create({.url = Secret(database_.url()),
                            .schema = "test",
                            .statement_timeout = absl::Seconds(5),
                            .lock_timeout = absl::Seconds(5)});
  absl::Barrier* barrier = new absl::Barrier(2);
  const auto update_both = [&](int first, int second) {
    bool met = false;
    return (*pool)->Run(Soon(), Effect::kOnce, [&](Transaction& transaction) -> absl::Status {
      PLAYLOG_RETURN_IF_ERROR(transaction.Query(kUpdate, first, "x").status());
      if (!met && barrier->Block()) delete barrier;
      met = true;
      return transaction.Query(kUpdate, second, "x").status();
    });
  };
  std::thread other([&] { EXPECT_THAT(update_both(2, 1), IsOk()); });
  EXPECT_THAT(update_both(1, 2), IsOk());
  other.join();
  EXPECT_EQ(database_.Execute("SELECT string_agg(text, ',') FROM test.items"), "xx,xx");
}

TEST_F(PoolTest, CallsTheOutcomeOfALateCommitUnknown) {
  database_.Execute(
      "CREATE FUNCTION test.wait() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END';"
      " CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON test.items DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION test.wait()");
  const absl::Time begin = absl::Now();
  EXPECT_THAT(pool_->Run(begin + absl::Milliseconds(300), Effect::kOnce,
                         [](Transaction& transaction) {
                           return transaction.Query(kInsert, 1, "may be there").status();
                         }),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(500));
  // The server did commit, since nobody told it to stop.
  while (Count() == 0 && absl::Now() < begin + absl::Seconds(5)) {
  }
  EXPECT_EQ(Count(), 1);
}

TEST(PoolFaultTest, HangsNoLongerThanTheDeadlineWhenTheServerHangs) {
  PostgresCluster cluster;
  {
    const TestDatabase database(cluster);
    auto pool = Pool::Create({.url = Secret(database.url()), .schema = "public"});
    ASSERT_THAT(pool, IsOk());
    ASSERT_THAT((*pool)->Check(Soon()), IsOk());
    cluster.Pause();
    for (int i = 0; i < 3; ++i) {
      const absl::Time deadline = absl::Now() + absl::Milliseconds(400);
      EXPECT_FALSE((*pool)->Check(deadline).ok());
      EXPECT_LT(absl::Now(), deadline + absl::Milliseconds(200));
    }
    // A caller that would wait for long does not: no statement may take so much time.
    absl::Time begin = absl::Now();
    EXPECT_FALSE((*pool)->Check(Soon()).ok());
    EXPECT_LT(absl::Now() - begin, absl::Milliseconds(1'500));
    cluster.Resume();
    begin = absl::Now();
    while (!(*pool)->Check(Soon()).ok() && absl::Now() < begin + absl::Seconds(10)) {
    }
    EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  }
}

TEST(PoolFaultTest, WorksAgainAfterTheServerDiedAndCameBack) {
  PostgresCluster cluster;
  const TestDatabase database(cluster);
  auto pool = Pool::Create({.url = Secret(database.url()), .schema = "public"});
  ASSERT_THAT(pool, IsOk());
  ASSERT_THAT((*pool)->Check(Soon()), IsOk());
  cluster.Kill();
  EXPECT_THAT((*pool)->Check(Soon()), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  cluster.Start();
  const absl::Time begin = absl::Now();
  while (!(*pool)->Check(Soon()).ok() && absl::Now() < begin + absl::Seconds(10)) {
  }
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

TEST(PoolOptionsTest, AreCheckedBeforeAnythingIsStarted) {
  EXPECT_FALSE(Pool::Create({.url = Secret("postgresql://%zz"), .schema = "test"}).ok());
  EXPECT_FALSE(Pool::Create({.url = Secret("host=x"), .schema = "Test; DROP"}).ok());
  EXPECT_FALSE(Pool::Create({.url = Secret("host=x"), .schema = "test", .connections = 0}).ok());
}

}  // namespace
}  // namespace playlog::db
