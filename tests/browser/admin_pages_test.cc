// The admin pages in Chromium, over the real services and the stand-ins. This program starts them
// and makes the staff; what the browser does and sees stands in all.mjs and the modules beside it.

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

// The modules bound each wait themselves; this ends a browser that hangs.
constexpr absl::Duration kPatience = absl::Minutes(10);

std::string FindProgram(const std::string& name) {
  const char* const path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path != nullptr ? path : "", ':')) {
    std::string program = absl::StrCat(folder, "/", name);
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

// What is needed and not here, in words; empty if all is.
std::string Missing() {
  if (FindProgram("node").empty()) return "node is not installed";
  if (FindProgram("chromium").empty()) return "chromium is not installed";
  for (const char* module : {"playwright-core", "axe-core"}) {
    const std::string folder = absl::StrCat(PLAYLOG_NPM_MODULES, "/", module);
    if (!std::filesystem::exists(folder)) return folder + " is not there; npm puts it there";
  }
  return "";
}

class AdminPagesTest : public EndToEndTest {
 protected:
  static void SetUpTestSuite() {
    StackOptions options;
    options.standin_flags = {"--draw_art"};
    SetOptions(options);
  }
  void SetUp() override {
    const std::string missing = Missing();
    if (missing.empty()) return;
    const char* const ci = std::getenv("CI");
    ASSERT_TRUE(ci == nullptr || *ci == '\0') << missing << ", which must not be in CI";
    GTEST_SKIP() << missing;
  }

  static User NewStaff() {
    User staff = api().NewUser();
    stack().database().Execute(
        absl::StrCat("UPDATE auth.users SET staff = true WHERE id = ", staff.id));
    return staff;
  }
};

TEST_F(AdminPagesTest, WorkInARealBrowser) {
  const User staff = NewStaff();
  const Finished finished = RunToEnd(
      {"browser",
       {FindProgram("node"), PLAYLOG_BROWSER_TESTS},
       {absl::StrCat("PLAYLOG_TEST_GATEWAY=http://127.0.0.1:", stack().http_port()),
        absl::StrCat("PLAYLOG_TEST_STANDINS=http://127.0.0.1:", stack().standins_port()),
        "PLAYLOG_TEST_STAFF_NAME=" + staff.name, "PLAYLOG_TEST_STAFF_PASSWORD=" + staff.password,
        "PLAYLOG_TEST_CHROMIUM=" + FindProgram("chromium"),
        absl::StrCat("PLAYLOG_TEST_NPM_MODULES=", PLAYLOG_NPM_MODULES),
        absl::StrCat("PLAYLOG_TEST_SCREENSHOTS=", PLAYLOG_SCREENSHOTS),
        // Where a browser wants to write beside its profile.
        "HOME=" + stack().directory()},
       stack().directory()},
      kPatience);
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.errors;
  // An end without a report would be no success.
  EXPECT_THAT(finished.output, HasSubstr("fail 0\n")) << finished.errors;
  RecordProperty("seconds", static_cast<int>(absl::ToDoubleSeconds(finished.duration)));
}

}  // namespace
}  // namespace playlog::harness
