// The whole history of a user who has 100,000 songs.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/http_load.h"
#include "tests/bench/machine.h"
#include "tests/bench/world.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "history";
constexpr char kTarget[] = "/music/get-stored-songs/";
constexpr double kKibPerMib = 1024;

// The peak of each process's resident memory over its resident memory at the beginning.
class MemoryGrowth {
 public:
  explicit MemoryGrowth(std::map<std::string, pid_t> processes) : processes_(std::move(processes)) {
    for (const auto& [name, process] : processes_) {
      // Sets the peak back to what is resident now. Where the kernel refuses, the peak of before
      // counts, which can only hide growth below it.
      std::ofstream(absl::StrCat("/proc/", process, "/clear_refs")) << "5";
      before_[name] = PeakKib(process);
    }
  }

  // The largest growth and whose it is.
  std::pair<double, std::string> LargestMib() const {
    std::pair<double, std::string> largest{0, "none"};
    for (const auto& [name, process] : processes_) {
      const double mib = static_cast<double>(PeakKib(process) - before_.at(name)) / kKibPerMib;
      if (mib > largest.first) largest = {mib, name};
    }
    return largest;
  }

 private:
  static std::int64_t PeakKib(pid_t process) {
    std::ifstream status(absl::StrCat("/proc/", process, "/status"));
    std::int64_t peak = 0;
    for (std::string line; std::getline(status, line);) {
      if (!absl::StartsWith(line, "VmHWM:")) continue;
      if (!absl::SimpleAtoi(line.substr(6, line.rfind(" kB") - 6), &peak)) break;
    }
    if (peak == 0) throw std::runtime_error("a process's peak memory cannot be read");
    return peak;
  }

  const std::map<std::string, pid_t> processes_;
  std::map<std::string, std::int64_t> before_;
};

std::map<std::string, pid_t> OurProcesses(World& world) {
  std::map<std::string, pid_t> processes;
  for (const std::string& service : harness::Stack::Services()) {
    processes[service] = world.stack().process(service).pid();
  }
  return processes;
}

std::map<std::string, pid_t> DjangoProcesses(const World& world) {
  std::map<std::string, pid_t> processes;
  for (const pid_t worker : world.django()->Workers()) {
    processes[absl::StrCat("worker ", worker)] = worker;
  }
  return processes;
}

// The size of the whole answer, after counting what is in it.
std::size_t CheckWholeAnswer(int port, const std::string& token) {
  const harness::HttpAnswer answer = harness::Api(port).Get(kTarget, token);
  const int songs = harness::CountOf(answer.body, "\"title\":");
  if (answer.status != 200 || !answer.whole || songs != kBigHistory) {
    throw std::runtime_error(
        absl::StrCat("the history has ", songs, " songs, status ", answer.status));
  }
  return answer.body.size();
}

Drained DrainWhole(int port, const std::string& request, std::size_t bytes) {
  const Drained drained = Drain(port, request);
  if (drained.status != 200 || drained.body_bytes != bytes) {
    throw std::runtime_error(
        absl::StrCat("a history has ", drained.body_bytes, " bytes of ", bytes));
  }
  return drained;
}

// Milliseconds of psql for the same rows as JSON, by its own clock: without its start.
double PsqlMilliseconds(World& world) {
  const std::string copy =
      absl::StrCat("COPY (SELECT row_to_json(song) FROM (SELECT ", kAnswerColumns,
                   " FROM song_store.plays WHERE user_id = ", world.big().id,
                   " ORDER BY played_at DESC, id DESC) AS song) TO STDOUT");
  const harness::Finished finished =
      RunProgram(world.stack().directory(),
                 {"/usr/lib/postgresql/15/bin/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-o",
                  "/dev/null", "-c", "\\timing on", "-c", copy, world.url()},
                 absl::Seconds(60));
  const std::size_t place = finished.output.find("Time: ");
  double milliseconds = 0;
  if (finished.exit_code != 0 || place == std::string::npos ||
      !absl::SimpleAtod(
          finished.output.substr(place + 6, finished.output.find(" ms", place) - place - 6),
          &milliseconds)) {
    throw std::runtime_error("psql: " + finished.errors + finished.output);
  }
  return milliseconds;
}

