// What a fetch of new songs takes beyond the time of the upstream.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "tests/bench/crowd.h"
#include "tests/bench/django_reference.h"
#include "tests/bench/http_load.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/bench/users.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "fetch";
constexpr char kTarget[] = "/music/fetch-recently-played/";
constexpr char kUpstreamTarget[] = "/spotify/v1/me/player/recently-played?limit=50";
constexpr int kSongs = 50;
constexpr int kUpstreamMs = 50;
constexpr int kConnections = 8;
// Half of what the connections could carry if nothing but the upstream took time.
constexpr double kRequestsPerSecond = 80;
// Django's two workers are held up by their upstream; more than this, and requests queue up.
constexpr double kDjangosRequestsPerSecond = 4;
// A slice of this scenario is so many of the others', to have enough requests for a percentile.
constexpr int kSlices = 3;
constexpr absl::Duration kWarmUp = absl::Seconds(2);
// Spotify's limit is 100 calls of a user within an hour, and one of them tries the key.
constexpr int kCallsOfUser = 90;
// With fewer, a user's next fetch could begin before the last has ended.
constexpr int kUsersMin = 80;

// A listener who has finished 50 more songs at each call.
std::string ListenerOf(const std::string& name) {
  return absl::StrCat("scenario-drift-", kSongs, "__", name);
}

NextRequest InTurn(std::vector<std::string> requests) {
  return [requests = std::move(requests), next = std::size_t{0}]() mutable -> const std::string& {
    return requests[next++ % requests.size()];
  };
}

// One that answers fetches, under open-loop load.
class Fetcher {
 public:
  // The first of the requests tells the length of all answers, give or take that of the songs'
  // names.
  Fetcher(int port, const std::vector<std::string>& requests, double requests_per_second)
      : rate_(requests_per_second) {
    const harness::HttpAnswer answer = harness::Exchange(port, requests.front());
    const int songs = harness::CountOf(answer.body, "\"played_at\":");
    if (answer.status != 200 || songs != kSongs) {
      throw std::runtime_error(absl::StrCat("a fetch brings ", songs, " songs, status ",
                                            answer.status, " ", answer.body.substr(0, 1000)));
    }
    load_ = {.port = port,
             .next = InTurn(requests),
             .connections = kConnections,
             .expected = {.body_bytes_min = answer.body.size() / 2,
                          .body_bytes_max = answer.body.size() * 2}};
    answers_ = 1;
  }

  void Measure(absl::Duration time) {
    load_.time = time;
    const std::vector<double> latencies = LatenciesMs(load_, rate_);
    p50_.push_back(Percentile(latencies, 0.5));
    p99_.push_back(Percentile(latencies, 0.99));
    answers_ += static_cast<std::int64_t>(latencies.size());
  }
  void WarmUp() {
    Measure(kWarmUp);
    p50_.clear();
    p99_.clear();
  }

  // Of each measurement.
  const std::vector<double>& p50() const { return p50_; }
  const std::vector<double>& p99() const { return p99_; }
  // All answers, that of the first request too.
  std::int64_t answers() const { return answers_; }

 private:
  const double rate_;
  LoadOptions load_;
  std::vector<double> p50_, p99_;
  std::int64_t answers_ = 0;
};

// Our users with their keys.
std::vector<std::string> RequestsToUs(System& system, int users) {
  std::vector<Member> crowd;
  for (SignedIn& user : MakeUsers(system.stack(), system.sql(), "listener", users)) {
    Member& member = crowd.emplace_back();
    member.id = user.id;
    member.access = std::move(user.access);
    member.listener = ListenerOf(absl::StrCat("ours", user.id));
  }
  StoreKeys(system.stack(), crowd, [] {});
  std::vector<std::string> requests;
  for (const Member& member : crowd) requests.push_back(GetRequest(kTarget, member.access));
  return requests;
}

