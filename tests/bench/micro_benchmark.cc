#include "tests/bench/micro_benchmark.h"

#include <cstdint>
#include <map>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/testing/temporary_directory.h"
#include "tests/bench/machine.h"

namespace playlog::bench {
namespace {

namespace json = boost::json;

constexpr absl::Duration kTime = absl::Minutes(3);

}  // namespace

MicroBenchmark::MicroBenchmark(const std::string& program, int repetitions) {
  const testing::TemporaryDirectory directory;
  const harness::Finished finished =
      RunProgram(directory.path(),
                 {program, "--benchmark_format=json", "--benchmark_min_time=0.3",
                  "--benchmark_enable_random_interleaving=true",
                  absl::StrCat("--benchmark_repetitions=", repetitions)},
                 kTime);
  if (finished.exit_code != 0) {
    throw std::runtime_error(
        absl::StrCat(program, " ended with ", finished.exit_code, ": ", finished.errors));
  }
  runs_ = json::parse(finished.output).at("benchmarks").as_array();
}

std::vector<double> MicroBenchmark::Values(const std::string& name, const char* member,
                                           double factor) const {
  std::map<std::int64_t, double> values;  // By the repetition, whose order is random.
  for (const json::value& run : runs_) {
    if (run.at("name").as_string() != name || run.at("run_type").as_string() != "iteration") {
      continue;
    }
    if (run.at("time_unit").as_string() != "ns") throw std::runtime_error("not nanoseconds");
    values[run.at("repetition_index").to_number<std::int64_t>()] =
        run.at(member).to_number<double>() * factor;
  }
  if (values.empty()) throw std::runtime_error("no result of " + name);
  std::vector<double> in_order;
  for (const auto& [repetition, value] : values) in_order.push_back(value);
  return in_order;
}

std::vector<double> MicroBenchmark::Microseconds(const std::string& name) const {
  return Values(name, "cpu_time", 1e-3);
}

std::vector<double> MicroBenchmark::MegabytesPerSecond(const std::string& name) const {
  return Values(name, "bytes_per_second", 1e-6);
}

}  // namespace playlog::bench
