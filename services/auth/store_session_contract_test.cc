// The part of the store's contract about sign-ins: their refresh tokens, how they end, and what is
// told of those that ended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
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
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreContract, ExchangesEachRefreshTokenOnce) {
  const User user = NewUser();
  std::int64_t session_id = 0;
  const RefreshToken first = NewFamily(user, &session_id);
  const RefreshToken second = first.Next();
  const absl::StatusOr<Session> exchanged = Rotate(first, second);
  ASSERT_THAT(exchanged, IsOk());
  EXPECT_EQ(exchanged->id, session_id);
  EXPECT_EQ(exchanged->user.id, user.id);
  EXPECT_EQ(exchanged->user.name, user.name);
  EXPECT_THAT(Rotate(second, second.Next()), IsOk());
}

TEST_P(StoreContract, RevokesTheFamilyOfASpentTokenThatComesAgain) {
  const User user = NewUser();
  const RefreshToken first = NewFamily(user);
  const RefreshToken other_sign_in = NewFamily(user);
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
  const RefreshToken token = NewFamily(user);
  EXPECT_THAT(Rotate(RefreshToken::NewFamily(), RefreshToken::NewFamily()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  const RefreshToken next = token.Next();
  EXPECT_THAT(Rotate(token, next, kExpiry - absl::Microseconds(1)), IsOk());
  EXPECT_THAT(Rotate(next, next.Next(), kExpiry), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_P(StoreContract, SignsInNobodyWhoIsGone) {
  User nobody = NewUser();
  ++nobody.id;
  EXPECT_THAT(
      store_.AddRefreshFamily(Soon(), nobody, RefreshToken::NewFamily().Hash(), kNow, kExpiry),
      ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
}

TEST_P(StoreContract, LetsExactlyOneOfTwentyExchangeATokenAndRevokesTheFamily) {
  const User user = NewUser();
  const RefreshToken token = NewFamily(user);
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
  const RefreshToken oldest = NewFamily(user);
  const RefreshToken second = NewFamily(user);
  for (int i = 2; i < Store::kFamiliesMax + 1; ++i) NewFamily(user);
  EXPECT_THAT(Rotate(oldest, oldest.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Rotate(second, second.Next()), IsOk());
}

// What a revocation says, but for its time.
std::vector<std::int64_t> Facts(const Revocation& revocation) {
  return {revocation.user_id, revocation.minimum_token_version, revocation.session_id};
}

TEST_P(StoreContract, EndsOneSignIn) {
  const User user = NewUser();
  const User other = NewUser("other");
  std::int64_t ended = 0;
  const RefreshToken token = NewFamily(user, &ended);
  const std::int64_t kept = NewSession(user);
  EXPECT_THAT(Revocations(), IsEmpty());
  EXPECT_TRUE(IsGood(user, ended));
  // Nobody ends another's.
  EXPECT_THAT(store_.EndSession(Soon(), other.id, ended, kNow), IsOk());
  EXPECT_TRUE(IsGood(user, ended));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(store_.EndSession(Soon(), user.id, ended, kNow), IsOk());
    EXPECT_FALSE(IsGood(user, ended));
    EXPECT_TRUE(IsGood(user, kept));
    ASSERT_EQ(Revocations().size(), 1U);
    EXPECT_THAT(Facts(Revocations()[0]), ElementsAre(user.id, 0, ended));
  }
  EXPECT_THAT(Rotate(token, token.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_P(StoreContract, EndsAllSignInsOfAUser) {
  const User user = NewUser();
  const User other = NewUser("other");
  const std::int64_t others = NewSession(other);
  const RefreshToken token = NewFamily(user);
  const std::int64_t second = NewSession(user);
  EXPECT_THAT(store_.EndAllSessions(Soon(), user.id, kNow), IsOk());
  EXPECT_FALSE(IsGood(user, second));
  EXPECT_TRUE(IsGood(other, others));
  EXPECT_THAT(Rotate(token, token.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Facts(Revocations()[0]), ElementsAre(user.id, user.token_version + 1, 0));
  // A sign-in after it is good, with tokens of the new version.
  const absl::StatusOr<Session> after =
      store_.AddRefreshFamily(Soon(), user, RefreshToken::NewFamily().Hash(), kNow, kExpiry);
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->user.token_version, user.token_version + 1);
  EXPECT_TRUE(IsGood(after->user, after->id));
}

TEST_P(StoreContract, ChangesThePasswordAndEndsTheOtherSignIns) {
  const User user = NewUser();
  std::int64_t kept = 0;
  const RefreshToken kept_token = NewFamily(user, &kept);
  std::int64_t ended = 0;
  const RefreshToken ended_token = NewFamily(user, &ended);
  ASSERT_THAT(store_.ChangePassword(Soon(), user, "new", kept, kNow), IsOk());
  const User changed = **store_.FindUser(Soon(), user.id);
  EXPECT_EQ(changed.password_hash, "new");
  EXPECT_TRUE(IsGood(user, kept));
  EXPECT_FALSE(IsGood(user, ended));
  EXPECT_THAT(Rotate(kept_token, kept_token.Next()), IsOk());
  EXPECT_THAT(Rotate(ended_token, ended_token.Next()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  ASSERT_EQ(Revocations().size(), 1U);
  EXPECT_THAT(Facts(Revocations()[0]), ElementsAre(user.id, 0, ended));
  // Whoever has seen the old password right is too late.
  EXPECT_THAT(
      store_.AddRefreshFamily(Soon(), user, RefreshToken::NewFamily().Hash(), kNow, kExpiry),
      ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_THAT(store_.ChangePassword(Soon(), user, "newer", kept, kNow),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_THAT(
      store_.AddRefreshFamily(Soon(), changed, RefreshToken::NewFamily().Hash(), kNow, kExpiry),
      IsOk());
}

TEST_P(StoreContract, LetsNoSignInWithTheOldPasswordSlipPastAChange) {
  const User user = NewUser();
  std::vector<absl::StatusOr<Session>> sessions(10, absl::UnknownError("not tried"));
  std::vector<std::thread> threads;
  for (absl::StatusOr<Session>& session : sessions) {
    threads.emplace_back([&] {
      session =
          store_.AddRefreshFamily(Soon(), user, RefreshToken::NewFamily().Hash(), kNow, kExpiry);
    });
  }
  EXPECT_THAT(store_.ChangePassword(Soon(), user, "new", 0, kNow), IsOk());
  for (std::thread& thread : threads) thread.join();
  for (const absl::StatusOr<Session>& session : sessions) {
    if (session.ok()) {
      EXPECT_FALSE(IsGood(user, session->id));
    } else {
      EXPECT_THAT(session, ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
    }
  }
}

TEST_P(StoreContract, RevokesTheAccessTokensOfAReusedFamily) {
  const User user = NewUser();
  std::int64_t session_id = 0;
  const RefreshToken first = NewFamily(user, &session_id);
  ASSERT_THAT(Rotate(first, first.Next()), IsOk());
  EXPECT_TRUE(IsGood(user, session_id));
  EXPECT_THAT(Rotate(first, first.Next()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_FALSE(IsGood(user, session_id));
  EXPECT_THAT(Facts(Revocations()[0]), ElementsAre(user.id, 0, session_id));
}

TEST_P(StoreContract, SaysOnceWhoseTokenWasReused) {
  const User user = NewUser();
  const RefreshToken first = NewFamily(user);
  ASSERT_THAT(Rotate(first, first.Next()), IsOk());
  EXPECT_EQ(ReusedFrom(RefreshToken::NewFamily()), 0);
  EXPECT_EQ(ReusedFrom(first), user.id);
  EXPECT_EQ(ReusedFrom(first), 0);
  // What is only too old was not reused.
  EXPECT_EQ(ReusedFrom(NewFamily(user), kExpiry), 0);
}

TEST_P(StoreContract, RevokesTheTokensOfADeletedUser) {
  const User user = NewUser();
  const std::int64_t session_id = NewSession(user);
  ASSERT_THAT(store_.DeleteUser(Soon(), user.id, Sha256("listener")), IsOk());
  EXPECT_FALSE(IsGood(user, session_id));
  ASSERT_EQ(Revocations().size(), 1U);
  EXPECT_THAT(Facts(Revocations()[0]), ElementsAre(user.id, user.token_version + 1, 0));
}

TEST_P(StoreContract, ListsRevocationsOfTheLastMinutesFromATimeOn) {
  const User user = NewUser();
  const auto end_one = [&] {
    ASSERT_THAT(store_.EndSession(Soon(), user.id, NewSession(user), kNow), IsOk());
  };
  const absl::Time before = store_.ListRevocations(Soon(), std::nullopt)->as_of;
  EXPECT_LT(absl::AbsDuration(absl::Now() - before), absl::Seconds(30));
  end_one();
  EXPECT_EQ(Revocations(before).size(), 1U);
  // What was committed late is not missed.
  backend_->AgeRevocations(Store::kRevocationsOverlap - absl::Seconds(20));
  EXPECT_EQ(Revocations(before).size(), 1U);
  backend_->AgeRevocations(absl::Seconds(40));
  EXPECT_THAT(Revocations(before), IsEmpty());
  EXPECT_EQ(Revocations().size(), 1U);
  // A clock that was set back hides nothing.
  end_one();
  EXPECT_EQ(Revocations(absl::Now() + absl::Hours(1)).size(), 1U);
  EXPECT_EQ(Revocations().size(), 2U);
  backend_->AgeRevocations(Store::kRevocationsKept);
  EXPECT_THAT(Revocations(), IsEmpty());
  EXPECT_THAT(Revocations(before), IsEmpty());
}

}  // namespace
}  // namespace playlog::auth::store_contract
