// The gateway's writing and reading of JSON, measured by a program of its own.

#include <iostream>
#include <string>
#include <vector>

#include "tests/bench/micro_benchmark.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "json";

Row MakeRow(const MicroBenchmark& benchmark, const std::string& what, const std::string& ours,
            const std::string& against, const std::string& peers) {
  Row row{.scenario = kScenario,
          .what = what,
          .unit = "MB/s",
          .ours = benchmark.MegabytesPerSecond(ours),
          .against = against,
          .peers = benchmark.MegabytesPerSecond(peers)};
  row.judged = Ratios(row.ours, row.peers);
  return row;
}

}  // namespace

void MeasureJson(const Options& options, Report& report) {
  std::cerr << kScenario << "\n";
  const MicroBenchmark benchmark(PLAYLOG_JSON_BENCHMARK, options.pairs);
  Row answer = MakeRow(benchmark, "50 songs written", "BM_WriteAnswer", "MessageToJsonString",
                       "BM_WriteAnswerByProtobuf");
  answer.target = Target::AtLeast(8);
  report.Add(answer);
  report.Add(MakeRow(benchmark, "50 songs written", "BM_WriteAnswer",
                     "MessageToJsonString and parsing", "BM_ParseAndWriteAnswerByProtobuf"));
  report.Add(MakeRow(benchmark, "50 songs written", "BM_WriteAnswer", "memcpy", "BM_CopyAnswer"));
  report.Add(MakeRow(benchmark, "a body of 50 plays read", "BM_ReadBody", "memcpy", "BM_CopyBody"));
}

}  // namespace playlog::bench
