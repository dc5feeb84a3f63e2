#include "common/db/param.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace playlog::db {
namespace {

TEST(Param, SpellsValuesAsPostgresReadsThem) {
  EXPECT_EQ(Param(true).value(), "t");
  EXPECT_EQ(Param(-7).value(), "-7");
  EXPECT_EQ(Param(std::int64_t{1} << 62).value(), "4611686018427387904");
  EXPECT_EQ(Param("text").value(), "text");
  EXPECT_EQ(Param(Bytes{std::string_view("\0\xFF", 2)}).value(), "\\x00ff");
  EXPECT_EQ(Param(absl::FromUnixMicros(1'500)).value(), "1970-01-01T00:00:00.001500Z");
  EXPECT_TRUE(Param(nullptr).null());
  EXPECT_TRUE(Param(std::optional<int>()).null());
  EXPECT_EQ(Param(std::optional<int>(3)).value(), "3");
  EXPECT_FALSE(Param(std::optional<std::string>("")).null());
}

TEST(Param, RefusesWhatPostgresCannotStore) {
  EXPECT_FALSE(Param(std::string_view("a\0b", 3)).valid());
  EXPECT_FALSE(Param("\xC3").valid());
  EXPECT_FALSE(Param("\xED\xA0\x80").valid());
  EXPECT_FALSE(Param(std::optional<std::string>("\xFF")).valid());
  EXPECT_FALSE(Param(absl::InfiniteFuture()).valid());
  EXPECT_FALSE(Param(absl::FromCivil(absl::CivilYear(0), absl::UTCTimeZone())).valid());
  EXPECT_TRUE(Param(Bytes{std::string_view("a\0b", 3)}).valid());
  EXPECT_TRUE(Param("\xC3\xA9").valid());
}

TEST(Array, QuotesWhatWouldBeMisread) {
  Array array;
  array.Add("plain");
  array.Add("");
  array.Add("NULL");
  array.AddNull();
  array.Add("a\"b\\c,{d}");
  EXPECT_EQ(array.size(), 5U);
  EXPECT_EQ(Param(std::move(array)).value(), R"({"plain","","NULL",NULL,"a\"b\\c,{d}"})");
}

TEST(Array, TakesEveryType) {
  Array array;
  array.Add(1);
  array.Add(true);
  array.Add(Bytes{"\x01"});
  array.Add(absl::UnixEpoch());
  array.Add(std::optional<bool>(false));
  array.Add(std::optional<bool>());
  EXPECT_EQ(Param(std::move(array)).value(), R"({1,t,"\\x01","1970-01-01T00:00:00Z",f,NULL})");
  EXPECT_EQ(Param(Array()).value(), "{}");
}

TEST(Array, IsInvalidWithOneInvalidElement) {
  Array array;
  array.Add("good");
  array.Add(std::string_view("\0", 1));
  EXPECT_FALSE(Param(std::move(array)).valid());
}

}  // namespace
}  // namespace playlog::db
