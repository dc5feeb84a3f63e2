#ifndef PLAYLOG_TESTS_HARNESS_CHILD_PROCESS_H_
#define PLAYLOG_TESTS_HARNESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace playlog::harness {

// What a program is started with.
struct Command {
  std::string name;                    // In messages and as the name of the output files.
  std::vector<std::string> words;      // The program's path and its arguments.
  std::vector<std::string> variables;  // NAME=value, beside those of the test without PLAYLOG_*.
  std::string directory;               // Where <name>.out and <name>.err are appended to.
};

// One run of a program. It dies with the test, however the test ends. Start it from the thread that
// runs the tests: the kernel counts the death of the thread that made a child as its parent's.
class ChildProcess {
 public:
  // Ends the test program with a message if the program cannot be started.
  explicit ChildProcess(Command command);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  const std::string& name() const { return command_.name; }
  pid_t pid() const { return pid_; }
  // The file that the processes of a name in a directory write their standard output to, one after
  // the other.
  static std::string OutputPath(const std::string& directory, const std::string& name);
  std::string output_path() const { return OutputPath(command_.directory, name()); }
  std::string error_path() const;

  void Signal(int signal) const;
  // How it ended: the exit code, or minus the signal's number. Empty while it runs, or if it still
  // runs when the time is over.
  std::optional<int> ExitCode(absl::Duration time = absl::ZeroDuration());
  // Whether the kernel wrote its memory to a core file, or gave it to a handler, when it ended.
  bool dumped_core() const { return dumped_core_; }

  // A value of /proc/<pid>/status in KiB, such as VmRSS or VmHWM; 0 if the process has gone.
  std::int64_t MemoryKib(const std::string& field) const;

 private:
  const Command command_;
  pid_t pid_ = 0;
  std::optional<int> exit_code_;
  bool dumped_core_ = false;
};

// Waits until `condition` holds, looking at it after each step. False if it never did in time.
template <class Condition>
bool Await(absl::Duration time, Condition condition, absl::Duration step = absl::Milliseconds(5)) {
  for (const absl::Time end = absl::Now() + time; !condition();) {
    if (absl::Now() >= end) return false;
    absl::SleepFor(step);
  }
  return true;
}

std::string ReadFile(const std::string& path);

// The program's whole output of a command that is run to its end; the code as ExitCode tells it.
struct Finished {
  int exit_code = 0;
  std::string output;
  std::string errors;
  absl::Duration duration;  // From its start until its end was seen.
};
// Kills the program when the time is over.
Finished RunToEnd(Command command, absl::Duration time);

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_HARNESS_CHILD_PROCESS_H_
