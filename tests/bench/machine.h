#ifndef PLAYLOG_TESTS_BENCH_MACHINE_H_
#define PLAYLOG_TESTS_BENCH_MACHINE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/harness/child_process.h"

namespace playlog::bench {

// Where and of what a figure was measured.
struct Machine {
  std::string description;  // Cores, processor, memory and kernel.
  // The load averages of 1, 5 and 15 minutes: figures are of a machine that does nothing else.
  std::string load;
  std::string commit;                           // With `-dirty` behind it where files were changed.
  std::map<std::string, std::string> packages;  // Debian's, by name.
};

// `directory` takes the output of the programs that are asked.
Machine DescribeMachine(const std::string& directory);

// Runs a program to its end; its path comes first. `variables` are NAME=value. From the main
// thread.
harness::Finished RunProgram(const std::string& directory, std::vector<std::string> words,
                             absl::Duration time, std::vector<std::string> variables = {});

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_MACHINE_H_
