// A user's stored songs while others have ten thousand, and while they have ten million.

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "tests/bench/cluster.h"
#include "tests/bench/http_load.h"
#include "tests/bench/plays.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "many-others";
constexpr char kTarget[] = "/music/get-stored-songs/";
constexpr std::int64_t kFewOthers = 200;
constexpr std::int64_t kManyOthers = 200'000;
// So many get their songs by one statement.
constexpr std::int64_t kOthersAtOnce = 4'000;
// Far from the ids that registering gives.
constexpr std::int64_t kFirstOther = 1'000'000;
// A small part of what is possible, so that nobody waits for anybody.
constexpr double kRequestsPerSecond = 100;
constexpr int kConnections = 8;

// A user with 50 songs beside others who have 50 each.
class Neighbourhood {
 public:
  explicit Neighbourhood(std::int64_t others) {
    const Account account = system_.Register("reader");
    system_.Store(account, kSmallHistory, 2024);
    std::int64_t songs = 0;
    for (std::int64_t done = 0; done < others; done += kOthersAtOnce) {
      const std::int64_t first = kFirstOther + done;
      const std::int64_t last = kFirstOther + std::min(done + kOthersAtOnce, others) - 1;
      songs +=
          CopyPlays(system_.sql(), account.id,
                    absl::Substitute("SELECT id, interval '0' FROM generate_series($0, $1) AS id",
                                     first, last));
    }
    if (songs != others * kSmallHistory) {
      throw std::runtime_error(absl::StrCat("the others have ", songs, " songs"));
    }
    system_.sql().Run("VACUUM ANALYZE song_store.plays");
    Aim(system_.Token(account));
  }

  double MedianMs(absl::Duration time) {
    load_.time = time;
    return Median(LatenciesMs(load_, kRequestsPerSecond));
  }

  void CheckHealth() { system_.CheckHealth(); }

 private:
  void Aim(const std::string& token) {
    const std::string request = GetRequest(kTarget, token);
    const Drained answer = Drain(system_.stack().http_port(), request);
    if (answer.status != 200) throw std::runtime_error("the stored songs are not to be had");
    load_ = {
        .port = system_.stack().http_port(),
        .next = Only(request),
        .connections = kConnections,
        .expected = {.body_bytes_min = answer.body_bytes, .body_bytes_max = answer.body_bytes}};
  }

  System system_;
  LoadOptions load_;
};

}  // namespace

void MeasureManyOthers(const Options& options, Report& report) {
  Row row{.scenario = kScenario,
          .what = "50 songs, p50, 10,000,000 songs of others",
          .unit = "ms",
          .against = "with 10,000 of others",
          .target = Target::AtMost(1.2),
          .skipped = NoRoomForTenMillionSongs()};
  if (!row.skipped.empty()) {
    report.Add(row);
    return;
  }
  std::cerr << kScenario << ": storing ten million songs\n";
  Neighbourhood few(kFewOthers);
  Neighbourhood many(kManyOthers);
  few.MedianMs(absl::Seconds(1));
  many.MedianMs(absl::Seconds(1));
  for (int pair = 1; pair <= options.pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << options.pairs << "\n";
    row.ours.push_back(many.MedianMs(options.slice));
    row.peers.push_back(few.MedianMs(options.slice));
  }
  row.judged = Ratios(row.ours, row.peers);
  report.Add(row);
  few.CheckHealth();
  many.CheckHealth();
}

}  // namespace playlog::bench
