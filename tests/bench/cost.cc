#include "tests/bench/cost.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace playlog::bench {
namespace {

constexpr char kPostgres[] = "PostgreSQL";

// What the kernel knows of a process; zeros once it has gone.
struct ProcessTimes {
  pid_t parent = 0;
  double own_s = 0;
  double ended_children_s = 0;  // That it has waited for.
};

ProcessTimes TimesOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The program's name, in parentheses, may hold anything.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  // From the state on, which proc(5) calls the third field.
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(name_end + 1), ' ', absl::SkipEmpty());
  const auto field = [&fields](std::size_t number) {
    std::int64_t value = 0;
    if (number - 3 >= fields.size() || !absl::SimpleAtoi(fields[number - 3], &value)) return 0.0;
    return static_cast<double>(value);
  };
  const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
  return {.parent = static_cast<pid_t>(field(4)),
          .own_s = (field(14) + field(15)) / ticks_per_s,
          .ended_children_s = (field(16) + field(17)) / ticks_per_s};
}

// Of a server and all its sessions, those that have ended too.
double TreeSeconds(pid_t server) {
  const ProcessTimes own = TimesOf(server);
  double sum = own.own_s + own.ended_children_s;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const ProcessTimes times = TimesOf(pid);
    if (times.parent == server) sum += times.own_s;
  }
  return sum;
}

}  // namespace

Cost Difference(const Cost& later, const Cost& earlier) {
  Cost difference{.transactions = later.transactions - earlier.transactions,
                  .rows = later.rows - earlier.rows,
                  .wal_bytes = later.wal_bytes - earlier.wal_bytes};
  for (const auto& [name, seconds] : later.cpu_s) {
    difference.cpu_s[name] = seconds - earlier.cpu_s.at(name);
  }
  return difference;
}

CostMeter::CostMeter(const harness::Stack& stack,
                     std::map<std::string, std::vector<std::string>> processes, Sql& sql)
    : stack_(stack), processes_(std::move(processes)), sql_(sql) {
  const auto session = static_cast<pid_t>(sql_.Number("SELECT pg_backend_pid()"));
  postmaster_ = TimesOf(session).parent;
  if (postmaster_ == 0) throw std::runtime_error("the database's server is not of this machine");
}

Cost CostMeter::Read() {
  Cost cost;
  for (const auto& [service, names] : processes_) {
    for (const std::string& name : names) {
      cost.cpu_s[service] += TimesOf(stack_.process(name).pid()).own_s;
    }
  }
  cost.cpu_s[kPostgres] = TreeSeconds(postmaster_);
  const auto number = [this](const char* what) {
    return static_cast<double>(sql_.Number(absl::StrCat(
        "SELECT ", what, " FROM pg_stat_database WHERE datname = current_database()")));
  };
  cost.transactions = number("xact_commit + xact_rollback");
  cost.rows = number("tup_inserted + tup_updated + tup_deleted");
  cost.wal_bytes = number("pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint");
  return cost;
}

}  // namespace playlog::bench
