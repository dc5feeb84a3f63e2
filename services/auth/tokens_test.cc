#include "services/auth/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/base/strings.h"
#include "common/jwt/testing.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;

User SomeUser() {
  User user;
  user.id = 5;
  user.token_version = 2;
  user.staff = true;
  return user;
}

class AccessTokensTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  const jwt::SigningKey key_ = jwt::NewSigningKey();
  AccessTokens tokens_{{key_}, clock_};
  jwt::PublicKeys keys_ = *jwt::PublicKeys::Create(tokens_.public_keys());
};

TEST_F(AccessTokensTest, AreGoodForFifteenMinutes) {
  const std::string token = *tokens_.Issue(SomeUser(), 9);
  const absl::StatusOr<jwt::Claims> claims = jwt::Verify(token, keys_, clock_.Now());
  ASSERT_THAT(claims, IsOk());
  EXPECT_EQ(claims->user_id, 5);
  EXPECT_EQ(claims->token_version, 2);
  EXPECT_EQ(claims->session_id, 9);
  EXPECT_TRUE(claims->staff);
  EXPECT_EQ(claims->expires_at - claims->issued_at, absl::Minutes(15));
  clock_.Advance(absl::Minutes(15) - absl::Seconds(1));
  EXPECT_THAT(jwt::Verify(token, keys_, clock_.Now()), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(jwt::Verify(token, keys_, clock_.Now()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(AccessTokensTest, AreGoodAtOnceWithinASecond) {
  clock_.Advance(absl::Milliseconds(999));
  EXPECT_THAT(jwt::Verify(*tokens_.Issue(SomeUser(), 9), keys_, clock_.Now()), IsOk());
}

TEST_F(AccessTokensTest, HaveIdsOfTheirOwn) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    ids.insert(jwt::Verify(*tokens_.Issue(SomeUser(), 9), keys_, clock_.Now())->token_id);
  }
  EXPECT_EQ(ids.size(), 100U);
}

TEST_F(AccessTokensTest, AreSignedWithTheFirstKeyAndVerifiedWithAll) {
  const std::string old_token = *tokens_.Issue(SomeUser(), 9);
  const jwt::SigningKey old_key = key_;
  const jwt::SigningKey new_key = jwt::NewSigningKey();
  const auto verify = [this](const std::string& token) {
    return jwt::Verify(token, *jwt::PublicKeys::Create(tokens_.public_keys()), clock_.Now());
  };
  tokens_.Replace({old_key, new_key});
  EXPECT_THAT(jwt::Verify(*tokens_.Issue(SomeUser(), 9), keys_, clock_.Now()), IsOk());
  tokens_.Replace({new_key, old_key});
  const std::string new_token = *tokens_.Issue(SomeUser(), 9);
  EXPECT_THAT(jwt::Verify(new_token, keys_, clock_.Now()),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(verify(new_token), IsOk());
  EXPECT_THAT(verify(old_token), IsOk());
  tokens_.Replace({new_key});
  EXPECT_THAT(verify(new_token), IsOk());
  EXPECT_THAT(verify(old_token), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST(RefreshToken, SurvivesBeingWrittenAndRead) {
  const RefreshToken token = RefreshToken::NewFamily();
  const std::optional<RefreshToken> read = RefreshToken::Parse(token.Text());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->Text(), token.Text());
  EXPECT_EQ(read->Hash().family, token.Hash().family);
  EXPECT_EQ(read->Hash().token, token.Hash().token);
  EXPECT_EQ(token.Hash().family.size(), 32U);
  EXPECT_EQ(token.Hash().token.size(), 32U);
}

TEST(RefreshToken, StaysInTheFamilyWithAnotherSecret) {
  const RefreshToken token = RefreshToken::NewFamily();
  const RefreshToken next = token.Next();
  EXPECT_EQ(next.Hash().family, token.Hash().family);
  EXPECT_NE(next.Hash().token, token.Hash().token);
  EXPECT_NE(RefreshToken::NewFamily().Hash().family, token.Hash().family);
}

TEST(RefreshToken, HasOneSpelling) {
  const std::string text = RefreshToken::NewFamily().Text();
  for (const std::string& other :
       {std::string(), text.substr(1), text + "A", text + "=", " " + text, text.substr(0, 63) + "+",
        std::string(64, '.'), std::string(1 << 20, 'A')}) {
    EXPECT_FALSE(RefreshToken::Parse(other).has_value());
  }
}

}  // namespace
}  // namespace playlog::auth
