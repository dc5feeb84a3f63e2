#include "common/base/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <utility>

#include "common/testing/matchers.h"
#include "common/testing/temporary_directory.h"

namespace playlog {
namespace {

using playlog::testing::IsOk;
using playlog::testing::StatusIs;

class SecretFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& contents, mode_t mode) {
    std::string path = directory_.path() + "/secret";
    std::ofstream(path, std::ios::binary) << contents;
    chmod(path.c_str(), mode);
    return path;
  }

  playlog::testing::TemporaryDirectory directory_;
};

TEST_F(SecretFileTest, ReadsAFileOfItsOwner) {
  const auto secret = ReadSecretFile(Write("s3cret\n", 0400));
  ASSERT_THAT(secret, IsOk());
  EXPECT_EQ(secret->Reveal(), "s3cret");
}

TEST_F(SecretFileTest, RefusesAFileThatOthersMayRead) {
  EXPECT_THAT(ReadSecretFile(Write("s3cret", 0644)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadSecretFile(Write("s3cret", 0440)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SecretFileTest, RefusesWhatIsMissingEmptyTooLargeOrNoFile) {
  EXPECT_THAT(ReadSecretFile(directory_.path() + "/none"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadSecretFile(Write("", 0400)), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadSecretFile(directory_.path()), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SecretFileTest, RefusesAFileOver64KiB) {
  EXPECT_THAT(ReadSecretFile(Write(std::string(65 * 1024, 'x'), 0400)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(Secret, IsEmptyAfterItWasMoved) {
  Secret first("value");
  const Secret second(std::move(first));
  EXPECT_EQ(second.Reveal(), "value");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): what is tested.
}

}  // namespace
}  // namespace playlog
