#include "common/base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace playlog {
namespace {

using ::testing::Optional;

TEST(IsValidUtf8, AcceptsEveryLengthOfSequence) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("plain"));
  EXPECT_TRUE(IsValidUtf8("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8E\xB5"));
  EXPECT_TRUE(IsValidUtf8(std::string_view("a\0b", 3)));
}

TEST(IsValidUtf8, RefusesWhatPostgresqlWouldRefuse) {
  for (const char* bytes :
       {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "ok\xC3"}) {
    EXPECT_FALSE(IsValidUtf8(bytes)) << ::testing::PrintToString(bytes);
  }
}

TEST(CountCodePoints, CountsCharactersAndNotBytes) {
  EXPECT_EQ(CountCodePoints("e\xCC\x81"), 2u);
  EXPECT_EQ(CountCodePoints("\xF0\x9F\x8E\xB5"), 1u);
}

TEST(NormalizeNfc, ComposesAndLeavesAsciiAlone) {
  EXPECT_THAT(NormalizeNfc("Beyonce\xCC\x81"), Optional(std::string("Beyonc\xC3\xA9")));
  EXPECT_THAT(NormalizeNfc("Plain"), Optional(std::string("Plain")));
  EXPECT_EQ(NormalizeNfc("\xFF"), std::nullopt);
}

TEST(TrimWhitespace, TakesAwayUnicodeSpacesAtTheEndsAlone) {
  EXPECT_EQ(TrimWhitespace("\t a b \n"), "a b");
  EXPECT_EQ(TrimWhitespace("\xC2\xA0\xE3\x80\x80x\xE2\x80\xA8"), "x");
  EXPECT_EQ(TrimWhitespace(" \xC2\x85 "), "");
  EXPECT_EQ(TrimWhitespace(""), "");
}

TEST(IsPrintableAscii, RefusesWhatWouldEndAGrpcProcess) {
  EXPECT_TRUE(IsPrintableAscii("Bearer abc ~"));
  EXPECT_FALSE(IsPrintableAscii("a\nb"));
  EXPECT_FALSE(IsPrintableAscii("\x7F"));
  EXPECT_FALSE(IsPrintableAscii("\xC3\xA9"));
}

TEST(Base64Url, RoundsEveryLength) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_THAT(Base64UrlDecode(Base64UrlEncode(bytes)), Optional(bytes));
    bytes.push_back(static_cast<char>(i * 37));
  }
  EXPECT_EQ(Base64UrlEncode("\xFB\xFF\xFE"), "-__-");
}

TEST(Base64Url, RefusesOtherSpellings) {
  for (const char* text : {"A", "AA==", "A A", "AA\n", "+/", "AB", "AAB", "\xC3\xA9"}) {
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace playlog
