#include "services/auth/user_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/jwt/jwt.h"
#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::StartsWith;

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
  // The call that the dispatcher makes of a request with the token.
  rpc::Call CallWith(const std::string& token) {
    const absl::StatusOr<jwt::Claims> claims = Verify(token);
    EXPECT_THAT(claims, IsOk());
    rpc::Call call = parts_.CallOf(claims->user_id);
    call.session_id = claims->session_id;
    return call;
  }
  absl::StatusOr<v1::LogoutResponse> Logout(const std::string& token, bool all) {
    v1::LogoutRequest request;
    request.set_all(all);
    rpc::Call call = CallWith(token);
    return service_.Logout(call, request);
  }
  absl::StatusOr<v1::ChangePasswordResponse> ChangePassword(const std::string& token,
                                                            const std::string& old_password,
                                                            const std::string& new_password) {
    v1::ChangePasswordRequest request;
    request.set_old(old_password);
    request.set_new_(new_password);
    rpc::Call call = CallWith(token);
    return service_.ChangePassword(call, request);
  }
  // Whether the access token's sign-in still stands.
  bool IsGood(const std::string& token) {
    const jwt::Claims claims = *Verify(token);
    return *parts_.store.IsSessionGood(absl::InfiniteFuture(), claims.user_id, claims.session_id,
                                       claims.token_version);
  }
  absl::StatusOr<v1::DeleteMeResponse> DeleteMe(std::int64_t user_id) {
    rpc::Call call = parts_.CallOf(user_id);
    return service_.DeleteMe(call, {});
  }
  absl::StatusOr<jwt::Claims> Verify(const std::string& token) {
    return jwt::Verify(token, *jwt::PublicKeys::Create(parts_.access_tokens.public_keys()),
                       parts_.clock.Now());
  }

  ServiceFixture parts_;
  int deletions_ = 0;
  const std::vector<ExportSource> export_sources_ = {};
  UserService service_{{parts_.store, parts_.sign_in, parts_.access_tokens, parts_.audit,
                        [this] { ++deletions_; }, export_sources_, parts_.clock, parts_.dispatcher,
                        parts_.dispatcher, parts_.dispatcher}};
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

TEST_F(UserServiceTest, RevokesTheAccessTokensOfASpentTokensFamilyToo) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto first = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  const auto second = Refresh(first->refresh());
  EXPECT_TRUE(IsGood(second->access()));
  EXPECT_THAT(Refresh(first->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_FALSE(IsGood(first->access()));
  EXPECT_FALSE(IsGood(second->access()));
  EXPECT_TRUE(IsGood(elsewhere->access()));
}

TEST_F(UserServiceTest, KeepsTheSignInThroughAnExchange) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto first = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  const auto second = Refresh(first->refresh());
  EXPECT_EQ(Verify(first->access())->session_id, Verify(second->access())->session_id);
  EXPECT_NE(Verify(first->access())->session_id, Verify(elsewhere->access())->session_id);
}

