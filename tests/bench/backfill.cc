// The whole past of a listener: from the request until the job is done, against the stand-in.

#include <boost/json.hpp>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/scenarios.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "backfill";
constexpr int kPast = 100'000;
constexpr int kLimitedPast = 20'000;
constexpr int kPageSize = 200;
// Last.fm's limit.
constexpr int kCallsPerSecond = 5;
constexpr absl::Duration kPatience = absl::Minutes(2);

struct Times {
  absl::Duration first_walk;  // Until all was stored.
  absl::Duration whole;       // Until a second walk had found nothing new.
};

std::string Require(const harness::HttpAnswer& answer, int status) {
  if (answer.status == status) return answer.body;
  throw std::runtime_error(absl::StrCat("a backfill: ", answer.status, " ", answer.body));
}

// Brings the past of a new listener with so many plays.
Times BringPast(harness::Stack& stack, const std::string& listener, int plays) {
  stack.standins().Post(
      "listener", boost::json::object{
                      {"credential", listener}, {"plays", plays}, {"end", "2026-01-31T12:00:00Z"}});
  const harness::Api api(stack.http_port());
  const harness::User user = api.NewUser();
  Require(api.StoreLastfmKey(user, "key-" + listener, listener), 201);
  const absl::Time begin = absl::Now();
  const std::string started = Require(api.Post("/music/backfill/lastfm/", "{}", user.access), 202);
  const std::string path = absl::StrCat("/music/jobs/", harness::Member(started, "job_id"), "/");
  Times times;
  for (std::string state; state != "done"; absl::SleepFor(absl::Milliseconds(20))) {
    const std::string job = harness::Member(Require(api.Get(path, user.access), 200), "job");
    state = harness::Member(job, "state");
    if (absl::Now() - begin > kPatience || state == "failed") throw std::runtime_error(job);
    const bool first = harness::Member(job, "walks") == "0";
    if (first) times.first_walk = absl::Now() - begin;
    if (state == "done" && harness::Member(job, "added") != absl::StrCat(plays)) {
      throw std::runtime_error("not all was new: " + job);
    }
  }
  times.whole = absl::Now() - begin;
  return times;
}

double RateOf(int plays, absl::Duration time) {
  return static_cast<double>(plays) / absl::ToDoubleSeconds(time);
}

Row RateRow(const std::string& what, const std::vector<double>& rates,
            const std::optional<Target>& target) {
  return {.scenario = kScenario,
          .what = what,
          .unit = "songs/s",
          .ours = rates,
          .judged = rates,
          .judged_unit = "songs/s",
          .target = target};
}

void MeasureUnlimited(World& world, Report& report) {
  std::vector<double> first_walk, whole;
  for (int round = 1; round <= world.options().pairs; ++round) {
    std::cerr << kScenario << ": " << round << " of " << world.options().pairs << "\n";
    const Times times = BringPast(world.stack(), absl::StrCat("past-", round), kPast);
    first_walk.push_back(RateOf(kPast, times.first_walk));
    whole.push_back(RateOf(kPast, times.whole));
  }
  report.Add(RateRow("100,000 scrobbles, until stored", first_walk, std::nullopt));
  report.Add(
      RateRow("100,000 scrobbles, until looked through again", whole, Target::AtLeast(10'000)));
}

// How near the calls come to what the limit of the source allows.
void MeasureLimited(Report& report) {
  std::cerr << kScenario << ": within Last.fm's limit\n";
  harness::Stack stack({.budgets = absl::StrCat(kCallsPerSecond, "/1,300/60")});
  const Times times = BringPast(stack, "limited", kLimitedPast);
  // Two walks, and the question for the total. The first calls of a window come at once.
  constexpr double kCalls = 2.0 * kLimitedPast / kPageSize + 1;
  const double ideal_s = (kCalls - kCallsPerSecond) / kCallsPerSecond;
  report.Add({.scenario = kScenario,
              .what = "20,000 scrobbles at 5 calls/s",
              .unit = "s",
              .ours = {absl::ToDoubleSeconds(times.whole)},
              .against = "the limit itself",
              .peers = {ideal_s},
              .judged = {ideal_s / absl::ToDoubleSeconds(times.whole)},
              .target = Target::AtLeast(0.95)});
}

}  // namespace

void MeasureBackfill(World& world, Report& report) {
  MeasureUnlimited(world, report);
  MeasureLimited(report);
}

}  // namespace playlog::bench
