#include "services/auth/credential_store_contract.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

TEST_P(CredentialStoreContract, StoresAndReplacesAKey) {
  const User user = NewUser();
  const absl::StatusOr<StoredKey> first = Put(user.id, "lastfm", "rj");
  ASSERT_THAT(first, IsOk());
  EXPECT_FALSE(first->replaced);
  EXPECT_EQ(first->version, 1);
  EXPECT_THAT(first->service_user_id, Optional(std::string("rj")));
  EXPECT_EQ(first->created_at, kNow);
  EXPECT_EQ(first->updated_at, kNow);
  const absl::Time later = kNow + absl::Minutes(1);
  const absl::StatusOr<StoredKey> second = Put(user.id, "lastfm", std::nullopt, later);
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(second->replaced);
  EXPECT_EQ(second->version, 2);
  EXPECT_EQ(second->row_id, first->row_id);
  EXPECT_EQ(second->service_user_id, std::nullopt);
  EXPECT_EQ(second->created_at, kNow);
  EXPECT_EQ(second->updated_at, later);
  const auto found = *store_.FindKey(Soon(), user.id, "lastfm");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->blob, absl::StrCat("blob\n", std::string(1, '\0'), first->row_id, "/2"));
  EXPECT_EQ(found->about.version, 2);
}

TEST_P(CredentialStoreContract, ListsKeysOfOneUserByService) {
  const User user = NewUser("one");
  const User other = NewUser("other");
  EXPECT_THAT(*store_.ListKeys(Soon(), user.id), IsEmpty());
  ASSERT_THAT(Put(user.id, "spotify"), IsOk());
  ASSERT_THAT(Put(user.id, "lastfm"), IsOk());
  ASSERT_THAT(Put(other.id, "spotify"), IsOk());
  const auto keys = *store_.ListKeys(Soon(), user.id);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].service_name, "lastfm");
  EXPECT_EQ(keys[1].service_name, "spotify");
  EXPECT_FALSE((*store_.FindKey(Soon(), other.id, "lastfm")).has_value());
}

TEST_P(CredentialStoreContract, ListsKeysOfAServiceByUser) {
  std::vector<std::int64_t> ids;
  for (const char* const name : {"one", "two", "three"}) ids.push_back(NewUser(name).id);
  const auto listed = [&](const std::string& service, std::int64_t after, int limit) {
    std::vector<std::int64_t> users;
    const std::vector<StoredKey> keys = *store_.ListKeysOf(Soon(), service, after, limit);
    for (const StoredKey& key : keys) {
      EXPECT_EQ(key.service_name, service);
      users.push_back(key.user_id);
    }
    return users;
  };
  EXPECT_THAT(listed("spotify", 0, 10), IsEmpty());
  for (const std::int64_t id : {ids[2], ids[0], ids[1]}) ASSERT_THAT(Put(id, "spotify"), IsOk());
  ASSERT_THAT(Put(ids[1], "lastfm", "rj"), IsOk());
  EXPECT_THAT(listed("spotify", 0, 10), ElementsAre(ids[0], ids[1], ids[2]));
  EXPECT_THAT(listed("spotify", 0, 2), ElementsAre(ids[0], ids[1]));
  EXPECT_THAT(listed("spotify", ids[1], 2), ElementsAre(ids[2]));
  EXPECT_THAT(listed("spotify", ids[2], 2), IsEmpty());
  EXPECT_THAT(listed("lastfm", 0, 10), ElementsAre(ids[1]));
}

TEST_P(CredentialStoreContract, DeletesAKeyAndStartsAnewInAnotherRow) {
  const User user = NewUser();
  const std::int64_t row_id = Put(user.id, "spotify")->row_id;
  EXPECT_TRUE(Delete(user.id, "spotify"));
  EXPECT_FALSE(Delete(user.id, "spotify"));
  const StoredKey again = *Put(user.id, "spotify");
  EXPECT_NE(again.row_id, row_id);
  EXPECT_EQ(again.version, 1);
  EXPECT_FALSE(again.replaced);
}

