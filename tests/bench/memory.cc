#include "tests/bench/memory.h"

#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <unordered_set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

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

// What proc_pid_pagemap(5) says of a page: whether it is in memory, and its number there, which is
// 0 for those who may not know.
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << 55) - 1;

// Adds the numbers of the pages between two addresses that are in memory. False if they are not to
// be had.
bool AddPages(std::ifstream& pagemap, std::uint64_t begin, std::uint64_t end,
              std::unordered_set<std::uint64_t>& pages) {
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<std::uint64_t> entries((end - begin) / page_bytes);
  pagemap.seekg(static_cast<std::streamoff>(begin / page_bytes * sizeof(entries[0])));
  pagemap.read(reinterpret_cast<char*>(entries.data()),
               static_cast<std::streamsize>(entries.size() * sizeof(entries[0])));
  if (!pagemap) return false;
  for (const std::uint64_t entry : entries) {
    if ((entry & kPresent) == 0) continue;
    if ((entry & kNumberMask) == 0) return false;
    pages.insert(entry & kNumberMask);
  }
  return true;
}

// The same of all that a process maps.
bool AddPages(pid_t process, std::unordered_set<std::uint64_t>& pages) {
  std::ifstream maps(absl::StrCat("/proc/", process, "/maps"));
  // Without a buffer, whose 8,191 bytes the kernel refuses to fill: it gives out whole entries
  // only.
  std::ifstream pagemap;
  pagemap.rdbuf()->pubsetbuf(nullptr, 0);
  pagemap.open(absl::StrCat("/proc/", process, "/pagemap"), std::ios::binary);
  for (std::string line; std::getline(maps, line);) {
    // The kernel's own, which no process pays for.
    if (absl::EndsWith(line, "[vsyscall]") || absl::EndsWith(line, "[vdso]") ||
        absl::EndsWith(line, "[vvar]") || absl::EndsWith(line, "[vvar_vclock]")) {
      continue;
    }
    const std::pair<std::string, std::string> span =
        absl::StrSplit(line.substr(0, line.find(' ')), '-');
    std::uint64_t begin = 0, end = 0;
    if (!absl::SimpleHexAtoi(span.first, &begin) || !absl::SimpleHexAtoi(span.second, &end) ||
        !AddPages(pagemap, begin, end, pages)) {
      return false;
    }
  }
  return !pages.empty();
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

std::optional<double> TogetherMib(const std::map<std::string, pid_t>& processes) {
  std::unordered_set<std::uint64_t> pages;
  for (const auto& [name, process] : processes) {
    if (!AddPages(process, pages)) return std::nullopt;
  }
  const auto page_kib = static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
  return static_cast<double>(pages.size()) * page_kib / kKibPerMib;
}

}  // namespace playlog::bench
