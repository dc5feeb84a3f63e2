#include "services/auth/revocation_service.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"
#include "services/auth/session_verifier.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

// A user with a sign-in, and its access token.
class RevocationTest : public ::testing::Test {
 protected:
  RevocationTest() {
    const User user = *parts_.store.CreateUser(absl::InfiniteFuture(), "listener", "hash");
    session_ = *parts_.store.AddRefreshFamily(absl::InfiniteFuture(), user,
                                              RefreshToken::NewFamily().Hash(), parts_.clock.Now(),
                                              parts_.clock.Now() + absl::Hours(1));
    token_ = *parts_.access_tokens.Issue(session_.user, session_.id);
  }
  absl::Status EndSession() {
    return parts_.store.EndSession(absl::InfiniteFuture(), session_.user.id, session_.id,
                                   parts_.clock.Now());
  }

  ServiceFixture parts_;
  Session session_;
  std::string token_;
};

TEST_F(RevocationTest, IsListedWithAllThatVerifiersNeed) {
  RevocationService service(parts_.store, parts_.dispatcher);
  rpc::Call call;
  auto listed = service.ListRevocations(call, {});
  ASSERT_THAT(listed, IsOk());
  EXPECT_EQ(listed->revocations_size(), 0);
  ASSERT_THAT(EndSession(), IsOk());
  v1::ListRevocationsRequest request;
  *request.mutable_since() = listed->as_of();
  listed = service.ListRevocations(call, request);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->revocations_size(), 1);
  EXPECT_EQ(listed->revocations(0).user_id(), session_.user.id);
  EXPECT_EQ(listed->revocations(0).session_id(), session_.id);
  EXPECT_EQ(listed->revocations(0).minimum_token_version(), 0);
  EXPECT_GT(listed->revocations(0).revoked_at().seconds(), 1'700'000'000);
  EXPECT_GE(listed->as_of().seconds(), request.since().seconds());
}

TEST_F(RevocationTest, IsNotListedFromAStoreThatIsAway) {
  RevocationService service(parts_.store, parts_.dispatcher);
  parts_.store.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  rpc::Call call;
  EXPECT_THAT(service.ListRevocations(call, {}), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(RevocationTest, EndsATokenAtOnceWhereItIsWritten) {
  rpc::CachingTokenVerifier signatures(
      [this] { return jwt::PublicKeys::Create(parts_.access_tokens.public_keys()); }, parts_.clock);
  SessionVerifier verifier(signatures, parts_.store);
  const auto claims = verifier.Verify(token_);
  ASSERT_THAT(claims, IsOk());
  EXPECT_EQ(claims->session_id, session_.id);
  EXPECT_THAT(verifier.Verify("garbage"), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  parts_.store.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(verifier.Verify(token_), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  parts_.store.FailWith(absl::OkStatus());
  ASSERT_THAT(EndSession(), IsOk());
  EXPECT_THAT(verifier.Verify(token_), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

}  // namespace
}  // namespace playlog::auth
