// How much memory a whole history takes, of 100,000 songs and of ten times as many.

#include <signal.h>

#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "tests/bench/http_load.h"
#include "tests/bench/memory.h"
#include "tests/bench/plays.h"
#include "tests/bench/scenarios.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "history-memory";
constexpr char kTarget[] = "/music/get-stored-songs/";
constexpr int kTimes = 10;
constexpr int kSongs = kTimes * kBigHistory;
constexpr absl::Duration kStartTime = absl::Seconds(30);

struct Histories {
  Account small, big, huge;
};

Histories MakeHistories(System& system) {
  Histories histories{.small = system.Register("small"),
                      .big = system.Register("big"),
                      .huge = system.Register("huge")};
  system.Store(histories.small, kSmallHistory, 2024);
  system.Store(histories.big, kBigHistory, 2020);
  std::int64_t songs = 0;
  for (int time = 0; time < kTimes; ++time) {
    // Each time lies before the one that was, so that no two of them overlap.
    songs += CopyPlays(system.sql(), histories.big.id,
                       absl::Substitute("VALUES ($0, interval '$1 seconds')", histories.huge.id,
                                        -37 * kBigHistory * time));
  }
  if (songs != kSongs) throw std::runtime_error(absl::StrCat("only ", songs, " songs are there"));
  system.sql().Run("VACUUM ANALYZE song_store.plays");
  return histories;
}

// The length of a whole history.
std::size_t ReadHistory(System& system, const std::string& token) {
  const Drained answer = Drain(system.stack().http_port(), GetRequest(kTarget, token));
  if (answer.status != 200) {
    throw std::runtime_error(absl::StrCat("a history has status ", answer.status));
  }
  return answer.body_bytes;
}

// What a process has taken once it does not take again, so that those which a history passes
// through begin anew.
void RestartReaders(System& system) {
  for (const char* service : {"gateway", "song_store"}) {
    if (system.stack().End(service, SIGTERM) != 0) {
      throw std::runtime_error(absl::StrCat(service, " does not end well"));
    }
    system.stack().Restart(service);
  }
  if (!system.stack().AwaitReady(kStartTime)) throw std::runtime_error("no restart");
}

}  // namespace

void MeasureHistoryMemory(const Options& options, Report& report) {
  std::cerr << kScenario << ": storing " << kSongs << " songs\n";
  System system;
  const Histories histories = MakeHistories(system);
  Row row{.scenario = kScenario,
          .unit = "MiB",
          .against = "with 100,000 songs",
          .judged_unit = "MiB more",
          .target = Target::AtMost(16)};
  std::string whose;
  for (int pair = 1; pair <= options.pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << options.pairs << "\n";
    RestartReaders(system);
    const std::string big = system.Token(histories.big);
    const std::string huge = system.Token(histories.huge);
    ReadHistory(system, system.Token(histories.small));
    const MemoryGrowth growth(ServicesOf(system.stack()));
    const std::size_t big_bytes = ReadHistory(system, big);
    row.peers.push_back(growth.LargestMib().first);
    const std::size_t huge_bytes = ReadHistory(system, huge);
    const auto [grown, name] = growth.LargestMib();
    row.ours.push_back(grown);
    whose = name;
    // The ids of more songs have more digits.
    if (huge_bytes < kTimes * big_bytes || huge_bytes > kTimes * big_bytes + 3 * kSongs) {
      throw std::runtime_error(absl::StrCat("the long history has ", huge_bytes, " bytes, the ",
                                            "short one ", big_bytes));
    }
    system.CheckHealth();
  }
  row.what = "1,000,000 songs, peak memory of " + whose;
  row.judged = row.ours;
  report.Add(row);
}

}  // namespace playlog::bench
