// The verification of access tokens in the gateway, measured by a program of its own.

#include <boost/json.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/world.h"
#include "tests/harness/child_process.h"

namespace playlog::bench {
namespace {

namespace json = boost::json;

constexpr char kScenario[] = "tokens";
constexpr absl::Duration kTime = absl::Minutes(2);

// What --benchmark_format=json prints of the repetitions of every benchmark.
json::array RunBenchmark(World& world) {
  const harness::Finished finished = harness::RunToEnd(
      {.name = "token_benchmark",
       .words = {PLAYLOG_TOKEN_BENCHMARK, "--benchmark_format=json", "--benchmark_min_time=0.3",
                 absl::StrCat("--benchmark_repetitions=", world.options().pairs)},
       .variables = {},
       .directory = world.stack().directory()},
      kTime);
  if (finished.exit_code != 0) {
    throw std::runtime_error(absl::StrCat("the benchmark of tokens ended with ", finished.exit_code,
                                          ": ", finished.errors));
  }
  return json::parse(finished.output).at("benchmarks").as_array();
}

// The microseconds of processor time of each repetition of one benchmark: what a token costs, which
// whoever else runs on the machine does not change.
std::vector<double> Microseconds(const json::array& runs, const std::string& name) {
  std::vector<double> values;
  for (const json::value& run : runs) {
    if (run.at("name").as_string() != name || run.at("run_type").as_string() != "iteration") {
      continue;
    }
    if (run.at("time_unit").as_string() != "ns") throw std::runtime_error("not nanoseconds");
    values.push_back(run.at("cpu_time").to_number<double>() / 1e3);
  }
  if (values.empty()) throw std::runtime_error("no result of " + name);
  return values;
}

Row MakeRow(const std::string& what, const std::vector<double>& microseconds, double floor) {
  const double median = Median(microseconds);
  return {.scenario = kScenario,
          .what = what,
          .unit = "us",
          .ours = median,
          .judged = median,
          .judged_unit = "us",
          .limits = {.bound = Bound::kAtMost, .floor = floor},
          .ours_values = microseconds};
}

}  // namespace

void MeasureTokens(World& world, Report& report) {
  std::cerr << kScenario << "\n";
  const json::array runs = RunBenchmark(world);
  report.Add(MakeRow("verify a token seen before", Microseconds(runs, "BM_VerifySeenToken"), 5));
  report.Add(MakeRow("verify a token not seen", Microseconds(runs, "BM_VerifyNewToken"), 150));
}

}  // namespace playlog::bench
