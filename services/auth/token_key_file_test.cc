#include "services/auth/token_key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/jwt/testing.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "common/testing/temporary_directory.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace filesystem = std::filesystem;

class TokenKeyFileTest : public ::testing::Test {
 protected:
  // Puts a finished file into the place of the one before, as operators do.
  void Write(const std::string& contents, filesystem::perms rights = filesystem::perms(0400)) {
    const std::string draft = path_ + ".new";
    std::ofstream(draft) << contents;
    filesystem::permissions(draft, rights);
    filesystem::rename(draft, path_);
  }
  static std::string KidOf(const std::string& pem) {
    return jwt::SigningKey::FromPem(pem)->public_key().kid;
  }
  static std::vector<std::string> Kids(const AccessTokens& tokens) {
    std::vector<std::string> kids;
    for (const jwt::PublicKey& key : tokens.public_keys()) kids.push_back(key.kid);
    return kids;
  }
  // Waits until the watcher, which looks every millisecond, has seen to it.
  static bool Await(const std::function<bool()>& condition) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (!condition()) {
      if (absl::Now() > end) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/keys.pem";
  testing::FakeClock clock_;
  const std::string first_ = jwt::NewPrivateKeyPem();
  const std::string second_ = jwt::NewPrivateKeyPem();
};

TEST_F(TokenKeyFileTest, ReadsTheKeysInTheirOrder) {
  Write(second_ + first_);
  const auto keys = TokenKeyFile::Read(path_);
  ASSERT_THAT(keys, IsOk());
  EXPECT_THAT(Kids(AccessTokens(*keys, clock_)), ElementsAre(KidOf(second_), KidOf(first_)));
}

TEST_F(TokenKeyFileTest, RefusesToBeginWithABadFile) {
  EXPECT_THAT(TokenKeyFile::Read(""), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(TokenKeyFile::Read(path_), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (const std::string& contents : {std::string("secret"), first_ + first_}) {
    Write(contents);
    const absl::Status status = TokenKeyFile::Read(path_).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(std::string(status.message()), HasSubstr("--token_key_file " + path_));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("PRIVATE")));
  }
  Write(first_, filesystem::perms(0440));
  EXPECT_THAT(TokenKeyFile::Read(path_), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TokenKeyFileTest, TakesOverEachStepOfARotation) {
  Write(first_);
  AccessTokens tokens(*TokenKeyFile::Read(path_), clock_);
  const TokenKeyFile file(path_, tokens, absl::Milliseconds(1));
  const std::vector<std::vector<std::string>> steps = {
      {first_, second_}, {second_, first_}, {second_}};
  for (const std::vector<std::string>& step : steps) {
    std::string contents;
    std::vector<std::string> kids;
    for (const std::string& pem : step) {
      contents += pem;
      kids.push_back(KidOf(pem));
    }
    Write(contents);
    EXPECT_TRUE(Await([&] { return Kids(tokens) == kids; }));
    EXPECT_EQ(file.refusal(), "");
  }
}

TEST_F(TokenKeyFileTest, KeepsTheKeysWhileTheFileIsBad) {
  Write(first_);
  AccessTokens tokens(*TokenKeyFile::Read(path_), clock_);
  const TokenKeyFile file(path_, tokens, absl::Milliseconds(1));
  std::vector<std::function<void()>> faults = {
      [this] { Write("secret"); }, [this] { Write(second_ + jwt::NewPrivateKeyPem("P-384")); },
      [this] { Write(second_, filesystem::perms(0444)); }, [this] { filesystem::remove(path_); }};
  for (const auto& make_fault : faults) {
    make_fault();
    EXPECT_TRUE(Await([&] { return !file.refusal().empty(); }));
    EXPECT_THAT(Kids(tokens), ElementsAre(KidOf(first_)));
    Write(first_);
    EXPECT_TRUE(Await([&] { return file.refusal().empty(); }));
  }
  Write(second_);
  EXPECT_TRUE(Await([&] { return Kids(tokens).front() == KidOf(second_); }));
}

}  // namespace
}  // namespace playlog::auth
