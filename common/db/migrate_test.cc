#include "common/db/migrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"

namespace playlog::db {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::StatusIs;
using ::playlog::testing::TestDatabase;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr EmbeddedFile kFirst{"0001_first.sql",
                              "CREATE TABLE a (id int); CREATE TABLE b (id int);"};
constexpr EmbeddedFile kSecond{"0002_second.sql", "INSERT INTO a VALUES (1);"};

absl::Status MigrateWith(const TestDatabase& database, std::vector<EmbeddedFile> files) {
  return Migrate({.url = Secret(database.url()),
                  .schema = "room",
                  .files = files,
                  .deadline = absl::Now() + absl::Seconds(20)});
}

TEST(Migrate, AppliesEachFileOnceInOrder) {
  const TestDatabase database;
  EXPECT_THAT(MigrateWith(database, {kFirst}), IsOk());
  EXPECT_THAT(MigrateWith(database, {kSecond, kFirst}), IsOk());
  EXPECT_THAT(MigrateWith(database, {kFirst, kSecond}), IsOk());
  EXPECT_EQ(database.Execute("SELECT count(*) FROM room.a"), "1");
  EXPECT_EQ(database.Execute("SELECT count(*) FROM room.migrations"), "2");
}

TEST(Migrate, LetsManyProcessesStartAtOnce) {
  const TestDatabase database;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_THAT(MigrateWith(database, {kFirst, kSecond}), IsOk()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(database.Execute("SELECT count(*) FROM room.a"), "1");
}

TEST(Migrate, RefusesAFileThatWasChangedAfterwardsAndNamesIt) {
  const TestDatabase database;
  ASSERT_THAT(MigrateWith(database, {kFirst, kSecond}), IsOk());
  const absl::Status status =
      MigrateWith(database, {kFirst, {"0002_second.sql", "INSERT INTO a VALUES (2);"}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(status.message(), HasSubstr("0002_second.sql"));
}

TEST(Migrate, GoesOnAfterAFileThatFailed) {
  const TestDatabase database;
  const absl::Status status = MigrateWith(
      database, {kFirst, {"0002_second.sql", "INSERT INTO a VALUES (1); SELECT nonsense;"}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(status.message(), HasSubstr("0002_second.sql"));
  EXPECT_EQ(database.Execute("SELECT count(*) FROM room.a"), "0");
  EXPECT_THAT(MigrateWith(database, {kFirst, kSecond}), IsOk());
  EXPECT_EQ(database.Execute("SELECT count(*) FROM room.a"), "1");
}

TEST(Migrate, LeavesWhatANewerProgramApplied) {
  const TestDatabase database;
  ASSERT_THAT(MigrateWith(database, {kFirst, kSecond}), IsOk());
  EXPECT_THAT(MigrateWith(database, {kFirst}), IsOk());
}

TEST(Migrate, RefusesNamesThatAreNoSequence) {
  const TestDatabase database;
  EXPECT_FALSE(MigrateWith(database, {{"first.sql", ""}}).ok());
  EXPECT_FALSE(MigrateWith(database, {{"0002_second.sql", ""}}).ok());
  EXPECT_FALSE(MigrateWith(database, {kFirst, {"0001_other.sql", ""}}).ok());
}

TEST(Migrate, RefusesAServerThatMayLoseWrites) {
  const TestDatabase database;
  const std::string name = database.Execute("SELECT current_database()");
  database.Execute("ALTER DATABASE " + name + " SET synchronous_commit = off");
  const absl::Status status = MigrateWith(database, {kFirst});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(status.message(), AllOf(HasSubstr("synchronous_commit"), HasSubstr("'on'")));
}

absl::Status MigrateOnNoServer(absl::Time deadline) {
  return Migrate(
      {.url = Secret("host=/nowhere user=x"), .schema = "room", .files = {}, .deadline = deadline});
}

TEST(Migrate, StopsWaitingForAServerAtTheDeadline) {
  EXPECT_THAT(MigrateOnNoServer(absl::Now() + absl::Milliseconds(150)),
              ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST(Migrate, StopsWaitingForAServerAtASignalToStop) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  raise(SIGTERM);
  EXPECT_THAT(MigrateOnNoServer(absl::InfiniteFuture()),
              ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  int taken = 0;
  sigwait(&stop, &taken);
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
}

}  // namespace
}  // namespace playlog::db
