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
#include "auth_migrations.h"
#include "common/db/migrate.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"
#include "services/auth/crypto.h"
#include "services/auth/fake_store.h"
#include "services/auth/postgres_store.h"
#include "services/auth/store.h"
#include "services/auth/tokens.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

const absl::Time kNow = absl::FromUnixMicros(1'700'000'000'123'456);
const absl::Time kExpiry = kNow + absl::Hours(24 * 30);

// A store with what must live as long as it.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
};

class FakeBackend final : public Backend {
 public:
  Store& store() override { return store_; }

 private:
  FakeStore store_;
};

class PostgresBackend final : public Backend {
 public:
  PostgresBackend() {
    const absl::Status status = db::Migrate({.url = Secret(database_.url()),
                                             .schema = "auth",
                                             .files = MigrationFiles(),
                                             .deadline = absl::Now() + absl::Seconds(30)});
    EXPECT_THAT(status, IsOk());
    // Waits are long and connections many, so that a test of concurrency is not one of overload.
    pool_ = *db::Pool::Create({.url = Secret(database_.url()),
                               .schema = "auth",
                               .connections = 20,
                               .wait = absl::Seconds(20),
                               .statement_timeout = absl::Seconds(20),
                               .lock_timeout = absl::Seconds(20)});
    store_ = std::make_unique<PostgresStore>(*pool_);
  }
  Store& store() override { return *store_; }

 private:
  testing::TestDatabase database_;
  std::unique_ptr<db::Pool> pool_;
  std::unique_ptr<PostgresStore> store_;
};

struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

class StoreContract : public ::testing::TestWithParam<BackendKind> {
 protected:
  absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  User NewUser(const std::string& name = "listener") {
    return *store_.CreateUser(Soon(), name, "hash");
  }
  RefreshToken NewFamily(std::int64_t user_id) {
    const RefreshToken token = RefreshToken::NewFamily();
    EXPECT_THAT(store_.AddRefreshFamily(Soon(), user_id, token.Hash(), kNow, kExpiry), IsOk());
    return token;
  }
  absl::StatusOr<User> Rotate(const RefreshToken& token, const RefreshToken& next,
                              absl::Time now = kNow) {
    return store_.RotateRefreshToken(Soon(), token.Hash(), next.Hash(), now);
  }
  absl::StatusOr<StoredKey> Put(std::int64_t user_id, const std::string& service,
                                const std::optional<std::string>& service_user_id = std::nullopt,
                                absl::Time now = kNow) {
    return store_.PutKey(Soon(), user_id, service, service_user_id, now,
                         [](std::int64_t row_id, std::int64_t version) {
                           return SealedRecord{.blob = absl::StrCat("blob\n", std::string(1, '\0'),
                                                                    row_id, "/", version),
                                               .kek_id = 4294967295};
                         });
  }

  std::unique_ptr<Backend> backend_ = GetParam().make();
  Store& store_ = backend_->store();
};

TEST_P(StoreContract, FindsAUserByIdAndByNameInAnyCase) {
  const User user = NewUser("Some.Listener@x+1-2_3");
  EXPECT_GT(user.id, 0);
  EXPECT_EQ(user.name, "Some.Listener@x+1-2_3");
  for (const auto& found : {*store_.FindUser(Soon(), user.id),
                            *store_.FindUserByName(Soon(), "some.listener@X+1-2_3")}) {
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->id, user.id);
    EXPECT_EQ(found->name, user.name);
    EXPECT_EQ(found->password_hash, "hash");
    EXPECT_EQ(found->token_version, 0);
    EXPECT_FALSE(found->staff);
  }
  EXPECT_EQ(*store_.FindUser(Soon(), user.id + 1), std::nullopt);
  EXPECT_EQ(*store_.FindUserByName(Soon(), "some"), std::nullopt);
}

TEST_P(StoreContract, GivesANameOnce) {
  NewUser("listener");
  EXPECT_THAT(store_.CreateUser(Soon(), "LISTENER", "hash"),
              ErrorIs(errors::v1::ERROR_CODE_ALREADY_EXISTS));
  EXPECT_THAT(store_.CreateUser(Soon(), "listener2", "hash"), IsOk());
}

TEST_P(StoreContract, GivesANameOnceToManyAtATime) {
  std::atomic<int> created = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      const auto user = store_.CreateUser(Soon(), i % 2 == 0 ? "Racer" : "rACER", "hash");
      if (user.ok()) ++created;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
}

