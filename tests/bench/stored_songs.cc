// The answer that the product gives most often: the stored songs of a user who has 50.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/http_load.h"
#include "tests/bench/machine.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"

namespace playlog::bench {
namespace {

constexpr char kTarget[] = "/music/get-stored-songs/";
constexpr char kScenario[] = "stored-songs";

// The query of the same rows without anything around it.
std::string BareQuery(std::int64_t user_id) {
  return absl::StrCat("SELECT ", kAnswerColumns, " FROM song_store.plays WHERE user_id = ", user_id,
                      " ORDER BY played_at DESC, id DESC LIMIT 64;\n");
}

// One server under load; its answers are all alike, so the first one tells their size.
class Server {
 public:
  Server(int port, const std::string& token) {
    const std::string request = GetRequest(kTarget, token);
    const Drained answer = Drain(port, request);
    if (answer.status != 200) throw std::runtime_error("the stored songs are not to be had");
    load_.port = port;
    load_.next = Only(request);
    load_.expected = {.body_bytes_min = answer.body_bytes, .body_bytes_max = answer.body_bytes};
  }

  double Measure(absl::Duration time) {
    load_.time = time;
    return AnswersPerSecond(load_);
  }

 private:
  LoadOptions load_;
};

class Pgbench {
 public:
  explicit Pgbench(World& world) : world_(world), script_(world.stack().directory() + "/bare.sql") {
    std::ofstream(script_) << BareQuery(world.small().id);
  }

  double Measure(absl::Duration time) {
    const harness::Finished finished =
        RunProgram(world_.stack().directory(),
                   {"/usr/lib/postgresql/15/bin/pgbench", "-n", "-M", "prepared", "-c", "8",
                    absl::StrCat("-T", std::max<std::int64_t>(1, absl::ToInt64Seconds(time))), "-f",
                    script_, world_.url()},
                   time + absl::Seconds(30));
    const std::size_t place = finished.output.find("tps = ");
    double rate = 0;
    if (finished.exit_code != 0 || place == std::string::npos ||
        !absl::SimpleAtod(
            finished.output.substr(place + 6, finished.output.find(' ', place + 6) - place - 6),
            &rate)) {
      throw std::runtime_error("pgbench: " + finished.errors + finished.output);
    }
    return rate;
  }

 private:
  World& world_;
  const std::string script_;
};

Row MakeRow(const std::string& against, const std::vector<double>& ours,
            const std::vector<double>& peers, double target) {
  return {.scenario = kScenario,
          .what = "50 songs, 32 connections",
          .unit = "requests/s",
          .ours = ours,
          .against = against,
          .peers = peers,
          .judged = Ratios(ours, peers),
          .target = Target::AtLeast(target)};
}

}  // namespace

void MeasureStoredSongs(World& world, Report& report) {
  const absl::Duration slice = world.options().slice;
  Server ours(world.stack().http_port(), world.Token(world.small()));
  std::optional<Server> django;
  if (world.django() != nullptr) {
    django.emplace(world.django()->port(), world.django()->Token("bench"));
    django->Measure(absl::Seconds(1));
  }
  Pgbench pgbench(world);
  ours.Measure(absl::Seconds(1));
  std::vector<double> our_rates, django_rates, pgbench_rates;
  for (int pair = 1; pair <= world.options().pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << world.options().pairs << "\n";
    our_rates.push_back(ours.Measure(slice));
    if (django.has_value()) django_rates.push_back(django->Measure(slice));
    pgbench_rates.push_back(pgbench.Measure(slice));
  }
  Row against_django = MakeRow("Django, gunicorn -w 2", our_rates, django_rates, 20);
  against_django.skipped = world.missing();
  report.Add(against_django);
  report.Add(MakeRow("pgbench -M prepared -c 8", our_rates, pgbench_rates, 0.35));
}

}  // namespace playlog::bench
