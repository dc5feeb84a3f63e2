#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/testing/matchers.h"
#include "services/auth/credential_store.h"
#include "services/auth/crypto.h"
#include "services/auth/fake_audit.h"
#include "services/auth/fake_credential_store.h"
#include "services/auth/fake_store.h"
#include "services/auth/migrated_database.h"
#include "services/auth/postgres_audit.h"
#include "services/auth/postgres_credential_store.h"
#include "services/auth/postgres_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;
using ::testing::Pair;

const absl::Time kNow = absl::FromUnixMicros(1'700'000'000'123'456);

// A store with what must live as long as it.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& users() = 0;
  virtual Audit& audit() = 0;
  virtual CredentialStore& store() = 0;
};

class FakeBackend final : public Backend {
 public:
  Store& users() override { return users_; }
  Audit& audit() override { return audit_; }
  CredentialStore& store() override { return store_; }

 private:
  FakeStore users_;
  FakeAudit audit_{users_};
  FakeCredentialStore store_{users_, audit_};
};

class PostgresBackend final : public Backend {
 public:
  Store& users() override { return users_; }
  Audit& audit() override { return audit_; }
  CredentialStore& store() override { return store_; }

 private:
  MigratedDatabase database_;
  PostgresStore users_{database_.pool()};
  PostgresAudit audit_{database_.pool()};
  PostgresCredentialStore store_{database_.pool()};
};

// Makes blobs that name the row and the version.
auto SealWith(std::uint32_t kek_id) {
  return [kek_id](std::int64_t row_id, std::int64_t version) {
    return SealedRecord{.blob = absl::StrCat("blob\n", std::string(1, '\0'), row_id, "/", version),
                        .kek_id = kek_id};
  };
}

struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

class CredentialStoreContract : public ::testing::TestWithParam<BackendKind> {
 protected:
  absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  User NewUser(const std::string& name = "listener") {
    return *backend_->users().CreateUser(Soon(), name, "hash");
  }
  static AuditEvent Event(std::int64_t user_id, v1::AuditAction action) {
    return {.user_id = user_id,
            .at = kNow,
            .action = action,
            .service_name = "spotify",
            .by = "user",
            .request_id = "request-1"};
  }
  absl::StatusOr<StoredKey> Put(std::int64_t user_id, const std::string& service,
                                const std::optional<std::string>& service_user_id = std::nullopt,
                                absl::Time now = kNow, std::uint32_t kek_id = 4294967295) {
    const NewKey key{
        .user_id = user_id, .service_name = service, .service_user_id = service_user_id};
    return store_.PutKey(Soon(), key, now, SealWith(kek_id),
                         Event(user_id, v1::AUDIT_ACTION_KEY_STORED));
  }
  absl::StatusOr<StoredKey> SignIn(std::int64_t user_id, absl::Time now = kNow) {
    const NewKey key{.user_id = user_id, .service_name = "spotify", .is_sign_in = true};
    return store_.PutKey(Soon(), key, now, SealWith(1),
                         Event(user_id, v1::AUDIT_ACTION_KEY_STORED));
  }
  absl::StatusOr<StoredKey> Refresh(std::int64_t user_id, std::int64_t expected_version,
                                    absl::Time now = kNow) {
    return store_.RefreshTokens(Soon(), user_id, "spotify", expected_version, now, SealWith(1),
                                Event(user_id, v1::AUDIT_ACTION_KEY_REFRESHED));
  }
  absl::Status Record(std::int64_t user_id, std::int64_t version, v1::KeyOutcome outcome,
                      absl::Time now = kNow) {
    return store_.RecordUse(Soon(), {user_id, "spotify", version, outcome}, now);
  }
  bool Delete(std::int64_t user_id, const std::string& service) {
    return *store_.DeleteKey(Soon(), user_id, service,
                             Event(user_id, v1::AUDIT_ACTION_KEY_DELETED));
  }
  SealedKey Find(std::int64_t user_id, const std::string& service = "spotify") {
    return **store_.FindKey(Soon(), user_id, service);
  }
  // What the audit has of a user, newest first.
  std::vector<v1::AuditAction> Audited(std::int64_t user_id) {
    std::vector<v1::AuditAction> actions;
    const auto events = backend_->audit().List(Soon(), user_id, std::nullopt, 100);
    EXPECT_THAT(events, IsOk());
    for (const AuditEvent& event : *events) {
      actions.push_back(event.action);
    }
    return actions;
  }
  // Seals anew with another key of the ring what one sealed.
  absl::StatusOr<ResealedKeys> Reseal(std::uint32_t from, std::uint32_t to, std::int64_t after,
                                      int limit) {
    return store_.ResealKeys(Soon(), from, after, limit, [to](const SealedKey& key) {
      return std::optional<SealedRecord>({.blob = absl::StrCat("anew ", key.blob), .kek_id = to});
    });
  }

  std::unique_ptr<Backend> backend_ = GetParam().make();
  CredentialStore& store_ = backend_->store();
};

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

TEST_P(CredentialStoreContract, KnowsWhichKeysOfTheRingAreInUse) {
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

TEST_P(CredentialStoreContract, SealsKeysAnewInStepsAndLeavesTheRestAlone) {
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

TEST_P(CredentialStoreContract, LeavesKeysThatDoNotOpenAsTheyAre) {
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

INSTANTIATE_TEST_SUITE_P(
    Stores, CredentialStoreContract,
    ::testing::Values(BackendKind{"Fake", [] { return std::make_unique<FakeBackend>(); }},
                      BackendKind{"Postgres", [] { return std::make_unique<PostgresBackend>(); }}),
    [](const auto& kind) { return kind.param.name; });

// While somebody changes a key, sealing anew neither waits for it nor undoes it.
TEST(PostgresCredentialStoreTest, LeavesAKeyThatSomebodyIsChanging) {
  MigratedDatabase database;
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