TEST_P(StoreContract, NeverGivesAnIdTwice) {
  const User first = NewUser();
  ASSERT_THAT(store_.DeleteUser(Soon(), first.id, Sha256("listener")), IsOk());
  EXPECT_GT(NewUser().id, first.id);
}

TEST_P(StoreContract, ReplacesOnlyTheHashThatWasSeen) {
  const User user = NewUser();
  EXPECT_THAT(store_.ReplacePasswordHash(Soon(), user.id, "another", "new"), IsOk());
  EXPECT_EQ((*store_.FindUser(Soon(), user.id))->password_hash, "hash");
  EXPECT_THAT(store_.ReplacePasswordHash(Soon(), user.id, "hash", "new"), IsOk());
  EXPECT_EQ((*store_.FindUser(Soon(), user.id))->password_hash, "new");
}

TEST_P(StoreContract, DeletesAUserWithEverythingAndNobodyElse) {
  const User user = NewUser("leaver");
  const User other = NewUser("stayer");
  const RefreshToken token = NewFamily(user.id);
  const RefreshToken others_token = NewFamily(other.id);
  ASSERT_THAT(Put(user.id, "spotify"), IsOk());
  ASSERT_THAT(Put(other.id, "spotify"), IsOk());
  const std::string subject = Sha256("leaver");
  ASSERT_THAT(store_.AddLoginFailure(Soon(), subject, kNow, kNow - absl::Minutes(5)), IsOk());
  EXPECT_THAT(store_.DeleteUser(Soon(), user.id, subject), IsOk());
  EXPECT_THAT(store_.DeleteUser(Soon(), user.id, subject), IsOk());
  EXPECT_EQ(*store_.FindUser(Soon(), user.id), std::nullopt);
  EXPECT_FALSE((*store_.FindKey(Soon(), user.id, "spotify")).has_value());
  EXPECT_THAT(Rotate(token, token.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_EQ(store_.CountLoginFailures(Soon(), subject, absl::UnixEpoch(), 10)->count, 0);
  EXPECT_TRUE((*store_.FindKey(Soon(), other.id, "spotify")).has_value());
  EXPECT_THAT(Rotate(others_token, others_token.Next()), IsOk());
}

TEST_P(StoreContract, ExchangesEachRefreshTokenOnce) {
  const User user = NewUser();
  const RefreshToken first = NewFamily(user.id);
  const RefreshToken second = first.Next();
  const absl::StatusOr<User> exchanged = Rotate(first, second);
  ASSERT_THAT(exchanged, IsOk());
  EXPECT_EQ(exchanged->id, user.id);
  EXPECT_EQ(exchanged->name, user.name);
  EXPECT_THAT(Rotate(second, second.Next()), IsOk());
}

TEST_P(StoreContract, RevokesTheFamilyOfASpentTokenThatComesAgain) {
  const User user = NewUser();
  const RefreshToken first = NewFamily(user.id);
  const RefreshToken other_sign_in = NewFamily(user.id);
  const RefreshToken second = first.Next();
  const RefreshToken third = second.Next();
  ASSERT_THAT(Rotate(first, second), IsOk());
  ASSERT_THAT(Rotate(second, third), IsOk());
  EXPECT_THAT(Rotate(first, first.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Rotate(third, third.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Rotate(other_sign_in, other_sign_in.Next()), IsOk());
}

TEST_P(StoreContract, RefusesRefreshTokensThatAreExpiredOrUnknown) {
  const User user = NewUser();
  const RefreshToken token = NewFamily(user.id);
  EXPECT_THAT(Rotate(RefreshToken::NewFamily(), RefreshToken::NewFamily()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  const RefreshToken next = token.Next();
  EXPECT_THAT(Rotate(token, next, kExpiry - absl::Microseconds(1)), IsOk());
  EXPECT_THAT(Rotate(next, next.Next(), kExpiry), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(store_.AddRefreshFamily(Soon(), user.id + 1, token.Hash(), kNow, kExpiry),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_P(StoreContract, LetsExactlyOneOfTwentyExchangeATokenAndRevokesTheFamily) {
  const User user = NewUser();
  const RefreshToken token = NewFamily(user.id);
  std::vector<RefreshToken> next(20, token);
  std::vector<absl::Status> outcomes(next.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < next.size(); ++i) {
    next[i] = token.Next();
    threads.emplace_back([&, i] { outcomes[i] = Rotate(token, next[i]).status(); });
  }
  for (std::thread& thread : threads) thread.join();
  int succeeded = 0;
  for (const absl::Status& outcome : outcomes) {
    if (outcome.ok()) {
      ++succeeded;
    } else {
      EXPECT_THAT(outcome, ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
    }
  }
  EXPECT_EQ(succeeded, 1);
  for (const RefreshToken& candidate : next) {
    EXPECT_THAT(Rotate(candidate, candidate.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  }
}

TEST_P(StoreContract, EndsTheOldestSignInForOneTooMany) {
  const User user = NewUser();
  const RefreshToken oldest = NewFamily(user.id);
  const RefreshToken second = NewFamily(user.id);
  for (int i = 2; i < Store::kFamiliesMax + 1; ++i) NewFamily(user.id);
  EXPECT_THAT(Rotate(oldest, oldest.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Rotate(second, second.Next()), IsOk());
}

TEST_P(StoreContract, CountsFailuresOfOneSubjectInAWindow) {
  const std::string subject = Sha256("one");
  for (int i = 0; i < 12; ++i) {
    ASSERT_THAT(
        store_.AddLoginFailure(Soon(), subject, kNow + absl::Seconds(i), kNow - absl::Minutes(5)),
        IsOk());
  }
  const auto all = store_.CountLoginFailures(Soon(), subject, kNow - absl::Seconds(1), 10);
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(all->count, 10);
  EXPECT_EQ(all->oldest, kNow + absl::Seconds(2));
  const auto late = store_.CountLoginFailures(Soon(), subject, kNow + absl::Seconds(9), 10);
  EXPECT_EQ(late->count, 2);
  EXPECT_EQ(late->oldest, kNow + absl::Seconds(10));
  EXPECT_EQ(store_.CountLoginFailures(Soon(), Sha256("other"), absl::UnixEpoch(), 10)->count, 0);
  ASSERT_THAT(store_.ClearLoginFailures(Soon(), subject), IsOk());
  EXPECT_EQ(store_.CountLoginFailures(Soon(), subject, absl::UnixEpoch(), 10)->count, 0);
}

TEST_P(StoreContract, ForgetsOldFailures) {
  const std::string subject = Sha256("one");
  ASSERT_THAT(store_.AddLoginFailure(Soon(), subject, kNow, kNow - absl::Minutes(5)), IsOk());
  ASSERT_THAT(store_.AddLoginFailure(Soon(), subject, kNow + absl::Minutes(5), kNow), IsOk());
  EXPECT_EQ(store_.CountLoginFailures(Soon(), subject, absl::UnixEpoch(), 10)->count, 1);
}

TEST_P(StoreContract, StoresAndReplacesAKey) {
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

TEST_P(StoreContract, ListsKeysOfOneUserByService) {
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

TEST_P(StoreContract, DeletesAKeyAndStartsAnewInAnotherRow) {
  const User user = NewUser();
  const std::int64_t row_id = Put(user.id, "spotify")->row_id;
  EXPECT_TRUE(*store_.DeleteKey(Soon(), user.id, "spotify"));
  EXPECT_FALSE(*store_.DeleteKey(Soon(), user.id, "spotify"));
  const StoredKey again = *Put(user.id, "spotify");
  EXPECT_NE(again.row_id, row_id);
  EXPECT_EQ(again.version, 1);
  EXPECT_FALSE(again.replaced);
}

TEST_P(StoreContract, StoresNoKeyWithoutItsUserOrItsSeal) {
  const User user = NewUser();
  EXPECT_THAT(Put(user.id + 1, "spotify"), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(store_.PutKey(Soon(), user.id, "spotify", std::nullopt, kNow,
                            [](std::int64_t, std::int64_t) -> absl::StatusOr<SealedRecord> {
                              return InternalError("no seal");
                            }),
              Not(IsOk()));
  EXPECT_THAT(*store_.ListKeys(Soon(), user.id), IsEmpty());
}

TEST_P(StoreContract, GivesEveryReplacementAVersionOfItsOwn) {
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

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreContract,
    ::testing::Values(BackendKind{"Fake", [] { return std::make_unique<FakeBackend>(); }},
                      BackendKind{"Postgres", [] { return std::make_unique<PostgresBackend>(); }}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace playlog::auth