std::vector<std::string> RequestsToDjango(DjangoReference& django, int users) {
  const std::vector<std::string> tokens = django.MakeUsers("listener", users);
  django.sql().Run(absl::Substitute(
      "INSERT INTO music_apikey (user_id, service_name, api_key) SELECT id, 'spotify', '$0' || id "
      "FROM auth_user WHERE starts_with(username, 'listener')",
      ListenerOf("django")));
  std::vector<std::string> requests;
  for (const std::string& token : tokens) requests.push_back(GetRequest(kTarget, token));
  return requests;
}

std::vector<std::string> RequestsToUpstream(int users) {
  std::vector<std::string> requests;
  for (int i = 0; i < users; ++i) {
    requests.push_back(GetRequest(kUpstreamTarget, ListenerOf(absl::StrCat("upstream", i))));
  }
  return requests;
}

// As many users as the calls of all measurements need.
int UsersFor(const Options& options) {
  const double calls =
      kRequestsPerSecond * absl::ToDoubleSeconds(kWarmUp + options.pairs * kSlices * options.slice);
  return std::max(kUsersMin, static_cast<int>(std::ceil(calls / kCallsOfUser)));
}

Row OverUpstream(const std::string& what, const std::vector<double>& ours,
                 const std::vector<double>& upstream, double most) {
  return {.scenario = kScenario,
          .what = absl::StrCat("50 new songs at 80/s, ", what),
          .unit = "ms",
          .ours = ours,
          .against = "the upstream itself",
          .peers = upstream,
          .judged = Differences(ours, upstream),
          .judged_unit = "ms more",
          .target = Target::AtMost(most)};
}

Row BesideDjango(const std::string& what, const std::vector<double>& ours,
                 const std::vector<double>& djangos, const std::string& missing) {
  return {.scenario = kScenario,
          .what = "over the upstream, " + what,
          .unit = "ms",
          .ours = ours,
          .against = "Django at 4/s",
          .peers = djangos,
          .skipped = missing};
}

}  // namespace

void MeasureFetch(const Options& options, Report& report) {
  std::cerr << kScenario << ": starting the system and storing keys\n";
  System system(
      {.budgets = "", .standin_flags = {absl::StrCat("--spotify_latency_ms=", kUpstreamMs)}});
  const int users = UsersFor(options);
  const int upstream_port = system.stack().standins_port();
  Fetcher upstream(upstream_port, RequestsToUpstream(users), kRequestsPerSecond);
  Fetcher ours(system.stack().http_port(), RequestsToUs(system, users), kRequestsPerSecond);
  std::string missing;
  const std::unique_ptr<DjangoReference> django = DjangoReference::Start(
      {.folder = options.django_folder,
       .database = "django_fetch",
       .directory = system.stack().directory(),
       .spotify_api_url = absl::StrCat("http://127.0.0.1:", upstream_port, "/spotify")},
      missing);
  std::optional<Fetcher> djangos;
  if (django != nullptr) {
    djangos.emplace(django->port(), RequestsToDjango(*django, users), kDjangosRequestsPerSecond);
    djangos->WarmUp();
  }
  ours.WarmUp();
  for (int pair = 1; pair <= options.pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << options.pairs << "\n";
    ours.Measure(kSlices * options.slice);
    upstream.Measure(kSlices * options.slice);
    if (djangos.has_value()) djangos->Measure(kSlices * options.slice);
  }
  const std::int64_t stored = system.sql().Number("SELECT count(*) FROM song_store.plays");
  if (stored != kSongs * ours.answers()) {
    throw std::runtime_error(
        absl::StrCat(ours.answers(), " fetches have stored ", stored, " songs"));
  }
  report.Add(OverUpstream("p50", ours.p50(), upstream.p50(), 8));
  report.Add(OverUpstream("p99", ours.p99(), upstream.p99(), 20));
  const std::vector<double> none;
  report.Add(BesideDjango("p50", Differences(ours.p50(), upstream.p50()),
                          Differences(djangos ? djangos->p50() : none, upstream.p50()), missing));
  report.Add(BesideDjango("p99", Differences(ours.p99(), upstream.p99()),
                          Differences(djangos ? djangos->p99() : none, upstream.p99()), missing));
  system.CheckHealth();
}

}  // namespace playlog::bench
