#include "tests/faults/checker.h"

#include <gmock/gmock.h>

#include <string>

#include "common/testing/temporary_directory.h"

namespace playlog::faults {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Play PlayNamed(const std::string& title) { return {.title = title, .artist = "Artist"}; }

std::map<std::string, Play> Truth() {
  return {{"a", PlayNamed("a")}, {"b", PlayNamed("b")}, {"c", PlayNamed("c")}};
}

Operation Asking(Outcome outcome, const std::string& title) {
  Operation operation{.outcome = outcome, .asked = {title}};
  if (outcome == Outcome::kOk) operation.confirmed = {title};
  return operation;
}

TEST(CheckTest, FindsNothingWhereEverythingIsAsItWasTold) {
  const Findings findings = Check(
      {Asking(Outcome::kOk, "a"), Asking(Outcome::kFailed, "b"), Asking(Outcome::kUnknown, "c")},
      Truth(), {PlayNamed("a"), PlayNamed("c")});
  EXPECT_TRUE(findings.clean()) << findings.Text();
  EXPECT_EQ(findings.ok, 1);
  EXPECT_EQ(findings.failed, 1);
  EXPECT_EQ(findings.unknown, 1);
}

TEST(CheckTest, LetsWhatIsUnknownBeAbsent) {
  EXPECT_TRUE(Check({Asking(Outcome::kUnknown, "a")}, Truth(), {}).clean());
}

TEST(CheckTest, NamesWhatIsLost) {
  EXPECT_THAT(Check({Asking(Outcome::kOk, "a")}, Truth(), {}).lost, ElementsAre("a"));
}

TEST(CheckTest, NamesWhatNobodyAskedFor) {
  EXPECT_THAT(Check({}, Truth(), {PlayNamed("a")}).invented, ElementsAre("a"));
  EXPECT_THAT(Check({Asking(Outcome::kOk, "x")}, Truth(), {PlayNamed("x")}).invented,
              ElementsAre("x"));
}

TEST(CheckTest, NamesWhatWasStoredThoughItFailed) {
  EXPECT_THAT(Check({Asking(Outcome::kFailed, "a")}, Truth(), {PlayNamed("a")}).invented,
              ElementsAre("a"));
  // Unless a later operation may have stored it.
  EXPECT_TRUE(Check({Asking(Outcome::kFailed, "a"), Asking(Outcome::kUnknown, "a")}, Truth(),
                    {PlayNamed("a")})
                  .clean());
}

TEST(CheckTest, NamesWhatIsStoredTwiceOrOtherwise) {
  EXPECT_THAT(Check({Asking(Outcome::kOk, "a")}, Truth(), {PlayNamed("a"), PlayNamed("a")}).doubled,
              ElementsAre("a"));
  Play emptied = PlayNamed("a");
  emptied.artist.clear();
  const Findings findings = Check({Asking(Outcome::kOk, "a")}, Truth(), {emptied});
  EXPECT_THAT(findings.altered, ElementsAre("a"));
  EXPECT_THAT(findings.Text(), HasSubstr("1 altered: a"));
}

TEST(LedgerTest, ReadsBackWhatWasWritten) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/ledger";
  {
    Ledger ledger(path);
    ledger.Write({.outcome = Outcome::kOk, .status = 200, .asked = {"a", "b"}, .confirmed = {"b"}});
    ledger.Write({.outcome = Outcome::kUnknown, .status = 0, .asked = {}});
  }
  const std::vector<Operation> operations = Ledger::Read(path);
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(operations[0].outcome, Outcome::kOk);
  EXPECT_EQ(operations[0].status, 200);
  EXPECT_THAT(operations[0].asked, ElementsAre("a", "b"));
  EXPECT_THAT(operations[0].confirmed, ElementsAre("b"));
  EXPECT_EQ(operations[1].outcome, Outcome::kUnknown);
}

}  // namespace
}  // namespace playlog::faults
