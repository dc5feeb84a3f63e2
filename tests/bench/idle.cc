// What the five processes hold in memory when nothing has been asked of them.

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/memory.h"
#include "tests/bench/scenarios.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "idle";
// What is done once after the start, such as fetching keys and revocations, is over by then.
constexpr absl::Duration kSettlingTime = absl::Seconds(5);

}  // namespace

void MeasureIdle(const Options& options, Report& report) {
  Row all{.scenario = kScenario,
          .what = "five services after the start, together",
          .unit = "MiB",
          .judged_unit = "MiB",
          .target = Target::AtMost(110)};
  std::map<std::string, std::vector<double>> by_service;
  for (int pair = 1; pair <= options.pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << options.pairs << "\n";
    // As deploy/up starts them: with the background's workers, and the sources' own limits.
    System system(harness::StackOptions{.sync_flags = {}, .budgets = ""});
    absl::SleepFor(kSettlingTime);
    const std::map<std::string, pid_t> services = ServicesOf(system.stack());
    const std::optional<double> together = TogetherMib(services);
    if (!together.has_value()) {
      all.skipped = "only root may read the memory of processes that forbid to be traced";
      report.Add(all);
      return;
    }
    all.ours.push_back(*together);
    for (const auto& [service, process] : services) {
      by_service[service].push_back(PssMib(process).value_or(0));
    }
    system.CheckHealth();
  }
  all.judged = all.ours;
  report.Add(all);
  for (const auto& [service, mib] : by_service) {
    report.Add({.scenario = kScenario, .what = service + ", PSS", .unit = "MiB", .ours = mib});
  }
}

}  // namespace playlog::bench
