// The verification of access tokens in the gateway, measured by a program of its own.

#include <iostream>
#include <string>
#include <vector>

#include "tests/bench/micro_benchmark.h"
#include "tests/bench/scenarios.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "tokens";

Row MakeRow(const std::string& what, const std::vector<double>& microseconds, double most) {
  return {.scenario = kScenario,
          .what = what,
          .unit = "us",
          .ours = microseconds,
          .judged = microseconds,
          .judged_unit = "us",
          .target = Target::AtMost(most)};
}

}  // namespace

void MeasureTokens(const Options& options, Report& report) {
  std::cerr << kScenario << "\n";
  const MicroBenchmark benchmark(PLAYLOG_TOKEN_BENCHMARK, options.pairs);
  report.Add(
      MakeRow("verify a token seen before", benchmark.Microseconds("BM_VerifySeenToken"), 5));
  report.Add(MakeRow("verify a token not seen", benchmark.Microseconds("BM_VerifyNewToken"), 150));
}

}  // namespace playlog::bench
