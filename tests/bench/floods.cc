// What others do to a user's stored songs who hold connections open, and who guess at passwords.

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/bench/http_load.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/bench/system.h"
#include "tests/harness/api.h"
#include "tests/harness/http_client.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "floods";
constexpr char kTarget[] = "/music/get-stored-songs/";
// A small part of what is possible, so that only the flood can make anybody wait.
constexpr double kRequestsPerSecond = 200;
constexpr int kConnections = 8;
// A percentile of the slowest hundredth needs more requests than a rate does.
constexpr int kSlicesAtOnce = 6;

constexpr int kSlowConnections = 500;
// Fewer than a client's address may hold come from each.
constexpr int kSlowAddresses = 4;
constexpr int kGuessers = 8;
constexpr double kGuessesPerSecond = 500;

// A thread that does harm until it is told to stop.
class Attacker {
 public:
  explicit Attacker(std::function<void(const absl::Notification& stop)> attack)
      : thread_([this, attack = std::move(attack)] { attack(stop_); }) {}
  ~Attacker() {
    stop_.Notify();
    thread_.join();
  }
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;

 private:
  absl::Notification stop_;
  std::thread thread_;
};
using Attackers = std::vector<std::unique_ptr<Attacker>>;

// Requests whose headers never end, a line a second on each connection, and again where the gateway
// has had enough.
void HoldConnections(int port, const absl::Notification& stop) {
  std::vector<std::unique_ptr<harness::HttpConnection>> connections(kSlowConnections);
  for (std::size_t i = 0; !stop.HasBeenNotified(); i = (i + 1) % connections.size()) {
    auto& connection = connections[i];
    if (connection == nullptr || !connection->Send("X-Slow: 1\r\n")) {
      connection = std::make_unique<harness::HttpConnection>(
          port, absl::StrCat("127.0.1.", 1 + i % kSlowAddresses));
      connection->Send(absl::StrCat("GET ", kTarget, " HTTP/1.1\r\nHost: localhost\r\n"));
    }
    stop.WaitForNotificationWithTimeout(absl::Seconds(1) / kSlowConnections);
  }
}

// Wrong passwords of accounts that there are not, each from an address that has not failed often,
// so that nothing but the bound on hashing holds them back.
void Guess(int port, int guesser, const absl::Notification& stop) {
  const absl::Duration pause = absl::Seconds(kGuessers) / kGuessesPerSecond;
  for (int i = 0; !stop.WaitForNotificationWithTimeout(pause); ++i) {
    const std::string json = absl::StrCat(R"({"username":"nobody)", guesser, "x", i,
                                          R"(","password":"wrong otter )", i, R"( quarry"})");
    harness::HttpConnection connection(port, absl::StrCat("127.1.", guesser, ".", 1 + i % 250));
    connection.Send(harness::RequestText("POST", "/users/token/", "", json));
    connection.Read(absl::Seconds(5));
  }
}

class Listener {
 public:
  Listener() {
    const Account account = system_.Register("reader");
    system_.Store(account, kSmallHistory, 2024);
    const std::string request = GetRequest(kTarget, system_.Token(account));
    const Drained answer = Drain(port(), request);
    if (answer.status != 200) throw std::runtime_error("the stored songs are not to be had");
    load_ = {
        .port = port(),
        .next = Only(request),
        .connections = kConnections,
        .expected = {.body_bytes_min = answer.body_bytes, .body_bytes_max = answer.body_bytes}};
  }

  int port() { return system_.stack().http_port(); }
  double SlowestMs(absl::Duration time) {
    load_.time = time;
    return Percentile(LatenciesMs(load_, kRequestsPerSecond), 0.99);
  }
  // Lets those who failed to sign in try again.
  void ForgetFailures() { system_.sql().Run("TRUNCATE auth.login_failures"); }
  void CheckHealth() { system_.CheckHealth(); }

 private:
  System system_;
  LoadOptions load_;
};

Attackers Holding(int port) {
  Attackers attackers;
  attackers.push_back(std::make_unique<Attacker>(
      [port](const absl::Notification& stop) { HoldConnections(port, stop); }));
  return attackers;
}

Attackers Guessing(int port) {
  Attackers attackers;
  for (int guesser = 0; guesser < kGuessers; ++guesser) {
    attackers.push_back(std::make_unique<Attacker>(
        [port, guesser](const absl::Notification& stop) { Guess(port, guesser, stop); }));
  }
  return attackers;
}

Row RowOf(const std::string& flood) {
  return {.scenario = kScenario,
          .what = absl::StrCat("50 songs, p99, ", flood),
          .unit = "ms",
          .against = "without them",
          .target = Target::AtMost(2)};
}

}  // namespace

void MeasureFloods(const Options& options, Report& report) {
  Row held = RowOf("500 connections that are slow");
  Row guessed = RowOf("500 wrong passwords a second");
  Listener listener;
  const absl::Duration time = kSlicesAtOnce * options.slice;
  listener.SlowestMs(absl::Seconds(1));
  for (int pair = 1; pair <= options.pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << options.pairs << "\n";
    held.peers.push_back(listener.SlowestMs(time));
    guessed.peers.push_back(held.peers.back());
    {
      const Attackers attackers = Holding(listener.port());
      absl::SleepFor(absl::Seconds(1));  // All are connected by then.
      held.ours.push_back(listener.SlowestMs(time));
    }
    listener.ForgetFailures();
    const Attackers attackers = Guessing(listener.port());
    guessed.ours.push_back(listener.SlowestMs(time));
  }
  held.judged = Ratios(held.ours, held.peers);
  guessed.judged = Ratios(guessed.ours, guessed.peers);
  report.Add(held);
  report.Add(guessed);
  listener.CheckHealth();
}

}  // namespace playlog::bench
