#include "common/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace playlog {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(FormatLogLine, WritesFieldsInTheirOrder) {
  EXPECT_THAT(FormatLogLine(Severity::kInfo, "auth", "rpc",
                            {{"method", "Register"}, {"count", 3}, {"ok", true}, {"ms", 1.5}}),
              EndsWith(R"(Z","level":"info","service":"auth","event":"rpc","method":"Register",)"
                       R"("count":3,"ok":true,"ms":1.500})"));
}

TEST(FormatLogLine, CannotBeForgedByWhatIsLogged) {
  const std::string line = FormatLogLine(Severity::kError, "auth", "rpc",
                                         {{"error", "x\nlevel=error msg=\"forged\"\x1b[2J\\"}});
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_THAT(line, EndsWith(R"(x\u000alevel=error msg=\"forged\"\u001b[2J\\"})"));
}

TEST(FormatLogLine, EscapesC1ControlsAndKeepsOtherText) {
  const std::string line = FormatLogLine(Severity::kInfo, "a", "e",
                                         {{"text",
                                           "caf\xC3\xA9 \xC2\x9B"
                                           "31m \xC2\xA9"}});
  EXPECT_THAT(line, HasSubstr("caf\xC3\xA9 \\u009b31m \xC2\xA9"));
}

TEST(FormatLogLine, ShowsBytesThatAreNoText) {
  EXPECT_THAT(FormatLogLine(Severity::kInfo, "a", "e", {{"text", "\xFF\xC2"}}),
              HasSubstr(R"("\u00ff\u00c2")"));
}

TEST(FormatLogLine, CutsLongTexts) {
  EXPECT_LT(FormatLogLine(Severity::kInfo, "a", "e", {{"text", std::string(100'000, 'x')}}).size(),
            3000u);
}

TEST(FormatLogLine, WritesNoNumberThatJsonDoesNotHave) {
  EXPECT_THAT(
      FormatLogLine(Severity::kInfo, "a", "e", {{"n", std::numeric_limits<double>::infinity()}}),
      EndsWith("\"n\":null}"));
  EXPECT_THAT(FormatLogLine(Severity::kInfo, "a", "e", {}), StartsWith("{\"time\":\"2"));
}

}  // namespace
}  // namespace playlog
