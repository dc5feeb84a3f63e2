// Measures the whole system beside its peers; README.md says what and how.

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/testing/temporary_directory.h"
#include "tests/bench/machine.h"
#include "tests/bench/report.h"
#include "tests/bench/scenarios.h"

ABSL_FLAG(std::string, output, "results.json", "The file that gets the results as JSON");
ABSL_FLAG(int, pairs, 5, "Pairs of slices, ours and the peer's in turn; 1 to 20");
ABSL_FLAG(int, slice_s, 3, "Seconds of a slice of load; 1 to 10");
ABSL_FLAG(int, sync_users, 10'000, "The users of the scenario sync; 100 to 10000");
ABSL_FLAG(std::string, django_reference, PLAYLOG_DJANGO_REFERENCE,
          "The folder of the Django application to measure against");

namespace playlog::bench {
namespace {

// Either it starts what it needs itself, or it shares the world with the others that do not.
struct Scenario {
  const char* name;
  void (*alone)(const Options& options, Report& report);
  void (*in_world)(World& world, Report& report);
};

// What looks at memory comes first in its part: `idle` while nothing else shares the libraries'
// pages, and `history` while a process has had little to do.
constexpr Scenario kScenarios[] = {{"idle", &MeasureIdle, nullptr},
                                   {"json", &MeasureJson, nullptr},
                                   {"tokens", &MeasureTokens, nullptr},
                                   {"history", nullptr, &MeasureHistory},
                                   {"stored-songs", nullptr, &MeasureStoredSongs},
                                   {"unchanged", nullptr, &MeasureUnchanged},
                                   {"upsert", nullptr, &MeasureUpsert},
                                   {"backfill", nullptr, &MeasureBackfill},
                                   {"random-readers", &MeasureRandomReaders, nullptr},
                                   {"fetch", &MeasureFetch, nullptr},
                                   {"history-memory", &MeasureHistoryMemory, nullptr},
                                   {"floods", &MeasureFloods, nullptr},
                                   {"many-others", &MeasureManyOthers, nullptr},
                                   {"admin", &MeasureAdmin, nullptr},
                                   {"sync", &MeasureSync, nullptr}};

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

// Runs scenarios one after the other, with the world from the first to the last that shares it.
class Runner {
 public:
  Runner(const Options& options, Report& report) : options_(options), report_(report) {}

  // A scenario that cannot be measured is a row of its own, and the others go on.
  void Run(const Scenario& scenario) {
    const absl::Time begin = absl::Now();
    try {
      if (scenario.alone != nullptr) {
        world_.reset();
        scenario.alone(options_, report_);
      } else {
        if (world_ == nullptr) world_ = std::make_unique<World>(options_);
        scenario.in_world(*world_, report_);
        world_->system().CheckHealth();
      }
    } catch (const std::exception& error) {
      std::cerr << "playlog-bench: " << scenario.name << ": " << error.what() << "\n";
      report_.Add({.scenario = scenario.name,
                   .what = "the whole scenario",
                   .missing = "it broke off; the program's messages say why"});
      broke_off_ = true;
      world_.reset();
    }
    std::cerr << scenario.name << " took "
              << absl::FormatDuration(absl::Trunc(absl::Now() - begin, absl::Seconds(1))) << "\n";
  }

  bool broke_off() const { return broke_off_; }

 private:
  const Options& options_;
  Report& report_;
  std::unique_ptr<World> world_;
  bool broke_off_ = false;
};

// Returns whether everything could be measured.
bool Measure(const std::vector<std::string>& names, Report& report) {
  const Options options{.pairs = absl::GetFlag(FLAGS_pairs),
                        .slice = absl::Seconds(absl::GetFlag(FLAGS_slice_s)),
                        .django_folder = absl::GetFlag(FLAGS_django_reference),
                        .sync_users = absl::GetFlag(FLAGS_sync_users)};
  Runner runner(options, report);
  for (const Scenario& scenario : kScenarios) {
    if (!names.empty() && std::count(names.begin(), names.end(), scenario.name) == 0) continue;
    runner.Run(scenario);
  }
  return !runner.broke_off();
}

int MeasureAndTell(const std::vector<std::string>& names) {
  Machine machine;
  {
    const testing::TemporaryDirectory directory;
    machine = DescribeMachine(directory.path());
  }
  Report report(std::move(machine));
  const bool complete = Measure(names, report);
  std::cout << "\n" << report.Table();
  std::ofstream file(absl::GetFlag(FLAGS_output));
  file << report.Json();
  file.close();
  if (!file) return Refuse("cannot write " + absl::GetFlag(FLAGS_output));
  std::cout << "\nAs JSON: " << absl::GetFlag(FLAGS_output) << "\n";
  return complete ? 0 : 1;
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
    return MeasureAndTell(names);
  } catch (const std::exception& error) {
    std::cerr << "playlog-bench: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace
}  // namespace playlog::bench

int main(int argc, char** argv) { return playlog::bench::Main(argc, argv); }
