// Measures the whole system beside its peers; README.md says what and how.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/time.h"
#include "common/testing/temporary_directory.h"
#include "tests/bench/machine.h"
#include "tests/bench/report.h"
#include "tests/bench/world.h"

ABSL_FLAG(std::string, output, "results.json", "The file that gets the results as JSON");
ABSL_FLAG(int, pairs, 5, "Pairs of slices, ours and the peer's in turn; 1 to 20");
ABSL_FLAG(int, slice_s, 3, "Seconds of a slice of load; 1 to 10");
ABSL_FLAG(int, sync_users, 10'000, "The users of the scenario sync; 100 to 10000");
ABSL_FLAG(std::string, django_reference, PLAYLOG_DJANGO_REFERENCE,
          "The folder of the Django application to measure against");

namespace playlog::bench {
namespace {

struct Scenario {
  const char* name;
  void (*measure)(World& world, Report& report);
};

// History comes first because it looks at how much memory a process takes that had little to do.
constexpr Scenario kScenarios[] = {
    {"history", &MeasureHistory}, {"stored-songs", &MeasureStoredSongs}, {"tokens", &MeasureTokens},
    {"upsert", &MeasureUpsert},   {"backfill", &MeasureBackfill},        {"sync", &MeasureSync}};

bool IsScenario(const std::string& name) {
  return std::any_of(std::begin(kScenarios), std::end(kScenarios),
                     [&name](const Scenario& scenario) { return name == scenario.name; });
}

int Refuse(const std::string& why) {
  std::cerr << "playlog-bench: " << why << "\nThe scenarios are:";
  for (const Scenario& scenario : kScenarios) std::cerr << " " << scenario.name;
  std::cerr << "\n";
  return 64;
}

void Measure(const std::vector<std::string>& names, Report& report) {
  World world({.pairs = absl::GetFlag(FLAGS_pairs),
               .slice = absl::Seconds(absl::GetFlag(FLAGS_slice_s)),
               .django_folder = absl::GetFlag(FLAGS_django_reference),
               .sync_users = absl::GetFlag(FLAGS_sync_users)});
  for (const Scenario& scenario : kScenarios) {
    if (!names.empty() && std::count(names.begin(), names.end(), scenario.name) == 0) continue;
    scenario.measure(world, report);
    world.CheckHealth();
  }
}

int Main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Measures Playlog beside its peers. Arguments: scenarios.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> names(arguments.begin() + 1, arguments.end());
  for (const std::string& name : names) {
    if (!IsScenario(name)) return Refuse("there is no scenario " + name);
  }
  const int pairs = absl::GetFlag(FLAGS_pairs);
  const int slice_s = absl::GetFlag(FLAGS_slice_s);
  if (pairs < 1 || pairs > 20) return Refuse("--pairs goes from 1 to 20");
  const int sync_users = absl::GetFlag(FLAGS_sync_users);
  if (sync_users < 100 || sync_users > 10'000) return Refuse("--sync_users goes from 100 to 10000");
  if (slice_s < 1 || slice_s > 10) return Refuse("--slice_s goes from 1 to 10");
  try {
    Machine machine;
    {
      const testing::TemporaryDirectory directory;
      machine = DescribeMachine(directory.path());
    }
    Report report(std::move(machine));
    Measure(names, report);
    std::cout << "\n" << report.Table();
    std::ofstream file(absl::GetFlag(FLAGS_output));
    file << report.Json();
    file.close();
    if (!file) return Refuse("cannot write " + absl::GetFlag(FLAGS_output));
    std::cout << "\nAs JSON: " << absl::GetFlag(FLAGS_output) << "\n";
  } catch (const std::exception& error) {
    std::cerr << "playlog-bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace playlog::bench

int main(int argc, char** argv) { return playlog::bench::Main(argc, argv); }
