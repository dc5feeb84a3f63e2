#include "services/auth/user_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "common/jwt/jwt.h"
#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class UserServiceTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::RegisterResponse> Register(const std::string& name) {
    v1::RegisterRequest request;
    request.set_username(name);
    request.set_password("gondola7river");
    rpc::Call call = parts_.CallOf(0);
    return service_.Register(call, request);
  }
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(const std::string& name,
                                                      const std::string& password) {
    v1::CreateTokenRequest request;
    request.set_username(name);
    request.set_password(password);
    rpc::Call call = parts_.CallOf(0);
    return service_.CreateToken(call, request);
  }
  absl::StatusOr<v1::RefreshTokenResponse> Refresh(const std::string& token) {
    v1::RefreshTokenRequest request;
    request.set_refresh(token);
    rpc::Call call = parts_.CallOf(0);
    return service_.RefreshToken(call, request);
  }
  absl::StatusOr<v1::GetMeResponse> GetMe(std::int64_t user_id) {
    rpc::Call call = parts_.CallOf(user_id);
    return service_.GetMe(call, {});
  }
  absl::StatusOr<v1::DeleteMeResponse> DeleteMe(std::int64_t user_id) {
    rpc::Call call = parts_.CallOf(user_id);
    return service_.DeleteMe(call, {});
  }
  absl::StatusOr<jwt::Claims> Verify(const std::string& token) {
    return jwt::Verify(token, *jwt::PublicKeys::Create({parts_.access_tokens.public_key()}),
                       parts_.clock.Now());
  }

  ServiceFixture parts_;
  UserService service_{{parts_.store, parts_.sign_in, parts_.access_tokens, parts_.erasers,
                        parts_.clock, parts_.dispatcher, parts_.dispatcher}};
};

TEST_F(UserServiceTest, RegistersSignsInAndAnswersWhoIAm) {
  const auto registered = Register("Listener");
  ASSERT_THAT(registered, IsOk());
  EXPECT_GT(registered->id(), 0);
  EXPECT_EQ(registered->username(), "Listener");
  const auto tokens = CreateToken("listener", "gondola7river");
  ASSERT_THAT(tokens, IsOk());
  const auto claims = Verify(tokens->access());
  ASSERT_THAT(claims, IsOk());
  EXPECT_EQ(claims->user_id, registered->id());
  EXPECT_FALSE(claims->staff);
  const auto me = GetMe(claims->user_id);
  ASSERT_THAT(me, IsOk());
  EXPECT_EQ(me->id(), registered->id());
  EXPECT_EQ(me->username(), "Listener");
}

TEST_F(UserServiceTest, NamesAMissingFieldOfASignIn) {
  EXPECT_EQ(FieldOf(CreateToken("", "gondola7river").status()), "username");
  EXPECT_EQ(FieldOf(CreateToken("listener", "").status()), "password");
  EXPECT_EQ(FieldOf(Refresh("").status()), "refresh");
}

TEST_F(UserServiceTest, ExchangesARefreshTokenForANewPair) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto first = CreateToken("listener", "gondola7river");
  const auto second = Refresh(first->refresh());
  ASSERT_THAT(second, IsOk());
  EXPECT_NE(second->refresh(), first->refresh());
  EXPECT_NE(second->access(), first->access());
  EXPECT_THAT(Verify(second->access()), IsOk());
  EXPECT_THAT(Refresh(second->refresh()), IsOk());
}

TEST_F(UserServiceTest, RevokesTheFamilyOfASpentToken) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto first = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  const auto second = Refresh(first->refresh());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(Refresh(first->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh(second->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh(elsewhere->refresh()), IsOk());
}

TEST_F(UserServiceTest, EndsAFamilyThirtyDaysAfterTheSignInHoweverOftenExchanged) {
  ASSERT_THAT(Register("listener"), IsOk());
  std::string token = CreateToken("listener", "gondola7river")->refresh();
  for (int day = 0; day < 29; ++day) {
    parts_.clock.Advance(absl::Hours(24));
    const auto next = Refresh(token);
    ASSERT_THAT(next, IsOk()) << day;
    token = next->refresh();
  }
  parts_.clock.Advance(absl::Hours(24));
  EXPECT_THAT(Refresh(token), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(UserServiceTest, TakesNoOtherTokenForARefreshToken) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto tokens = CreateToken("listener", "gondola7river");
  EXPECT_THAT(Refresh(tokens->access()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh("garbage"), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh(std::string(1 << 20, 'A')), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh(RefreshToken::NewFamily().Text()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Verify(tokens->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(UserServiceTest, PutsTheStaffRoleIntoTheToken) {
  const auto registered = Register("listener");
  parts_.store.MakeStaff(registered->id());
  EXPECT_TRUE(Verify(CreateToken("listener", "gondola7river")->access())->staff);
}

TEST_F(UserServiceTest, DeletesTheUserEverywhere) {
  const auto registered = Register("listener");
  const auto tokens = CreateToken("listener", "gondola7river");
  ASSERT_THAT(DeleteMe(registered->id()), IsOk());
  EXPECT_THAT(parts_.erasers.erased, ElementsAre(registered->id()));
  EXPECT_THAT(GetMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh(tokens->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(CreateToken("listener", "gondola7river"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_GT(Register("listener")->id(), registered->id());
}

TEST_F(UserServiceTest, DeletesAgainWithoutAnError) {
  const auto registered = Register("listener");
  EXPECT_THAT(DeleteMe(registered->id()), IsOk());
  EXPECT_THAT(DeleteMe(registered->id()), IsOk());
}

TEST_F(UserServiceTest, KeepsTheUserWhileANeighbourIsAway) {
  const auto registered = Register("listener");
  parts_.erasers.failure =
      RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "away", "", absl::Seconds(5));
  EXPECT_THAT(DeleteMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(GetMe(registered->id()), IsOk());
  EXPECT_THAT(CreateToken("listener", "gondola7river"), IsOk());
  parts_.erasers.failure = absl::OkStatus();
  EXPECT_THAT(DeleteMe(registered->id()), IsOk());
  EXPECT_THAT(GetMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(UserServiceTest, ErasesNothingWhileTheStoreIsAway) {
  const auto registered = Register("listener");
  parts_.store.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(DeleteMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(parts_.erasers.erased, IsEmpty());
  EXPECT_THAT(GetMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

}  // namespace
}  // namespace playlog::auth
