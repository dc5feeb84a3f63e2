#include "tests/harness/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"

extern char** environ;

namespace playlog::harness {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const Command& command) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "PLAYLOG_")) variables.push_back(*variable);
  }
  variables.insert(variables.end(), command.variables.begin(), command.variables.end());
  return variables;
}

// Between fork and exec only what is safe in a signal handler may be called.
[[noreturn]] void Become(const std::vector<char*>& words, const std::vector<char*>& variables,
                         const char* output, const char* errors, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int flags = O_WRONLY | O_CREAT | O_APPEND;
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(open(output, flags, 0600), STDOUT_FILENO);
  dup2(open(errors, flags, 0600), STDERR_FILENO);
  execve(words[0], words.data(), variables.data());
  _exit(127);
}

}  // namespace

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

ChildProcess::ChildProcess(Command command) : command_(std::move(command)) {
  const std::vector<std::string> variables = Environment(command_);
  const std::vector<char*> words = Pointers(command_.words);
  const std::vector<char*> variable_pointers = Pointers(variables);
  const std::string output = output_path();
  const std::string errors = error_path();
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) Become(words, variable_pointers, output.c_str(), errors.c_str(), parent);
  if (pid_ < 0) {
    std::fprintf(stderr, "cannot start %s: %s\n", name().c_str(), std::strerror(errno));
    std::abort();
  }
}

ChildProcess::~ChildProcess() {
  if (ExitCode().has_value()) return;
  Signal(SIGKILL);
  ExitCode(absl::Seconds(10));
}

std::string ChildProcess::OutputPath(const std::string& directory, const std::string& name) {
  return directory + "/" + name + ".out";
}
std::string ChildProcess::error_path() const { return command_.directory + "/" + name() + ".err"; }

void ChildProcess::Signal(int signal) const {
  if (!exit_code_.has_value()) kill(pid_, signal);
}

std::optional<int> ChildProcess::ExitCode(absl::Duration time) {
  Await(time, [this] {
    if (exit_code_.has_value()) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    dumped_core_ = WIFSIGNALED(status) && WCOREDUMP(status);
    return true;
  });
  return exit_code_;
}

std::int64_t ChildProcess::MemoryKib(const std::string& field) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, field + ":")) return std::atoll(line.c_str() + field.size() + 1);
  }
  return 0;
}

Finished RunToEnd(Command command, absl::Duration time) {
  const absl::Time began = absl::Now();
  ChildProcess process(std::move(command));
  Finished finished;
  const std::optional<int> code = process.ExitCode(time);
  if (!code.has_value()) {
    process.Signal(SIGKILL);
    finished.exit_code = process.ExitCode(absl::Seconds(10)).value_or(-SIGKILL);
  } else {
    finished.exit_code = *code;
  }
  finished.duration = absl::Now() - began;
  finished.output = ReadFile(process.output_path());
  finished.errors = ReadFile(process.error_path());
  return finished;
}

}  // namespace playlog::harness
