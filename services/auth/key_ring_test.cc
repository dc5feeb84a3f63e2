#include "services/auth/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Base64(const std::string& bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();
  return text;
}

std::string Ring(const std::string& key) {
  return absl::StrCat(R"({"primary":1,"keys":[{"id":1,"key":")", key, R"("}]})");
}

TEST(KeyRing, ReadsAPrimaryAndOlderKeys) {
  const std::string first = RandomBytes(32);
  const std::string second = RandomBytes(32);
  const absl::StatusOr<KeyRing> ring = KeyRing::Parse(
      Secret(absl::StrCat(R"({ "primary" : 7, "keys" : [{"id":4294967295,"key":")", Base64(first),
                          R"("}, {"key":")", Base64(second), R"(","id":7}]})", "\n")));
  ASSERT_THAT(ring, IsOk());
  EXPECT_EQ(ring->primary(), 7U);
  EXPECT_EQ(ring->Find(7)->Reveal(), second);
  EXPECT_EQ(ring->Find(4294967295)->Reveal(), first);
  EXPECT_EQ(ring->Find(1), nullptr);
}

TEST(KeyRing, RefusesShortAndWeakKeysWithoutShowingThem) {
  for (const std::string& key :
       {std::string(), std::string("secret"), RandomBytes(31), RandomBytes(33), RandomBytes(16),
        std::string(32, '\0'), std::string(32, '\xff'),
        std::string("this is a pass phrase, not a key")}) {
    const absl::StatusOr<KeyRing> ring = KeyRing::Parse(Secret(Ring(Base64(key))));
    EXPECT_THAT(ring, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(std::string(ring.status().message()), Not(HasSubstr("pass phrase")));
  }
}

TEST(KeyRing, RefusesOtherSpellingsOfAKey) {
  std::string key = Base64(RandomBytes(32));
  EXPECT_THAT(KeyRing::Parse(Secret(Ring(key))), IsOk());
  EXPECT_THAT(KeyRing::Parse(Secret(Ring(key + " "))), Not(IsOk()));
  EXPECT_THAT(KeyRing::Parse(Secret(Ring(key + "AAAA"))), Not(IsOk()));
  key.pop_back();
  EXPECT_THAT(KeyRing::Parse(Secret(Ring(key))), Not(IsOk()));
}

TEST(KeyRing, RefusesOtherShapes) {
  const std::string key = Base64(RandomBytes(32));
  const std::string entry = absl::StrCat(R"({"id":1,"key":")", key, R"("})");
  std::string many;
  for (int i = 1; i <= 17; ++i) {
    absl::StrAppend(&many, i == 1 ? "" : ",", R"({"id":)", i, R"(,"key":")", key, R"("})");
  }
  for (const std::string& text :
       {std::string("secret"), std::string("{}"), std::string("[]"), std::string("null"), key,
        absl::StrCat(R"({"primary":2,"keys":[)", entry, "]}"),
        absl::StrCat(R"({"primary":"1","keys":[)", entry, "]}"),
        absl::StrCat(R"({"primary":1,"keys":[)", entry, ",", entry, "]}"),
        absl::StrCat(R"({"primary":1,"keys":)", entry, "}"),
        absl::StrCat(R"({"primary":1,"more":1,"keys":[)", entry, "]}"),
        absl::StrCat(R"({"keys":[)", entry, "]}"), std::string(R"({"primary":1,"keys":[]})"),
        absl::StrCat(R"({"primary":0,"keys":[{"id":0,"key":")", key, R"("}]})"),
        absl::StrCat(R"({"primary":1,"keys":[)", many, "]}"),
        absl::StrCat(R"({"primary":4294967296,"keys":[{"id":4294967296,"key":")", key, R"("}]})"),
        std::string(R"({"primary":1,"keys":[{"id":1}]})"),
        std::string(R"({"primary":1,"keys":[{"id":1,"key":1}]})"), std::string(20'000, '[')}) {
    EXPECT_THAT(KeyRing::Parse(Secret(text)), StatusIs(absl::StatusCode::kFailedPrecondition))
        << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace playlog::auth
