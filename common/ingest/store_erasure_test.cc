// The contract of ingest::Store about users who are erased, and about exports, on PostgreSQL and in
// memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/ingest/fake_store.h"
#include "common/ingest/postgres_store.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "common/testing/postgres.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::ExportedMember;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::Eq;
using ::testing::SizeIs;

constexpr char kSchema[] = "spotify_ingest";

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

class StoreErasureContract : public ::testing::TestWithParam<bool> {
 protected:
  StoreErasureContract() {
    if (!GetParam()) {
      store_ = std::make_unique<FakeStore>();
      return;
    }
    database_ = std::make_unique<playlog::testing::MigratedDatabase>(kSchema, StoreMigrations());
    store_ = std::make_unique<PostgresStore>(database_->pool());
  }

  using Items = std::vector<RejectedItem>;

  // Keeps something of every kind.
  void Fill(std::int64_t user_id, const std::string& name) {
    EXPECT_THAT(store_->RecordRejected(user_id, "spotify", Items{{"reason", "raw of " + name}},
                                       absl::Now(), Soon()),
                IsOk());
    EXPECT_THAT(store_->NoteRateLimit(user_id, 1, absl::Now() + absl::Hours(1), Soon()), IsOk());
    EXPECT_THAT(store_->ClaimRenewal(user_id, "holder", absl::Hours(1), Soon()), IsOk());
    EXPECT_THAT(store_->AddSignIn(SignInOf(user_id, name), Soon()), IsOk());
  }
  static SignIn SignInOf(std::int64_t user_id, std::string name) {
    name.resize(32, '.');
    return {.state_digest = name,
            .user_id = user_id,
            .browser_digest = std::string(32, 'b'),
            .code_verifier = "canary",
            .begun_at = absl::Now()};
  }
  // The rows of a user's export, by their tables.
  std::size_t Rows(std::int64_t user_id, const std::string& table) {
    return ExportedMember(*store_->Export(user_id), table, "anything", Soon()).size();
  }
  std::size_t AllRows(std::int64_t user_id) {
    return Rows(user_id, "rejected_items") + Rows(user_id, "rate_limits") +
           Rows(user_id, "sign_ins") + Rows(user_id, "renewals");
  }

  std::unique_ptr<playlog::testing::MigratedDatabase> database_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreErasureContract, ErasesEverythingOfOneUser) {
  Fill(7, "seven");
  Fill(8, "eight");
  EXPECT_EQ(AllRows(7), 4U);
  EXPECT_THAT(store_->EraseUser(7, Soon()), IsOkAndHolds(4));
  EXPECT_THAT(store_->EraseUser(7, Soon()), IsOkAndHolds(0));
  EXPECT_EQ(AllRows(7), 0U);
  EXPECT_EQ(AllRows(8), 4U);
}

TEST_P(StoreErasureContract, KeepsNothingOfAnErasedUser) {
  EXPECT_THAT(store_->EraseUser(7, Soon()), IsOkAndHolds(0));
  EXPECT_THAT(store_->RecordRejected(7, "spotify", Items{{"reason", "raw"}, {"reason", "other"}},
                                     absl::Now(), Soon()),
              IsOk());
  EXPECT_THAT(store_->NoteRateLimit(7, 1, absl::Now() + absl::Hours(1), Soon()), IsOk());
  EXPECT_THAT(store_->ClaimRenewal(7, "holder", absl::Hours(1), Soon()), IsOkAndHolds(false));
  EXPECT_THAT(store_->AddSignIn(SignInOf(7, "state"), Soon()), IsOk());
  EXPECT_THAT(store_->TakeSignIn(SignInOf(7, "state").state_digest, Soon()),
              IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_EQ(AllRows(7), 0U);
  Fill(8, "eight");
  EXPECT_EQ(AllRows(8), 4U);
}

// What a fetch brings comes in while the user is erased: whatever the order in which they meet,
// nothing is left behind.
TEST_P(StoreErasureContract, LeavesNothingBehindWhenAnErasureMeetsWriters) {
  constexpr int kRounds = 30;
  for (int round = 1; round <= kRounds; ++round) {
    std::atomic<bool> stop = false;
    std::atomic<int> written = 0;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 3; ++writer) {
      writers.emplace_back([&, writer] {
        for (int i = 0; !stop; ++i) {
          Fill(round, absl::StrCat(round, "/", writer, "/", i));
          ++written;
        }
      });
    }
    while (written < round % 5) std::this_thread::yield();
    EXPECT_THAT(store_->EraseUser(round, Soon()), IsOk());
    EXPECT_EQ(AllRows(round), 0U) << "round " << round;
    stop = true;
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(AllRows(round), 0U) << "round " << round;
  }
}

TEST_P(StoreErasureContract, GivesOutEverythingOfOneUserButSecrets) {
  Fill(7, "seven");
  Fill(8, "eight");
  std::vector<RejectedItem> items;
  for (int i = 0; i < 150; ++i) items.push_back({"r\"", absl::StrCat("{\"\\u0000\":", i, "}")});
  EXPECT_THAT(store_->RecordRejected(7, "spotify", items, absl::Now(), Soon()), IsOk());
  const auto raws = ExportedMember(*store_->Export(7), "rejected_items", "raw", Soon());
  EXPECT_THAT(raws, SizeIs(151));
  EXPECT_THAT(raws, ::testing::Contains("{\"\\u0000\":149}"));
  EXPECT_THAT(raws, ::testing::Contains("raw of seven"));
  EXPECT_EQ(Rows(7, "rate_limits"), 1U);
  EXPECT_EQ(Rows(7, "sign_ins"), 1U);
  EXPECT_EQ(Rows(7, "renewals"), 1U);
  const auto rows = store_->Export(7);
  ExportedRows step;
  for (auto more = rows->Next(Soon(), step); more.ok() && *more; more = rows->Next(Soon(), step)) {
    EXPECT_THAT(step.lines, ::testing::Not(::testing::HasSubstr("canary")));
    EXPECT_THAT(step.lines, ::testing::Not(::testing::HasSubstr("eight")));
  }
}

// A new table with rows of users needs the trigger, a deletion and a place in the export.
TEST(PostgresStoreErasure, KnowsEveryTableOfTheSchema) {
  playlog::testing::TestDatabase database;
  ASSERT_THAT(db::Migrate({.url = Secret(database.url()),
                           .schema = kSchema,
                           .files = StoreMigrations(),
                           .deadline = absl::Now() + absl::Seconds(30)}),
              IsOk());
  EXPECT_EQ(
      database.Execute("SELECT string_agg(table_name::text, ' ' ORDER BY table_name::text) "
                       "FROM information_schema.columns WHERE table_schema = 'spotify_ingest' "
                       "AND column_name = 'user_id'"),
      "budget_places budget_waiters coverage erased_users jobs rate_limits rejected_items renewals "
      "schedules sign_ins");
  EXPECT_EQ(database.Execute(
                "SELECT string_agg(event_object_table::text, ' ' ORDER BY event_object_table::text)"
                " FROM information_schema.triggers WHERE trigger_schema = 'spotify_ingest' AND "
                "trigger_name = 'drop_rows_of_erased_users'"),
            "budget_places budget_waiters coverage jobs rate_limits rejected_items renewals "
            "schedules sign_ins");
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreErasureContract, ::testing::Bool(),
                         [](const auto& parameter) {
                           return parameter.param ? "Postgres" : "Fake";
                         });

}  // namespace
}  // namespace playlog::ingest
