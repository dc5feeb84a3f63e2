#include "common/base/time_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace playlog {
namespace {

constexpr std::int64_t kSecond = 1'705'329'000;  // 2024-01-15T14:30:00Z

TEST(FormatRfc3339, WritesAsFewDigitsAsTheValueNeeds) {
  EXPECT_EQ(FormatRfc3339(absl::FromUnixSeconds(kSecond)), "2024-01-15T14:30:00Z");
  EXPECT_EQ(FormatRfc3339(absl::FromUnixMillis(kSecond * 1000 + 120)), "2024-01-15T14:30:00.120Z");
  EXPECT_EQ(FormatRfc3339(absl::FromUnixMicros(kSecond * 1'000'000 + 123'456)),
            "2024-01-15T14:30:00.123456Z");
  EXPECT_EQ(FormatRfc3339(absl::FromUnixSeconds(-1)), "1969-12-31T23:59:59Z");
}

TEST(FormatNaive, HasNoOffset) {
  EXPECT_EQ(FormatNaive(absl::FromUnixSeconds(kSecond)), "2024-01-15T14:30:00");
}

TEST(ParseRfc3339, ReadsInstants) {
  const absl::Time time = absl::FromUnixSeconds(kSecond);
  EXPECT_THAT(ParseRfc3339("2024-01-15T14:30:00Z"), ::testing::Optional(time));
  EXPECT_THAT(ParseRfc3339("2024-01-15T16:30:00+02:00"), ::testing::Optional(time));
  EXPECT_THAT(ParseRfc3339("2024-01-15T00:30:00-14:00"), ::testing::Optional(time));
  EXPECT_THAT(ParseRfc3339("2024-01-15T14:30:00.5Z"),
              ::testing::Optional(time + absl::Milliseconds(500)));
  EXPECT_THAT(ParseRfc3339("2024-01-15T14:30:00.123456789Z"),
              ::testing::Optional(time + absl::Nanoseconds(123'456'789)));
  EXPECT_TRUE(ParseRfc3339("2024-02-29T00:00:00Z").has_value());
}

TEST(ParseRfc3339, RefusesEverythingElse) {
  for (const char* text : {"",
                           "now",
                           "infinity",
                           "2024-13-01T00:00:00Z",
                           "2024-02-30T00:00:00Z",
                           "2023-02-29T00:00:00Z",
                           "2024-00-10T00:00:00Z",
                           "2024-01-15T14:30:00",
                           "2024-01-15T14:30:60Z",
                           "2024-01-15T24:00:00Z",
                           "2024-01-15 14:30:00Z",
                           "2024-01-15T14:30:00.Z",
                           "2024-01-15T14:30:00.1234567890Z",
                           "2024-01-15T14:30:00+15:00",
                           "2024-01-15T14:30:00+0200",
                           "2024-01-15T14:30Z",
                           "2024-1-15T14:30:00Z",
                           "2024-01-15T14:30:00Zx",
                           "2024-01-15t14:30:00z",
                           "+2024-01-15T14:30:00Z"}) {
    EXPECT_EQ(ParseRfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace playlog
