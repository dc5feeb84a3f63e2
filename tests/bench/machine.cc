#include "tests/bench/machine.h"

#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace playlog::bench {
namespace {

// What the figures depend on.
constexpr const char* kPackages[] = {"g++",
                                     "gunicorn",
                                     "libabsl20220623",
                                     "libbenchmark1debian",
                                     "libboost1.81-dev",
                                     "libcurl4",
                                     "libgrpc++1.51",
                                     "libpq5",
                                     "libpqxx-6.4",
                                     "libprotobuf32",
                                     "libssl3",
                                     "postgresql-15",
                                     "python3",
                                     "python3-django",
                                     "python3-djangorestframework",
                                     "python3-djangorestframework-simplejwt",
                                     "python3-psycopg2"};

// The value behind the first line that begins with the key in a file like /proc/cpuinfo.
std::string FirstValue(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return "";
    return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return "unknown";
}

std::string Description() {
  utsname system{};
  uname(&system);
  std::int64_t memory_kib = 0;
  const std::vector<std::string> memory =
      absl::StrSplit(FirstValue("/proc/meminfo", "MemTotal"), ' ');
  if (!absl::SimpleAtoi(memory[0], &memory_kib)) memory_kib = 0;
  return absl::StrFormat(
      "%d cores of %s, %.1f GiB of memory, %s %s", std::thread::hardware_concurrency(),
      FirstValue("/proc/cpuinfo", "model name"), static_cast<double>(memory_kib) / (1 << 20),
      system.sysname, system.release);
}

std::string Load() {
  double averages[3] = {};
  if (getloadavg(averages, 3) != 3) return "unknown";
  return absl::StrFormat("%.2f %.2f %.2f", averages[0], averages[1], averages[2]);
}

}  // namespace

harness::Finished RunProgram(const std::string& directory, std::vector<std::string> words,
                             absl::Duration time, std::vector<std::string> variables) {
  static int count = 0;
  return harness::RunToEnd({.name = absl::StrCat("program-", ++count),
                            .words = std::move(words),
                            .variables = std::move(variables),
                            .directory = directory},
                           time);
}

Machine DescribeMachine(const std::string& directory) {
  Machine machine;
  machine.description = Description();
  machine.load = Load();
  const harness::Finished commit = RunProgram(
      directory,
      {"/usr/bin/git", "-C", PLAYLOG_SOURCE_DIRECTORY, "describe", "--always", "--dirty"},
      absl::Seconds(10));
  machine.commit =
      commit.exit_code == 0 ? std::string(absl::StripAsciiWhitespace(commit.output)) : "unknown";
  std::vector<std::string> words = {"/usr/bin/dpkg-query", "-W", "-f=${Package} ${Version}\n"};
  words.insert(words.end(), std::begin(kPackages), std::end(kPackages));
  // It fails if one of them is missing, and tells of the others all the same.
  const harness::Finished packages = RunProgram(directory, words, absl::Seconds(10));
  for (const absl::string_view line : absl::StrSplit(packages.output, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    if (parts.size() == 2 && !parts[1].empty()) machine.packages[parts[0]] = parts[1];
  }
  return machine;
}

}  // namespace playlog::bench
