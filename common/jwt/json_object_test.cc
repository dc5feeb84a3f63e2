#include "common/jwt/json_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace playlog::jwt {
namespace {

using ::testing::ElementsAre;
using ::testing::VariantWith;

TEST(JsonObject, KeepsTextsIntegersAndListsOfTexts) {
  const auto object = ParseJsonObject(
      R"({"a":"x\ny","b":-5,"c":["p","q"],"d":[],"e":1.5,"f":null,"g":{"a":["z"]},"h":["p",1]})");
  ASSERT_TRUE(object.has_value());
  EXPECT_THAT(object->at("a"), VariantWith<std::string>("x\ny"));
  EXPECT_THAT(object->at("b"), VariantWith<std::int64_t>(-5));
  EXPECT_THAT(object->at("c"), VariantWith<std::vector<std::string>>(ElementsAre("p", "q")));
  EXPECT_THAT(object->at("d"), VariantWith<std::vector<std::string>>(ElementsAre()));
  for (const char* const other : {"e", "f", "g", "h"}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(object->at(other))) << other;
  }
}

TEST(JsonObject, IsNotMisledByListsWithinLists) {
  const auto object = ParseJsonObject(R"({"a":[["x"],"y"],"b":[1,"y"],"c":[{"k":"v"},"y"]})");
  ASSERT_TRUE(object.has_value());
  for (const auto& [key, value] : *object) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(value)) << key;
  }
}

TEST(JsonObject, RefusesWhatIsNotOneObject) {
  for (const std::string text : {"",
                                 " ",
                                 "null",
                                 "1",
                                 "\"a\"",
                                 "[]",
                                 "[{}]",
                                 "{",
                                 "{}{}",
                                 "{} x",
                                 "{\"a\":1,}",
                                 "{'a':1}",
                                 "{a:1}",
                                 "{\"a\":01}",
                                 "{\"a\":NaN}",
                                 "{/**/}",
                                 "\xef\xbb\xbf{}",
                                 "{\"a\":\"\xff\"}",
                                 "{\"a\":\"\xed\xa0\x80\"}",
                                 "{\"a\":\"\n\"}",
                                 "{\"a\":\"\\ud800\"}",
                                 "{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}"}) {
    EXPECT_FALSE(ParseJsonObject(text).has_value()) << text;
  }
}

TEST(JsonObject, RefusesDuplicateMembersAtAnyDepthAndInAnySpelling) {
  for (const char* const text : {R"({"a":1,"a":1})", R"({"a":1,"\u0061":1})",
                                 R"({"b":{"a":1,"a":2}})", R"({"b":[{"a":1,"a":2}]})"}) {
    EXPECT_FALSE(ParseJsonObject(text).has_value()) << text;
  }
  EXPECT_TRUE(ParseJsonObject(R"({"a":{"a":1},"b":{"a":1}})").has_value());
}

}  // namespace
}  // namespace playlog::jwt
