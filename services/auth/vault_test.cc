#include "services/auth/vault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "common/testing/matchers.h"
#include "services/auth/testing.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr RecordContext kContext{
    .user_id = 7, .service_name = "spotify", .row_id = 11, .version = 3};
constexpr std::string_view kPlaintext = "BQD-canary-token";

class VaultTest : public ::testing::Test {
 protected:
  std::string Seal(const RecordContext& context = kContext) {
    return vault_.Seal(context, Secret(std::string(kPlaintext)))->blob;
  }
  void ExpectRefused(const std::string& blob, const RecordContext& context = kContext) {
    const absl::StatusOr<Secret> opened = vault_.Open(context, blob);
    EXPECT_THAT(opened, ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
    EXPECT_EQ(opened.status().message(), "a sealed key does not open");
  }

  Vault vault_{NewKeyRing({1})};
};

TEST_F(VaultTest, OpensWhatItSealed) {
  const absl::StatusOr<SealedRecord> record =
      vault_.Seal(kContext, Secret(std::string(kPlaintext)));
  ASSERT_THAT(record, IsOk());
  EXPECT_EQ(record->kek_id, 1U);
  const absl::StatusOr<Secret> opened = vault_.Open(kContext, record->blob);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->Reveal(), kPlaintext);
}

TEST_F(VaultTest, HasTheSpecifiedLayout) {
  const std::string blob = Seal();
  EXPECT_EQ(blob.size(), 2 + 4 + 12 + 32 + 16 + 12 + kPlaintext.size() + 16);
  EXPECT_EQ(blob.substr(0, 6), std::string("\x01\x01\x00\x00\x00\x01", 6));
  EXPECT_THAT(blob, Not(HasSubstr(std::string(kPlaintext))));
}