TEST_P(CredentialStoreContract, StoresNoKeyWithoutItsUserOrItsSeal) {
  const User user = NewUser();
  EXPECT_THAT(Put(user.id + 1, "spotify"), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  const NewKey key{.user_id = user.id, .service_name = "spotify"};
  EXPECT_THAT(store_.PutKey(
                  Soon(), key, kNow,
                  [](std::int64_t, std::int64_t) -> absl::StatusOr<SealedRecord> {
                    return InternalError("no seal");
                  },
                  Event(user.id, v1::AUDIT_ACTION_KEY_STORED)),
              Not(IsOk()));
  EXPECT_THAT(Audited(user.id), IsEmpty());
  EXPECT_THAT(*store_.ListKeys(Soon(), user.id), IsEmpty());
}

TEST_P(CredentialStoreContract, GivesEveryReplacementAVersionOfItsOwn) {
  const User user = NewUser();
  std::atomic<int> created = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      const auto stored = Put(user.id, "spotify");
      EXPECT_THAT(stored, IsOk());
      if (stored.ok() && !stored->replaced) ++created;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ((*store_.FindKey(Soon(), user.id, "spotify"))->about.version, 10);
}

TEST_P(CredentialStoreContract, LosesTheKeysOfADeletedUserAndNoOthers) {
  const User user = NewUser("leaver");
  const User other = NewUser("stayer");
  ASSERT_THAT(Put(user.id, "spotify"), IsOk());
  ASSERT_THAT(Put(other.id, "spotify"), IsOk());
  ASSERT_THAT(backend_->users().DeleteUser(Soon(), user.id, Sha256("leaver")), IsOk());
  EXPECT_FALSE((*store_.FindKey(Soon(), user.id, "spotify")).has_value());
  EXPECT_FALSE(Delete(user.id, "spotify"));
  EXPECT_TRUE((*store_.FindKey(Soon(), other.id, "spotify")).has_value());
}

TEST_P(CredentialStoreContract, KeepsASignInOverItsRefreshes) {
  const User user = NewUser();
  const StoredKey first = *SignIn(user.id);
  EXPECT_THAT(first.signed_in_at, Optional(kNow));
  EXPECT_EQ(first.user_id, user.id);
  const absl::Time later = kNow + absl::Hours(1);
  const auto refreshed = Refresh(user.id, 1, later);
  ASSERT_THAT(refreshed, IsOk());
  EXPECT_EQ(refreshed->version, 2);
  EXPECT_EQ(refreshed->row_id, first.row_id);
  EXPECT_THAT(refreshed->signed_in_at, Optional(kNow));
  EXPECT_EQ(refreshed->created_at, kNow);
  EXPECT_EQ(refreshed->updated_at, later);
  EXPECT_EQ(Find(user.id).blob, absl::StrCat("blob\n", std::string(1, '\0'), first.row_id, "/2"));
  const absl::Time again = kNow + absl::Hours(2);
  EXPECT_THAT(SignIn(user.id, again)->signed_in_at, Optional(again));
  EXPECT_EQ(Put(user.id, "spotify")->signed_in_at, std::nullopt);
}

TEST_P(CredentialStoreContract, RefreshesOnlyTheVersionThatWasRead) {
  const User user = NewUser();
  EXPECT_THAT(Refresh(user.id, 1), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  EXPECT_THAT(Refresh(user.id + 1, 1), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  ASSERT_THAT(SignIn(user.id), IsOk());
  EXPECT_THAT(Refresh(user.id, 2), ErrorIs(errors::v1::ERROR_CODE_CONFLICT));
  EXPECT_THAT(Refresh(user.id, 1), IsOk());
  EXPECT_THAT(Refresh(user.id, 1), ErrorIs(errors::v1::ERROR_CODE_CONFLICT));
  EXPECT_EQ(Find(user.id).about.version, 2);
}

TEST_P(CredentialStoreContract, LetsExactlyOneOfTwentyRefresh) {
  const User user = NewUser();
  ASSERT_THAT(SignIn(user.id), IsOk());
  std::vector<absl::Status> outcomes(20);
  std::vector<std::thread> threads;
  for (absl::Status& outcome : outcomes) {
    threads.emplace_back([&] { outcome = Refresh(user.id, 1).status(); });
  }
  for (std::thread& thread : threads) thread.join();
  int succeeded = 0;
  for (const absl::Status& outcome : outcomes) {
    if (outcome.ok()) {
      ++succeeded;
    } else {
      EXPECT_THAT(outcome, ErrorIs(errors::v1::ERROR_CODE_CONFLICT));
    }
  }
  EXPECT_EQ(succeeded, 1);
  EXPECT_EQ(Find(user.id).about.version, 2);
}

TEST_P(CredentialStoreContract, WritesDownHowAKeyFared) {
  const User user = NewUser();
  ASSERT_THAT(SignIn(user.id), IsOk());
  EXPECT_EQ(Find(user.id).about.record, NewKeyRecord(kNow));
  const absl::Time used = kNow + absl::Minutes(1);
  ASSERT_THAT(Record(user.id, 1, v1::KEY_OUTCOME_ACCEPTED, used), IsOk());
  EXPECT_EQ(Find(user.id).about.record,
            AfterUse(NewKeyRecord(kNow), v1::KEY_OUTCOME_ACCEPTED, used));
  ASSERT_THAT(Record(user.id, 1, v1::KEY_OUTCOME_GRANT_REJECTED, used), IsOk());
  const KeyRecord rejected = Find(user.id).about.record;
  EXPECT_EQ(rejected.state, v1::KEY_STATE_REJECTED);
  EXPECT_THAT(rejected.last_success_at, Optional(used));
  EXPECT_THAT(rejected.grant_rejected_at, Optional(used));
  EXPECT_EQ(store_.ListKeys(Soon(), user.id)->front().record, rejected);
  ASSERT_THAT(Record(user.id, 1, v1::KEY_OUTCOME_GRANT_REJECTED, used + absl::Hours(1)), IsOk());
  EXPECT_EQ(Find(user.id).about.record.state, v1::KEY_STATE_NEEDS_SIGN_IN);
}

TEST_P(CredentialStoreContract, ForgetsHowAReplacedKeyFared) {
  const User user = NewUser();
  const absl::Time later = kNow + absl::Hours(1);
  ASSERT_THAT(SignIn(user.id), IsOk());
  ASSERT_THAT(Record(user.id, 1, v1::KEY_OUTCOME_ACCEPTED), IsOk());
  ASSERT_THAT(Record(user.id, 1, v1::KEY_OUTCOME_GRANT_REJECTED), IsOk());
  EXPECT_EQ(
      Refresh(user.id, 1, later)->record,
      (KeyRecord{.state = v1::KEY_STATE_UNVERIFIED, .since = later, .last_success_at = kNow}));
  EXPECT_EQ(Find(user.id).about.record.last_success_at, kNow);
  EXPECT_EQ(Put(user.id, "spotify", std::nullopt, later)->record, NewKeyRecord(later));
  EXPECT_EQ(Find(user.id).about.record, NewKeyRecord(later));
}

TEST_P(CredentialStoreContract, IgnoresHowAnotherVersionFared) {
  const User user = NewUser();
  ASSERT_THAT(SignIn(user.id), IsOk());
  EXPECT_THAT(Record(user.id, 2, v1::KEY_OUTCOME_REJECTED), IsOk());
  EXPECT_THAT(Record(user.id + 1, 1, v1::KEY_OUTCOME_REJECTED), IsOk());
  EXPECT_EQ(Find(user.id).about.record, NewKeyRecord(kNow));
}

TEST_P(CredentialStoreContract, AuditsEveryChangeAndNothingElse) {
  const User user = NewUser();
  ASSERT_THAT(SignIn(user.id), IsOk());
  ASSERT_THAT(Refresh(user.id, 1), IsOk());
  ASSERT_THAT(Refresh(user.id, 1), Not(IsOk()));
  ASSERT_THAT(Record(user.id, 2, v1::KEY_OUTCOME_ACCEPTED), IsOk());
  ASSERT_TRUE(Delete(user.id, "spotify"));
  ASSERT_FALSE(Delete(user.id, "spotify"));
  EXPECT_THAT(Audited(user.id),
              ElementsAre(v1::AUDIT_ACTION_KEY_DELETED, v1::AUDIT_ACTION_KEY_REFRESHED,
                          v1::AUDIT_ACTION_KEY_STORED));
}

PLAYLOG_RUN_ON_BOTH_CREDENTIAL_STORES(CredentialStoreContract);

}  // namespace
}  // namespace playlog::auth