struct Times {
  std::vector<double> ours, first_byte, django, django_first_byte, psql;  // In milliseconds.
};

Row WallRow(const std::string& against, const std::vector<double>& ours,
            const std::vector<double>& peers) {
  Row row{.scenario = kScenario,
          .what = "100,000 songs, wall time",
          .unit = "ms",
          .ours = Median(ours),
          .against = against,
          .ours_values = ours,
          .peers_values = peers};
  if (!peers.empty()) row.peers = Median(peers);
  return row;
}

void AddTimes(const World& world, const Times& times, Report& report) {
  Row django = WallRow("Django", times.ours, times.django);
  django.skipped = world.missing();
  django.limits.target = 8;
  django.judged_unit = "x faster";
  if (django.peers.has_value()) django.judged = MedianRatio(times.django, times.ours);
  report.Add(django);

  Row psql = WallRow("psql COPY row_to_json", times.ours, times.psql);
  psql.limits = {.bound = Bound::kAtMost, .target = 1.3};
  psql.judged = MedianRatio(times.ours, times.psql);
  report.Add(psql);

  Row first{.scenario = kScenario,
            .what = "100,000 songs, first byte",
            .unit = "ms",
            .ours = Median(times.first_byte),
            .against = times.django_first_byte.empty() ? "" : "Django",
            .judged_unit = "ms",
            .limits = {.bound = Bound::kAtMost, .target = 30},
            .ours_values = times.first_byte,
            .peers_values = times.django_first_byte};
  first.judged = first.ours;
  if (!times.django_first_byte.empty()) first.peers = Median(times.django_first_byte);
  report.Add(first);
}

}  // namespace

void MeasureHistory(World& world, Report& report) {
  const int port = world.stack().http_port();
  const std::string token = world.Token(world.big());
  const std::string request = GetRequest(kTarget, token);
  // Memory first: what a process has taken once, it does not take again.
  Drain(port, GetRequest(kTarget, world.Token(world.small())));
  const MemoryGrowth growth(OurProcesses(world));
  Drain(port, request);
  const auto [grown, whose] = growth.LargestMib();
  Row memory{.scenario = kScenario,
             .what = "100,000 songs, peak memory of " + whose,
             .unit = "MiB",
             .ours = grown,
             .judged = grown,
             .judged_unit = "MiB more",
             .limits = {.bound = Bound::kAtMost, .floor = 32, .target = 16}};

  const std::size_t bytes = CheckWholeAnswer(port, token);
  std::string django_request;
  std::size_t django_bytes = 0;
  if (world.django() != nullptr) {
    const std::string django_token = world.django()->Token("big");
    django_request = GetRequest(kTarget, django_token);
    const MemoryGrowth django_growth(DjangoProcesses(world));
    django_bytes = CheckWholeAnswer(world.django()->port(), django_token);
    memory.against = "Django";
    memory.peers = django_growth.LargestMib().first;
  }

  Times times;
  for (int pair = 1; pair <= world.options().pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << world.options().pairs << "\n";
    const Drained ours = DrainWhole(port, request, bytes);
    times.ours.push_back(absl::ToDoubleMilliseconds(ours.whole));
    times.first_byte.push_back(absl::ToDoubleMilliseconds(ours.first_byte));
    times.psql.push_back(PsqlMilliseconds(world));
    if (world.django() == nullptr) continue;
    const Drained django = DrainWhole(world.django()->port(), django_request, django_bytes);
    times.django.push_back(absl::ToDoubleMilliseconds(django.whole));
    times.django_first_byte.push_back(absl::ToDoubleMilliseconds(django.first_byte));
  }
  AddTimes(world, times, report);
  report.Add(memory);
}

}  // namespace playlog::bench
