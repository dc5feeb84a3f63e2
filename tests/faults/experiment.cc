#include "tests/faults/experiment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace playlog::faults {
namespace {

constexpr int kSliceSlack = 3;

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int RunsToMake(const Runs& runs) {
  const std::string wanted = Variable("PLAYLOG_FAULTS");
  if (wanted.empty()) return runs.slice;
  int number = 0;
  return absl::SimpleAtoi(wanted, &number) ? number : runs.gate;
}

std::uint32_t SeedToUse() {
  std::uint32_t seed = 0;
  return absl::SimpleAtoi(Variable("PLAYLOG_FAULTS_SEED"), &seed) ? seed : std::random_device()();
}

}  // namespace

Experiment::Experiment(std::string promise, const Runs& runs)
    : promise_(std::move(promise)),
      is_slice_(Variable("PLAYLOG_FAULTS").empty()),
      runs_(RunsToMake(runs)),
      seed_(SeedToUse()),
      began_(absl::Now()),
      random_(seed_) {
  ::testing::Test::RecordProperty("seed", absl::StrCat(seed_));
}

Experiment::~Experiment() {
  EXPECT_GE(faults_, runs_) << "seed " << seed_ << ": a run without its fault proves nothing";
  const std::string line = absl::StrFormat(
      "| %s | %s | %s | %d | %d | %d | %d / %d / %d | %d | %d | %d | %s | %.1f | %.0f |",
      absl::FormatTime("%Y-%m-%d %H:%M", began_, absl::UTCTimeZone()),
      Variable("PLAYLOG_FAULTS_COMMIT").empty() ? "-" : Variable("PLAYLOG_FAULTS_COMMIT"), promise_,
      seed_, runs_, faults_, sum_.ok, sum_.failed, sum_.unknown, lost_, invented_,
      doubled_or_altered_, ::testing::Test::HasFailure() ? "FAILED" : "held",
      absl::ToDoubleSeconds(longest_), absl::ToDoubleSeconds(absl::Now() - began_));
  std::printf("%s\n", line.c_str());
  if (const std::string path = Variable("PLAYLOG_FAULTS_RECORD"); !path.empty()) {
    std::ofstream(path, std::ios::app) << line << "\n";
  }
}

void Experiment::Judge(const Findings& findings) {
  sum_.ok += findings.ok;
  sum_.failed += findings.failed;
  sum_.unknown += findings.unknown;
  lost_ += static_cast<int>(findings.lost.size());
  invented_ += static_cast<int>(findings.invented.size());
  doubled_or_altered_ += static_cast<int>(findings.doubled.size() + findings.altered.size());
  EXPECT_TRUE(findings.clean()) << "seed " << seed_ << ": " << findings.Text();
}

void Experiment::Measure(absl::Duration took, absl::Duration limit) {
  longest_ = std::max(longest_, took);
  EXPECT_LE(took, is_slice_ ? limit * kSliceSlack : limit) << "seed " << seed_;
}

}  // namespace playlog::faults
