// The whole history of a user who has 100,000 songs.

#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/http_load.h"
#include "tests/bench/machine.h"
#include "tests/bench/memory.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "history";
constexpr char kTarget[] = "/music/get-stored-songs/";

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

void AddTimes(const World& world, const Times& times, Report& report) {
  Row django{.scenario = kScenario,
             .what = "100,000 songs, wall time",
             .unit = "ms",
             .ours = times.ours,
             .against = "Django",
             .peers = times.django,
             .judged = Ratios(times.django, times.ours),
             .judged_unit = "x faster",
             .target = Target::AtLeast(8),
             .skipped = world.missing()};
  Row psql = django;
  report.Add(std::move(django));

  psql.against = "psql COPY row_to_json";
  psql.peers = times.psql;
  psql.judged = Ratios(times.ours, times.psql);
  psql.judged_unit = "x";
  psql.target = Target::AtMost(1.3);
  psql.skipped = "";
  report.Add(std::move(psql));

  report.Add({.scenario = kScenario,
              .what = "100,000 songs, first byte",
              .unit = "ms",
              .ours = times.first_byte,
              .against = times.django_first_byte.empty() ? "" : "Django",
              .peers = times.django_first_byte,
              .judged = times.first_byte,
              .judged_unit = "ms",
              .target = Target::AtMost(30)});
}

}  // namespace

void MeasureHistory(World& world, Report& report) {
  const int port = world.stack().http_port();
  const std::string token = world.Token(world.big());
  const std::string request = GetRequest(kTarget, token);
  // Memory first: what a process has taken once, it does not take again.
  Drain(port, GetRequest(kTarget, world.Token(world.small())));
  const MemoryGrowth growth(ServicesOf(world.stack()));
  Drain(port, request);
  const auto [grown, whose] = growth.LargestMib();
  Row memory{.scenario = kScenario,
             .what = "100,000 songs, peak memory of " + whose,
             .unit = "MiB",
             .ours = {grown},
             .judged = {grown},
             .judged_unit = "MiB more",
             .target = Target::AtMost(16)};

  const std::size_t bytes = CheckWholeAnswer(port, token);
  std::string django_request;
  std::size_t django_bytes = 0;
  if (world.django() != nullptr) {
    const std::string django_token = world.django()->Token("big");
    django_request = GetRequest(kTarget, django_token);
    const MemoryGrowth django_growth(DjangoProcesses(world));
    django_bytes = CheckWholeAnswer(world.django()->port(), django_token);
    memory.against = "Django";
    memory.peers = {django_growth.LargestMib().first};
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
