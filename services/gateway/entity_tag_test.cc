#include "services/gateway/entity_tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace playlog::gateway {
namespace {

NoneMatch Compare(const std::vector<std::string>& fields) {
  HttpHeaders headers = {{"accept", "\"mine\""}};
  for (const std::string& field : fields) headers.emplace_back("if-none-match", field);
  return CompareEntityTag(headers, "\"mine\"");
}

TEST(MakeEntityTag, IsAQuotedTextThatFollowsTheKeyAndTheRevision) {
  const std::string tag = MakeEntityTag("7/a\nq", 12);
  EXPECT_THAT(tag, ::testing::MatchesRegex("\"[-_0-9A-Za-z]+\""));
  EXPECT_EQ(tag, MakeEntityTag("7/a\nq", 12));
  const std::set<std::string> tags = {tag, MakeEntityTag("7/a\nq", 13), MakeEntityTag("8/a\nq", 12),
                                      MakeEntityTag("7/a\nr", 12), MakeEntityTag("", 0)};
  EXPECT_EQ(tags.size(), 5U);
}

TEST(CompareEntityTag, TellsTheSameFromAnother) {
  EXPECT_EQ(Compare({}), NoneMatch::kAbsent);
  EXPECT_EQ(Compare({"\"mine\""}), NoneMatch::kSame);
  EXPECT_EQ(Compare({"\"other\""}), NoneMatch::kOther);
  EXPECT_EQ(Compare({"\"MINE\""}), NoneMatch::kOther);
  EXPECT_EQ(Compare({"*"}), NoneMatch::kAny);
}

TEST(CompareEntityTag, ComparesWeakly) { EXPECT_EQ(Compare({"W/\"mine\""}), NoneMatch::kSame); }

TEST(CompareEntityTag, LooksThroughLists) {
  EXPECT_EQ(Compare({"\"a\", \"mine\""}), NoneMatch::kSame);
  EXPECT_EQ(Compare({" \"a\",W/\"b\" ,\t\"mine\" "}), NoneMatch::kSame);
  EXPECT_EQ(Compare({"\"a, b\", , \"mine\""}), NoneMatch::kSame);
  EXPECT_EQ(Compare({"\"a\"", "\"mine\""}), NoneMatch::kSame);
  EXPECT_EQ(Compare({"\"a\", \"b\""}), NoneMatch::kOther);
  EXPECT_EQ(Compare({"\"a,mine\""}), NoneMatch::kOther);
}

TEST(CompareEntityTag, TakesNothingFromAMalformedField) {
  for (const char* field : {"", ",", "mine", "\"mine", "w/\"mine\"", "W/", "mine\"", "'mine'"}) {
    EXPECT_EQ(Compare({field}), NoneMatch::kAbsent) << field;
  }
  EXPECT_EQ(Compare({"\"a\" \"mine\""}), NoneMatch::kOther);
}

}  // namespace
}  // namespace playlog::gateway
