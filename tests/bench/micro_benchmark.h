#ifndef PLAYLOG_TESTS_BENCH_MICRO_BENCHMARK_H_
#define PLAYLOG_TESTS_BENCH_MICRO_BENCHMARK_H_

#include <string>
#include <vector>

#include <boost/json.hpp>

namespace playlog::bench {

// The results of a program of Google Benchmark.
class MicroBenchmark {
 public:
  // Runs every benchmark of the program so often, in turn with each other, so that what the machine
  // does besides hits all alike. From the main thread. Throws std::runtime_error if it fails.
  MicroBenchmark(const std::string& program, int repetitions);

  // Of each repetition of a benchmark, in their order. Both are of the processor's time, which
  // whoever else runs on the machine changes least. Throws std::runtime_error if it was not run.
  std::vector<double> Microseconds(const std::string& name) const;
  std::vector<double> MegabytesPerSecond(const std::string& name) const;

 private:
  std::vector<double> Values(const std::string& name, const char* member, double factor) const;

  boost::json::array runs_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_MICRO_BENCHMARK_H_
