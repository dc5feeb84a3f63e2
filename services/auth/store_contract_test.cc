#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/crypto.h"
#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/store_contract.h"

namespace playlog::auth::store_contract {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

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
  const RefreshToken token = NewFamily(user);
  const RefreshToken others_token = NewFamily(other);
  const std::string subject = Sha256("leaver");
  ASSERT_THAT(store_.AddLoginFailure(Soon(), subject, kNow, kNow - absl::Minutes(5)), IsOk());
  EXPECT_THAT(store_.DeleteUser(Soon(), user.id, subject), IsOk());
  EXPECT_THAT(store_.DeleteUser(Soon(), user.id, subject), IsOk());
  EXPECT_EQ(*store_.FindUser(Soon(), user.id), std::nullopt);
  EXPECT_THAT(Rotate(token, token.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_EQ(store_.CountLoginFailures(Soon(), subject, absl::UnixEpoch(), 10)->count, 0);
  EXPECT_THAT(Rotate(others_token, others_token.Next()), IsOk());
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

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreContract,
    ::testing::Values(BackendKind{"Fake", [] { return std::make_unique<FakeBackend>(); }},
                      BackendKind{"Postgres", [] { return std::make_unique<PostgresBackend>(); }}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace playlog::auth::store_contract
