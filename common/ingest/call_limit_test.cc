#include "common/ingest/call_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::StatusIs;
using ::testing::ElementsAre;

TEST(ParseCallLimits, ReadsOneAndSeveral) {
  EXPECT_THAT(ParseCallLimits("100/3600"),
              IsOkAndHolds(ElementsAre(CallLimit{100, absl::Hours(1)})));
  EXPECT_THAT(
      ParseCallLimits("5/1,300/60"),
      IsOkAndHolds(ElementsAre(CallLimit{5, absl::Seconds(1)}, CallLimit{300, absl::Minutes(1)})));
  EXPECT_THAT(ParseCallLimits("1000000/86400"),
              IsOkAndHolds(ElementsAre(CallLimit{1'000'000, absl::Hours(24)})));
}

TEST(ParseCallLimits, RefusesEverythingElse) {
  for (const char* text : {"",
                           ",",
                           "5",
                           "5/",
                           "/1",
                           "5/1/1",
                           "5/1,",
                           "0/1",
                           "5/0",
                           "-5/1",
                           "5/-1",
                           "+5/1",
                           " 5/1",
                           "5 /1",
                           "5/1.5",
                           "5/1s",
                           "1000001/1",
                           "1/86401",
                           "99999999999/1",
                           "1/1,1/1,1/1,1/1,1/1"}) {
    EXPECT_THAT(ParseCallLimits(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace playlog::ingest
