#include "common/rpc/token_verifier.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

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
    claims.issued_at = clock_.Now();
    claims.expires_at = clock_.Now() + absl::Minutes(15);
    return *key.Sign(claims);
  }

  playlog::testing::FakeClock clock_;
  jwt::SigningKey key_ = MakeKey();
  bool available_ = true;
  int questions_ = 0;
  CachingTokenVerifier verifier_{[this] { return Answer(); }, clock_};
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

TEST_F(TokenVerifierTest, RefusesARememberedTokenWhenItsTimeIsOver) {
  const std::string token = Token(key_);
  ASSERT_THAT(verifier_.Verify(token), IsOk());
  clock_.Advance(absl::Minutes(15));
  EXPECT_THAT(verifier_.Verify(token), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

}  // namespace
}  // namespace playlog::rpc
