// What changing the key that seals asks of the store.

#include "services/auth/credential_store_contract.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class CredentialStoreReseal : public CredentialStoreContract {};

TEST_P(CredentialStoreReseal, KnowsWhichKeysOfTheRingAreInUse) {
  EXPECT_THAT(*store_.FindKeksInUse(Soon()), IsEmpty());
  EXPECT_THAT(*store_.CountKeysByKek(Soon()), IsEmpty());
  for (int i = 0; i < 3; ++i) {
    const User user = NewUser(absl::StrCat("user-", i));
    ASSERT_THAT(Put(user.id, "spotify", std::nullopt, kNow, 7), IsOk());
    ASSERT_THAT(Put(user.id, "lastfm", std::nullopt, kNow, i == 0 ? 4294967295 : 2), IsOk());
  }
  EXPECT_THAT(*store_.FindKeksInUse(Soon()), ElementsAre(2U, 7U, 4294967295U));
  EXPECT_THAT(*store_.CountKeysByKek(Soon()),
              ElementsAre(Pair(2U, 2), Pair(7U, 3), Pair(4294967295U, 1)));
  EXPECT_EQ(store_.FindKeysOfKek(Soon(), 7, 2)->size(), 2U);
  EXPECT_EQ(store_.FindKeysOfKek(Soon(), 7, 10)->size(), 3U);
  EXPECT_EQ(store_.FindKeysOfKek(Soon(), 7, 1)->front().about.service_name, "spotify");
  EXPECT_THAT(*store_.FindKeysOfKek(Soon(), 8, 10), IsEmpty());
}

TEST_P(CredentialStoreReseal, SealsKeysAnewInStepsAndLeavesTheRestAlone) {
  std::vector<StoredKey> keys;
  for (int i = 0; i < 5; ++i) {
    const User user = NewUser(absl::StrCat("user-", i));
    keys.push_back(*Put(user.id, "spotify", std::nullopt, kNow, 1));
  }
  const std::string before = Find(keys[0].user_id).blob;
  const auto first = Reseal(1, 2, 0, 3);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->seen, 3);
  EXPECT_EQ(first->resealed, 3);
  EXPECT_EQ(first->last_id, keys[2].row_id);
  EXPECT_THAT(*store_.CountKeysByKek(Soon()), ElementsAre(Pair(1U, 2), Pair(2U, 3)));
  const SealedKey resealed = Find(keys[0].user_id);
  EXPECT_EQ(resealed.blob, absl::StrCat("anew ", before));
  EXPECT_EQ(resealed.about.version, 1);
  EXPECT_EQ(resealed.about.updated_at, kNow);
  EXPECT_EQ(Reseal(1, 2, first->last_id, 3)->seen, 2);
  EXPECT_EQ(Reseal(1, 2, 0, 3)->seen, 0);
  EXPECT_THAT(*store_.FindKeksInUse(Soon()), ElementsAre(2U));
}

TEST_P(CredentialStoreReseal, LeavesKeysThatDoNotOpenAsTheyAre) {
  const std::int64_t broken = Put(NewUser("broken").id, "spotify", std::nullopt, kNow, 1)->row_id;
  const User user = NewUser("whole");
  ASSERT_THAT(Put(user.id, "spotify", std::nullopt, kNow, 1), IsOk());
  const auto done =
      store_.ResealKeys(Soon(), 1, 0, 10, [&](const SealedKey& key) -> std::optional<SealedRecord> {
        if (key.about.row_id == broken) return std::nullopt;
        return SealedRecord{.blob = "anew", .kek_id = 2};
      });
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->seen, 2);
  EXPECT_EQ(done->resealed, 1);
  EXPECT_EQ(Find(user.id).blob, "anew");
  EXPECT_EQ(store_.FindKeysOfKek(Soon(), 1, 10)->front().about.row_id, broken);
}

PLAYLOG_RUN_ON_BOTH_CREDENTIAL_STORES(CredentialStoreReseal);

// While somebody changes a key, sealing anew neither waits for it nor undoes it.
TEST(PostgresCredentialStoreTest, LeavesAKeyThatSomebodyIsChanging) {
  testing::MigratedDatabase database{"auth", MigrationFiles()};
  PostgresStore users(database.pool());
  PostgresCredentialStore store(database.pool());
  const absl::Time soon = absl::Now() + absl::Seconds(30);
  for (const char* const name : {"one", "other"}) {
    const NewKey key{.user_id = users.CreateUser(soon, name, "hash")->id,
                     .service_name = "spotify"};
    ASSERT_THAT(
        store.PutKey(
            soon, key, kNow,
            [](std::int64_t, std::int64_t) { return SealedRecord{.blob = "old", .kek_id = 1}; },
            {.user_id = key.user_id, .at = kNow, .action = v1::AUDIT_ACTION_KEY_STORED}),
        IsOk());
  }
  constexpr db::Statement kChange{"change_one", R"sql(
    UPDATE api_credentials SET blob = 'changed' WHERE user_id =
      (SELECT id FROM users WHERE username = 'one'))sql"};
  const absl::Status changed =
      database.pool().Run(soon, db::Effect::kOnce, [&](db::Transaction& transaction) {
        EXPECT_THAT(transaction.Query(kChange), IsOk());
        const auto done =
            store.ResealKeys(soon, 1, 0, 10, [](const SealedKey&) -> std::optional<SealedRecord> {
              return SealedRecord{.blob = "anew", .kek_id = 2};
            });
        EXPECT_EQ(done->resealed, 1);
        return absl::OkStatus();
      });
  EXPECT_THAT(changed, IsOk());
  ASSERT_EQ(store.FindKeysOfKek(soon, 1, 10)->size(), 1U);
  EXPECT_EQ(store.FindKeysOfKek(soon, 1, 10)->front().blob, "changed");
}

}  // namespace
}  // namespace playlog::auth
