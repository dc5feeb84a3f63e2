#ifndef PLAYLOG_TESTS_BENCH_MEMORY_H_
#define PLAYLOG_TESTS_BENCH_MEMORY_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tests/harness/stack.h"

namespace playlog::bench {

// Our five processes, by service.
std::map<std::string, pid_t> ServicesOf(const harness::Stack& stack);

// The peak of each process's resident memory over its resident memory at the beginning.
class MemoryGrowth {
 public:
  // `processes` by the names by which they are told.
  explicit MemoryGrowth(std::map<std::string, pid_t> processes);

  // The largest growth so far and whose it is. Throws std::runtime_error if a process has gone.
  std::pair<double, std::string> LargestMib() const;

 private:
  const std::map<std::string, pid_t> processes_;
  std::map<std::string, std::int64_t> before_;
};

// The proportional set size of a process: its own pages, and its share of those that it has in
// common with others. Nothing if the kernel does not tell, which takes root's rights.
std::optional<double> PssMib(pid_t process);

// The distinct pages that processes have in memory, together. It is the sum of their proportional
// set sizes on a machine where nobody else maps the same libraries. Nothing if the kernel does not
// tell which pages they are, which takes root's rights.
std::optional<double> TogetherMib(const std::map<std::string, pid_t>& processes);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_MEMORY_H_
