#include "common/rpc/token_verifier.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <optional>

#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::rpc {
namespace {

using playlog::testing::ErrorIs;
using playlog::testing::IsOk;

jwt::SigningKey MakeKey() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  auto signing = jwt::SigningKey::FromPem({data, static_cast<std::size_t>(size)});
  BIO_free(bio);
  EVP_PKEY_free(key);
  return *std::move(signing);
}

class TokenVerifierTest : public ::testing::Test {
 protected:
  absl::StatusOr<jwt::PublicKeys> Answer() {
    ++questions_;
    if (!available_) return absl::UnavailableError("auth is away");
    return jwt::PublicKeys::Create({key_.public_key()});
  }

  std::string Token(const jwt::SigningKey& key) {
    jwt::Claims claims;
    claims.user_id = 5;
    claims.token_id = "id";
    claims.session_id = 7;
    claims.issued_at = clock_.Now();
    claims.expires_at = clock_.Now() + absl::Minutes(15);
    return *key.Sign(claims);
  }

  playlog::testing::FakeClock clock_;
  jwt::SigningKey key_ = MakeKey();
  absl::StatusOr<Revocations> AnswerRevocations() {
    ++revocation_questions_;
    if (!available_) return absl::UnavailableError("auth is away");
    Revocations answer{.listed = {}, .as_of = clock_.Now()};
    if (revoked_) {
      answer.listed.push_back({.user_id = 5, .session_id = 7, .revoked_at = clock_.Now()});
    }
    return answer;
  }

  bool available_ = true;
  bool revoked_ = false;
  int questions_ = 0;
  int revocation_questions_ = 0;
  CachingTokenVerifier verifier_{[this] { return Answer(); }, clock_};
  RevocationView revocations_{[this](std::optional<absl::Time>) { return AnswerRevocations(); },
                              clock_};
  CachingTokenVerifier revoking_verifier_{[this] { return Answer(); }, clock_, &revocations_};
};

TEST_F(TokenVerifierTest, AsksForTheKeysOnce) {
  const std::string token = Token(key_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(verifier_.Verify(token)->user_id, 5);
  EXPECT_EQ(questions_, 1);
}

TEST_F(TokenVerifierTest, GoesOnForAMinuteWhileAuthIsAwayAndThenFailsClosed) {
  const std::string token = Token(key_);
  ASSERT_THAT(verifier_.Verify(token), IsOk());
  available_ = false;
  clock_.Advance(absl::Seconds(59));
  EXPECT_THAT(verifier_.Verify(token), IsOk());
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  available_ = true;
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(verifier_.Verify(token), IsOk());
}

TEST_F(TokenVerifierTest, FindsAKeyThatCameLater) {
  ASSERT_THAT(verifier_.Verify(Token(key_)), IsOk());
  key_ = MakeKey();
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(verifier_.Verify(Token(key_)), IsOk());
}

TEST_F(TokenVerifierTest, AsksAtMostOnceASecondForForgedTokens) {
  const jwt::SigningKey stranger = MakeKey();
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(verifier_.Verify(Token(stranger)), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  }
  EXPECT_EQ(questions_, 1);
}

TEST_F(TokenVerifierTest, AsksSoonAgainWhileItKnowsNothing) {
  available_ = false;
  const std::string token = Token(key_);
  EXPECT_THAT(verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  available_ = true;
  clock_.Advance(absl::Milliseconds(100));
  EXPECT_THAT(verifier_.Verify(token), IsOk());
}

TEST_F(TokenVerifierTest, ForgetsWhatARetiredKeyHasVerified) {
  const std::string token = Token(key_);
  ASSERT_THAT(verifier_.Verify(token), IsOk());
  key_ = MakeKey();
  clock_.Advance(absl::Seconds(21));
  EXPECT_THAT(verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(TokenVerifierTest, TrustsNoViewFromAfterTheClockWasSetBack) {
  ASSERT_THAT(verifier_.Verify(Token(key_)), IsOk());
  clock_.Advance(-absl::Hours(1));
  const std::string token = Token(key_);
  available_ = false;
  EXPECT_THAT(verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  available_ = true;
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(verifier_.Verify(token), IsOk());
}

TEST_F(TokenVerifierTest, RefusesRevokedTokensWithinSeconds) {
  const std::string token = Token(key_);
  ASSERT_THAT(revoking_verifier_.Verify(token), IsOk());
  revoked_ = true;
  clock_.Advance(absl::Seconds(6));
  EXPECT_THAT(revoking_verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(revoking_verifier_.VerifyWithoutAsking(token),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_EQ(revocation_questions_, 2);
  EXPECT_EQ(questions_, 1);
}

TEST_F(TokenVerifierTest, FailsClosedWithoutRevocations) {
  const std::string token = Token(key_);
  ASSERT_THAT(revoking_verifier_.Verify(token), IsOk());
  EXPECT_TRUE(revoking_verifier_.IsReady());
  available_ = false;
  clock_.Advance(absl::Seconds(59));
  EXPECT_THAT(revoking_verifier_.Verify(token), IsOk());
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(revoking_verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_FALSE(revoking_verifier_.IsReady());
}

TEST_F(TokenVerifierTest, PollsByItself) {
  const std::string token = Token(key_);
  EXPECT_FALSE(revoking_verifier_.IsReady());
  EXPECT_THAT(revoking_verifier_.VerifyWithoutAsking(token),
              ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  revoking_verifier_.StartPolling();
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!revoking_verifier_.IsReady() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(revoking_verifier_.VerifyWithoutAsking(token), IsOk());
}

TEST_F(TokenVerifierTest, RefusesARememberedTokenWhenItsTimeIsOver) {
  const std::string token = Token(key_);
  ASSERT_THAT(verifier_.Verify(token), IsOk());
  clock_.Advance(absl::Minutes(15));
  EXPECT_THAT(verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

}  // namespace
}  // namespace playlog::rpc
