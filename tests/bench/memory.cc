#include "tests/bench/memory.h"

#include <fstream>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace playlog::bench {
namespace {

constexpr double kKibPerMib = 1024;

// A value of a file of the process's in /proc that has a line `<key> <number> kB`; 0 without it.
std::int64_t KibOf(pid_t process, const char* file, const std::string& key) {
  std::ifstream lines(absl::StrCat("/proc/", process, "/", file));
  std::int64_t kib = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!absl::StartsWith(line, key)) continue;
    const std::size_t begin = key.size();
    if (absl::SimpleAtoi(line.substr(begin, line.rfind(" kB") - begin), &kib)) return kib;
  }
  return 0;
}

std::int64_t PeakKib(pid_t process) {
  const std::int64_t peak = KibOf(process, "status", "VmHWM:");
  if (peak == 0) throw std::runtime_error("a process's peak memory cannot be read");
  return peak;
}

}  // namespace

std::map<std::string, pid_t> ServicesOf(const harness::Stack& stack) {
  std::map<std::string, pid_t> processes;
  for (const std::string& service : harness::Stack::Services()) {
    processes[service] = stack.process(service).pid();
  }
  return processes;
}

MemoryGrowth::MemoryGrowth(std::map<std::string, pid_t> processes)
    : processes_(std::move(processes)) {
  for (const auto& [name, process] : processes_) {
    // Sets the peak back to what is resident now. Where the kernel refuses, the peak of before
    // counts, which can only hide growth below it.
    std::ofstream(absl::StrCat("/proc/", process, "/clear_refs")) << "5";
    before_[name] = PeakKib(process);
  }
}

std::pair<double, std::string> MemoryGrowth::LargestMib() const {
  std::pair<double, std::string> largest{0, "none"};
  for (const auto& [name, process] : processes_) {
    const double mib = static_cast<double>(PeakKib(process) - before_.at(name)) / kKibPerMib;
    if (mib > largest.first) largest = {mib, name};
  }
  return largest;
}

std::optional<double> PssMib(pid_t process) {
  const std::int64_t kib = KibOf(process, "smaps_rollup", "Pss:");
  if (kib == 0) return std::nullopt;
  return static_cast<double>(kib) / kKibPerMib;
}

}  // namespace playlog::bench