TEST_F(UserServiceTest, EndsTheSignInOfTheTokenAtLogout) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto here = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  EXPECT_THAT(Logout(here->access(), false), IsOk());
  EXPECT_FALSE(IsGood(here->access()));
  EXPECT_THAT(Refresh(here->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_TRUE(IsGood(elsewhere->access()));
  EXPECT_THAT(Refresh(elsewhere->refresh()), IsOk());
  EXPECT_THAT(Logout(here->access(), false), IsOk());
}

TEST_F(UserServiceTest, EndsEverySignInAtLogoutOfAll) {
  ASSERT_THAT(Register("listener"), IsOk());
  ASSERT_THAT(Register("other"), IsOk());
  const auto here = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  const auto others = CreateToken("other", "gondola7river");
  EXPECT_THAT(Logout(here->access(), true), IsOk());
  for (const auto& tokens : {here, elsewhere}) {
    EXPECT_FALSE(IsGood(tokens->access()));
    EXPECT_THAT(Refresh(tokens->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  }
  EXPECT_TRUE(IsGood(others->access()));
  EXPECT_TRUE(IsGood(CreateToken("listener", "gondola7river")->access()));
}

TEST_F(UserServiceTest, EndsEveryOtherSignInWhenThePasswordChanges) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto here = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  EXPECT_THAT(ChangePassword(here->access(), "gondola7river", "otter 9 lanterns"), IsOk());
  EXPECT_TRUE(IsGood(here->access()));
  EXPECT_THAT(Refresh(here->refresh()), IsOk());
  EXPECT_FALSE(IsGood(elsewhere->access()));
  EXPECT_THAT(Refresh(elsewhere->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(CreateToken("listener", "gondola7river"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_THAT(CreateToken("listener", "otter 9 lanterns"), IsOk());
}

TEST_F(UserServiceTest, NotesWhatWasDoneToTheAccount) {
  const std::int64_t user_id = Register("listener")->id();
  const auto here = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  EXPECT_THAT(CreateToken("listener", "wrong password"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  ASSERT_THAT(Refresh(elsewhere->refresh()), IsOk());
  EXPECT_THAT(Refresh(elsewhere->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Refresh(elsewhere->refresh()), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  ASSERT_THAT(ChangePassword(here->access(), "gondola7river", "otter 9 lanterns"), IsOk());
  ASSERT_THAT(Logout(here->access(), false), IsOk());
  ASSERT_THAT(Logout(here->access(), true), IsOk());
  std::vector<v1::AuditAction> actions;
  for (const AuditEvent& event : parts_.audit.Written()) {
    EXPECT_EQ(event.user_id, user_id);
    EXPECT_EQ(event.by, kByUser);
    actions.push_back(event.action);
  }
  EXPECT_THAT(actions,
              ElementsAre(v1::AUDIT_ACTION_SIGNED_IN, v1::AUDIT_ACTION_SIGNED_IN,
                          v1::AUDIT_ACTION_REFRESH_TOKEN_REUSED, v1::AUDIT_ACTION_PASSWORD_CHANGED,
                          v1::AUDIT_ACTION_LOGGED_OUT, v1::AUDIT_ACTION_LOGGED_OUT_EVERYWHERE));
}

TEST_F(UserServiceTest, ChangesNoPasswordWithoutTheOldOneAndAGoodNewOne) {
  ASSERT_THAT(Register("listener"), IsOk());
  const auto here = CreateToken("listener", "gondola7river");
  const auto elsewhere = CreateToken("listener", "gondola7river");
  EXPECT_EQ(FieldOf(ChangePassword(here->access(), "", "otter 9 lanterns").status()), "old");
  EXPECT_EQ(FieldOf(ChangePassword(here->access(), "gondola7river", "").status()), "new");
  EXPECT_THAT(ChangePassword(here->access(), "gondola8river", "otter 9 lanterns"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_THAT(ChangePassword(here->access(), "gondola7river", "password1"),
              ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD));
  EXPECT_TRUE(IsGood(elsewhere->access()));
  EXPECT_THAT(CreateToken("listener", "gondola7river"), IsOk());
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

TEST_F(UserServiceTest, DeletesTheUserAtOnceAndHasTheRestErased) {
  const auto registered = Register("listener");
  const auto tokens = CreateToken("listener", "gondola7river");
  ASSERT_THAT(DeleteMe(registered->id()), IsOk());
  EXPECT_EQ(deletions_, 1);
  EXPECT_THAT(parts_.store.DeletedUsers(), ElementsAre(registered->id()));
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
  EXPECT_EQ(deletions_, 1);
}

TEST_F(UserServiceTest, DeletesNothingWhileTheStoreIsAway) {
  const auto registered = Register("listener");
  parts_.store.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(DeleteMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_EQ(deletions_, 0);
  EXPECT_THAT(GetMe(registered->id()), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(UserServiceTest, ExportsToThoseWhoAreThere) {
  const auto registered = Register("listener");
  rpc::Call call = parts_.CallOf(registered->id());
  const auto stream = service_.ExportMe(call, {});
  ASSERT_THAT(stream, IsOk());
  v1::ExportMeResponse part;
  EXPECT_THAT((*stream)->Next(part), IsOkAndHolds(true));
  EXPECT_THAT(part.body(), StartsWith("PK"));
  rpc::Call nobody = parts_.CallOf(registered->id() + 1);
  EXPECT_THAT(service_.ExportMe(nobody, {}), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

}  // namespace
}  // namespace playlog::auth
