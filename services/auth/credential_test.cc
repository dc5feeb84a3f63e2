#include "services/auth/credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/testing/matchers.h"
#include "common/testing/mutation.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

Credential SignIn() {
  return {.key = Secret("access"),
          .refresh_token = Secret("refresh"),
          .previous_refresh_token = Secret("previous"),
          .expires_at = absl::FromUnixMicros(1'700'000'000'123'456)};
}

TEST(Credential, KeepsAPastedKeyAsItsOwnBytes) {
  for (const std::string& key :
       {std::string("k"), std::string("~ key !"), std::string(4096, ' ')}) {
    const Secret packed = PackCredential({.key = Secret(key)});
    EXPECT_EQ(packed.Reveal(), key);
    const auto unpacked = UnpackCredential(packed);
    ASSERT_THAT(unpacked, IsOk());
    EXPECT_EQ(unpacked->key.Reveal(), key);
    EXPECT_FALSE(unpacked->is_sign_in());
    EXPECT_EQ(unpacked->expires_at, absl::InfiniteFuture());
  }
}

TEST(Credential, KeepsTheTokensOfASignIn) {
  const auto unpacked = UnpackCredential(PackCredential(SignIn()));
  ASSERT_THAT(unpacked, IsOk());
  EXPECT_TRUE(unpacked->is_sign_in());
  EXPECT_EQ(unpacked->key.Reveal(), "access");
  EXPECT_EQ(unpacked->refresh_token.Reveal(), "refresh");
  EXPECT_EQ(unpacked->previous_refresh_token.Reveal(), "previous");
  EXPECT_EQ(unpacked->expires_at, SignIn().expires_at);
}

TEST(Credential, KeepsASignInWithoutAPreviousTokenAndLongOnes) {
  Credential credential = SignIn();
  credential.previous_refresh_token = Secret();
  credential.key = Secret(std::string(4096, 'a'));
  credential.refresh_token = Secret(std::string(4096, 'r'));
  credential.expires_at = absl::FromUnixMicros(-1);
  const auto unpacked = UnpackCredential(PackCredential(credential));
  ASSERT_THAT(unpacked, IsOk());
  EXPECT_EQ(unpacked->key.Reveal(), std::string(4096, 'a'));
  EXPECT_EQ(unpacked->refresh_token.Reveal(), std::string(4096, 'r'));
  EXPECT_TRUE(unpacked->previous_refresh_token.empty());
  EXPECT_EQ(unpacked->expires_at, absl::FromUnixMicros(-1));
}

TEST(Credential, HasTheSpecifiedLayout) {
  const std::string expected = std::string("\x01\x00\x06\x0a\x24\x18\x20\x22\x40", 9) +
                               std::string("\0\0\0\x06", 4) + "access" +
                               std::string("\0\0\0\x07", 4) + "refresh" +
                               std::string("\0\0\0\x08", 4) + "previous";
  EXPECT_EQ(PackCredential(SignIn()).Reveal(), expected);
}

TEST(Credential, RefusesWhatIsCutShortTooLongOrOfAnotherFormat) {
  const std::string packed(PackCredential(SignIn()).Reveal());
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_THAT(UnpackCredential(Secret(packed.substr(0, size))),
                ErrorIs(errors::v1::ERROR_CODE_INTERNAL))
        << size;
  }
  EXPECT_THAT(UnpackCredential(Secret(packed + "x")), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_THAT(UnpackCredential(Secret("\x02" + packed.substr(1))),
              ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
}

TEST(Credential, SurvivesAnyBytes) {
  std::mt19937_64 generator(7);
  const std::string packed(PackCredential(SignIn()).Reveal());
  for (int i = 0; i < 5'000; ++i) {
    const auto unpacked = UnpackCredential(Secret(testing::Mutate(packed, generator)));
    EXPECT_TRUE(unpacked.ok() || CodeOf(unpacked.status()) == errors::v1::ERROR_CODE_INTERNAL);
  }
}

}  // namespace
}  // namespace playlog::auth