TEST_F(VaultTest, SealsEveryPrintableAsciiKeyLength) {
  for (const std::size_t size : {1, 15, 16, 17, 4096, 65'536}) {
    const Secret plaintext(std::string(size, 'k'));
    const absl::StatusOr<SealedRecord> record = vault_.Seal(kContext, plaintext);
    ASSERT_THAT(record, IsOk()) << size;
    EXPECT_EQ(vault_.Open(kContext, record->blob)->Reveal(), plaintext.Reveal());
  }
  EXPECT_THAT(vault_.Seal(kContext, Secret()), Not(IsOk()));
  EXPECT_THAT(vault_.Seal(kContext, Secret(std::string(65'537, 'k'))), Not(IsOk()));
}

TEST_F(VaultTest, RefusesEveryFlippedBitOfTwentyBlobs) {
  for (int round = 0; round < 20; ++round) {
    const std::string blob = Seal();
    for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
      std::string flipped = blob;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      ExpectRefused(flipped);
    }
  }
}

TEST_F(VaultTest, RefusesEveryTruncationAndExtension) {
  const std::string blob = Seal();
  for (std::size_t size = 0; size < blob.size(); ++size) ExpectRefused(blob.substr(0, size));
  ExpectRefused(blob + '\0');
  ExpectRefused(blob + blob);
  ExpectRefused(std::string(1 << 20, '\x01'));
}

TEST_F(VaultTest, RefusesShortenedTags) {
  const std::string blob = Seal();
  const std::size_t end_of_wrapped_key = 2 + 4 + 12 + 32 + 16;
  for (std::size_t cut = 1; cut <= 15; ++cut) {
    ExpectRefused(blob.substr(0, blob.size() - cut));
    ExpectRefused(blob.substr(0, end_of_wrapped_key - cut) + blob.substr(end_of_wrapped_key));
  }
}

TEST_F(VaultTest, RefusesEveryOtherContext) {
  const std::vector<RecordContext> contexts = {
      kContext,
      {.user_id = 8, .service_name = "spotify", .row_id = 11, .version = 3},
      {.user_id = 7, .service_name = "lastfm", .row_id = 11, .version = 3},
      {.user_id = 7, .service_name = "spotify", .row_id = 12, .version = 3},
      {.user_id = 7, .service_name = "spotify", .row_id = 11, .version = 4},
      {.user_id = 11, .service_name = "spotify", .row_id = 7, .version = 3},
      {.user_id = 7, .service_name = "", .row_id = 11, .version = 3},
      {.user_id = 7, .service_name = "spotify\0", .row_id = 11, .version = 3}};
  for (const RecordContext& sealed_in : contexts) {
    const std::string blob = Seal(sealed_in);
    for (const RecordContext& opened_in : contexts) {
      if (&sealed_in != &opened_in &&
          !(sealed_in.service_name == opened_in.service_name &&
            sealed_in.user_id == opened_in.user_id && sealed_in.row_id == opened_in.row_id &&
            sealed_in.version == opened_in.version)) {
        ExpectRefused(blob, opened_in);
      }
    }
  }
}

TEST_F(VaultTest, RefusesPartsOfTwoRecordsJoined) {
  const std::string one = Seal();
  const std::string other = Seal();
  const std::size_t end_of_wrapped_key = 2 + 4 + 12 + 32 + 16;
  ExpectRefused(one.substr(0, end_of_wrapped_key) + other.substr(end_of_wrapped_key));
}

// 20,000 records, or as many as the environment says: a million among the tests that take long.
TEST_F(VaultTest, NeverUsesANonceOrDataKeyTwice) {
  const char* const from_environment = std::getenv("PLAYLOG_VAULT_RECORDS");
  const int records = from_environment == nullptr ? 20'000 : std::atoi(from_environment);
  std::vector<std::string> seen;
  for (int i = 0; i < records; ++i) {
    const std::string blob = Seal();
    seen.push_back(blob.substr(6, 12));
    // The start of a sealed data key tells it from others, and takes no memory of its own.
    seen.push_back(blob.substr(6 + 12, 15));
    seen.push_back(blob.substr(6 + 12 + 48, 12));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(std::ssize(seen), 3 * records);
}

TEST_F(VaultTest, OpensOldRecordsAfterANewKeyBecamePrimary) {
  const Vault before(NewKeyRing({1}));
  const std::string blob = before.Seal(kContext, Secret("old"))->blob;
  const Vault now(NewKeyRing({2, 1}));
  const absl::StatusOr<Secret> opened = now.Open(kContext, blob);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->Reveal(), "old");
  EXPECT_EQ(now.Seal(kContext, Secret("new"))->kek_id, 2U);
  EXPECT_THAT(before.Open(kContext, now.Seal(kContext, Secret("new"))->blob), Not(IsOk()));
}

TEST_F(VaultTest, TakesAnotherRingWhileItIsUsed) {
  const std::string blob = Seal();
  std::thread user([&] {
    for (int i = 0; i < 2'000; ++i) {
      EXPECT_EQ(vault_.Open(kContext, blob)->Reveal(), kPlaintext);
      EXPECT_EQ(vault_.Open(kContext, Seal())->Reveal(), kPlaintext);
    }
  });
  for (int i = 0; i < 200; ++i)
    vault_.SetRing(i % 2 == 0 ? NewKeyRing({2, 1}) : NewKeyRing({1, 2}));
  user.join();
  vault_.SetRing(NewKeyRing({2}));
  ExpectRefused(blob);
  EXPECT_THAT(vault_.ring()->ids(), ::testing::ElementsAre(2U));
}

TEST_F(VaultTest, BindsTheKeyId) {
  // Two ids of one key: the id in the blob can still not be changed.
  std::string blob = vault_.Seal(kContext, Secret("k"))->blob;
  blob[5] = '\x02';
  const Vault same_key_twice(NewKeyRing({1}, {2}));
  EXPECT_THAT(same_key_twice.Open(kContext, blob), Not(IsOk()));
}

// The reason for the fixed size of the tag: this library takes one byte of it for all of it.
TEST(OpenSsl, AcceptsATagOfOneByte) {
  const std::string key(32, 'k');
  const std::string nonce(12, 'n');
  unsigned char text[4] = {'t', 'e', 'x', 't'};
  unsigned char tag[16];
  int size = 0;
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  const auto* const key_bytes = reinterpret_cast<const unsigned char*>(key.data());
  const auto* const nonce_bytes = reinterpret_cast<const unsigned char*>(nonce.data());
  EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key_bytes, nonce_bytes);
  EVP_EncryptUpdate(context, text, &size, text, 4);
  EVP_EncryptFinal_ex(context, text + size, &size);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag);
  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key_bytes, nonce_bytes);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 1, tag), 1);
  EVP_DecryptUpdate(context, text, &size, text, 4);
  EXPECT_EQ(EVP_DecryptFinal_ex(context, text + size, &size), 1);
  EVP_CIPHER_CTX_free(context);
}

}  // namespace
}  // namespace playlog::auth
