#include "services/auth/users.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using namespace std::string_literals;

TEST(Username, AcceptsAsciiLettersDigitsAndFiveSigns) {
  for (const std::string& name :
       {"a"s, "A"s, "0"s, "@.+-_"s, "listener@example.org"s, std::string(150, 'n')}) {
    EXPECT_THAT(CheckUsername(name), IsOk()) << name;
  }
}

TEST(Username, RefusesEverythingElse) {
  for (const std::string& name :
       {""s, " "s, "a b"s, "a\0b"s, "a\n"s, "a\x7f"s, "é"s, "\u202Eabc"s, "a/b"s, "' OR 1=1;--"s,
        "$1"s, "%s%n"s, "${jndi:x}"s, "{{7*7}}"s, "<script>"s, std::string(151, 'n')}) {
    const absl::Status status = CheckUsername(name);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << name;
    EXPECT_EQ(FieldOf(status), "username");
  }
}

TEST(Username, IsComparedWithoutCase) {
  EXPECT_EQ(FoldUsername("Ab.C@Z"), "ab.c@z");
  EXPECT_EQ(FoldUsername("a_b"), "a_b");
}

TEST(Password, HasEightTo128Characters) {
  EXPECT_FALSE(HasPasswordLength(std::string(7, 'p')));
  EXPECT_TRUE(HasPasswordLength(std::string(8, 'p')));
  EXPECT_TRUE(HasPasswordLength(std::string(128, 'p')));
  EXPECT_FALSE(HasPasswordLength(std::string(129, 'p')));
  EXPECT_FALSE(HasPasswordLength(""));
  EXPECT_FALSE(HasPasswordLength(std::string(900'000, 'p')));
  EXPECT_EQ(FieldOf(CheckPasswordLength("new", "short")), "new");
}

TEST(Password, IsCountedInCharactersNotBytes) {
  std::string emoji;
  for (int i = 0; i < 7; ++i) emoji += "\U0001F3B5";
  EXPECT_FALSE(HasPasswordLength(emoji));
  emoji += "\U0001F3B5";
  EXPECT_TRUE(HasPasswordLength(emoji));
  while (emoji.size() < 128 * 4) emoji += "\U0001F3B5";
  EXPECT_TRUE(HasPasswordLength(emoji));
  EXPECT_FALSE(HasPasswordLength(emoji + "\U0001F3B5"));
}

TEST(Password, MustBeUtf8) { EXPECT_FALSE(HasPasswordLength("\xff\xfe passwords")); }

TEST(Password, IsRefusedIfEasilyGuessed) {
  for (const char* const password :
       {"password1",  "qwerty123", "iloveyou",   "12345678",   "123456789", "password",
        "football",   "baseball",  "superman",   "princess",   "trustno1",  "passw0rd",
        "Password1!", "sunshine",  "qwertyuiop", "1q2w3e4r",   "letmein1",  "aaaaaaaa",
        "abcdefgh",   "jennifer",  "11111111",   "michelle",   "corvette",  "mercedes",
        "computer",   "maverick",  "blink182",   "liverpool1", "monkey123", "dragon12",
        "starwars",   "hunter22",  "20012001",   "playlog1",   "Spotify1",  "lastfm123"}) {
    EXPECT_THAT(CheckPasswordStrength("someone", password),
                ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD))
        << password;
  }
}

TEST(Password, IsRefusedIfItIsOneOfThoseThatEverybodyTries) {
  // An estimate by patterns takes these for good; people have used them all the same.
  for (const char* const password :
       {"q1w2e3r4t5", "4815162342", "qweasdzxc", "1029384756", "123qweasdzxc", "bigpimpin1",
        "komputer", "Grenouille", "FKTRCFYLH", "qpwoeiruty", "3qdlqb49js", "1q2w3e4r5t6y7u8i9o",
        "tequiero", "zacefron"}) {
    EXPECT_THAT(CheckPasswordStrength("someone", password),
                ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD))
        << password;
  }
}

TEST(Password, IsRefusedIfItIsTheName) {
  EXPECT_THAT(CheckPasswordStrength("vinylcollector77", "vinylcollector77"),
              ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD));
  EXPECT_THAT(CheckPasswordStrength("vinylcollector77", "VinylCollector77"),
              ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD));
  EXPECT_THAT(CheckPasswordStrength("someone", "vinylcollector77"), IsOk());
}

TEST(Password, NeedsNoSpecialCharactersToBeGood) {
  for (const std::string& password :
       {"correct horse battery staple"s, "purple-otter-77"s, "gondola7river"s, "kJ8#mq2z"s,
        "eine lange nacht"s, "пароль из пяти слов"s, "\U0001F3B5\U0001F3B8 trailing space "s,
        "a\0 word after NUL 42"s}) {
    EXPECT_THAT(CheckPasswordStrength("someone", password), IsOk()) << password;
  }
}

}  // namespace
}  // namespace playlog::auth
