// 10,000 users whom two replicas of each ingest service fetch by themselves.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/bench/cluster.h"
#include "tests/bench/cost.h"
#include "tests/bench/crowd.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "sync";
constexpr const char* kSources[] = {"spotify", "lastfm"};
// Every pause between fetches, and every song, is shorter by this factor; what the sources allow is
// not. An hour passes in ten minutes.
constexpr int kSpeedup = 6;
constexpr int kSecondsOfSong = 200 / kSpeedup;
constexpr int kHistoryPlays = 50;
constexpr absl::Duration kHistoryAge = absl::Hours(24 * 30);
constexpr absl::Duration kShortestPause = absl::Seconds(120 / kSpeedup);
constexpr int kFirstRunSeconds = 60 / kSpeedup;
constexpr absl::Duration kStartTime = absl::Seconds(30);
// Whoever has not been fetched by then is counted as never fetched.
constexpr absl::Duration kFirstRunsTime = absl::Minutes(4);
// The first song of who listens comes after the first fetch, so the pauses get short with the
// second.
constexpr absl::Duration kSettlingTime = absl::Seconds(60);
// Longer than the longest pause of anybody who has Spotify.
constexpr absl::Duration kMeasuredTime = absl::Seconds(150);

// Those who fetch by hand: two users more often than Spotify allows, and forty with one key of
// Last.fm, four at a time.
constexpr int kEagerSpotifyUsers = 2;
constexpr int kFetchesOfEager = 110;
constexpr int kEagerLastfmUsers = 40;
constexpr int kEagerThreads = 4;

harness::StackOptions OptionsOfStack() {
  harness::StackOptions options;
  options.sync_flags = {absl::StrCat("--sync_speedup=", kSpeedup),
                        absl::StrCat("--first_sync_delay_s=", kFirstRunSeconds)};
  options.budgets = "";
  options.standin_flags = {
      absl::StrCat("--history_plays=", kHistoryPlays),
      absl::StrCat(
          "--history_end=",
          absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now() - kHistoryAge, absl::UTCTimeZone()))};
  return options;
}

std::string IngestOf(const char* source) { return absl::StrCat(source, "_ingest"); }

// The worst moment so far.
struct Overdue {
  double intervals = 0;  // How late somebody was, in intervals of that user.
  double seconds = 0;    // How late somebody was.
  double users = 0;      // Who were late by more than an interval.
};

// Who is due and waits, in intervals that are as long as the user's last pause. Before the first
// fetch it is the shortest one that there is.
constexpr char kOverdue[] = R"(
SELECT concat_ws(' ', coalesce(max(late / interval), 0), coalesce(max(late), 0),
                 count(*) FILTER (WHERE late > interval))
FROM (SELECT extract(epoch FROM clock_timestamp() - next_run_at) AS late,
             CASE WHEN interval_ms > 0 THEN interval_ms / 1000.0 ELSE $1 END AS interval
      FROM $0.schedules WHERE enabled AND next_run_at < clock_timestamp()) AS due)";

// The system with its users.
class Sync {
 public:
  explicit Sync(int users)
      : users_(users), stack_(OptionsOfStack()), sql_(stack_.database().url()) {
    for (const char* source : kSources) StartReplica(IngestOf(source));
  }

  void Measure(Report& report);

 private:
  void StartReplica(const std::string& service);
  void StoreAllKeys();
  void AwaitFirstRuns();
  void FetchByHand();
  void Look();
  void LookUntil(absl::Time end);
  std::int64_t CountFetched();
  std::int64_t Expected() const;
  std::map<std::string, std::int64_t> Calls(const char* source) const {
    return stack_.standins().Counts(source);
  }
  void AddPromises(Report& report);
  void AddFairness(const std::map<std::string, std::int64_t>& before,
                   const std::map<std::string, std::int64_t>& after, Report& report) const;
  void AddCosts(const Cost& cost, double polls, absl::Duration time, Report& report) const;

  const int users_;
  harness::Stack stack_;
  Sql sql_;
  std::vector<Member> crowd_;
  Overdue worst_;
};

void Sync::StartReplica(const std::string& service) {
  stack_.StartReplica(service);
  const std::string replica = service + "_2";
  if (!harness::Await(
          kStartTime, [&] { return !stack_.Metrics(replica).empty(); }, absl::Milliseconds(100))) {
    throw std::runtime_error(replica + " does not start");
  }
}

std::int64_t Sync::Expected() const {
  return std::count_if(crowd_.begin(), crowd_.end(),
                       [](const Member& member) { return !member.lastfm_key.empty(); }) +
         static_cast<std::int64_t>(crowd_.size());
}

// How many users of each source have been fetched at all.
std::int64_t Sync::CountFetched() {
  std::int64_t fetched = 0;
  for (const char* source : kSources) {
    fetched += sql_.Number(
        absl::StrCat("SELECT count(last_success_at) FROM ", IngestOf(source), ".schedules"));
  }
  return fetched;
}

void Sync::Look() {
  for (const char* source : kSources) {
    const std::string text = sql_.Run(
        absl::Substitute(kOverdue, IngestOf(source), absl::ToDoubleSeconds(kShortestPause)));
    const std::vector<std::string> fields = absl::StrSplit(text, ' ');
    Overdue now;
    if (fields.size() != 3 || !absl::SimpleAtod(fields[0], &now.intervals) ||
        !absl::SimpleAtod(fields[1], &now.seconds) || !absl::SimpleAtod(fields[2], &now.users)) {
      throw std::runtime_error("who is overdue: " + text);
    }
    worst_.intervals = std::max(worst_.intervals, now.intervals);
    worst_.seconds = std::max(worst_.seconds, now.seconds);
    worst_.users = std::max(worst_.users, now.users);
  }
}

void Sync::LookUntil(absl::Time end) {
  while (absl::Now() < end) {
    absl::SleepFor(absl::Seconds(1));
    Look();
  }
}

void Sync::StoreAllKeys() {
  crowd_ = MakeCrowd(stack_, sql_, {.users = users_, .seconds_of_song = kSecondsOfSong});
  const absl::Time begin = absl::Now();
  StoreKeys(stack_, crowd_, [this] { Look(); });
  std::cerr << kScenario << ": " << Expected() << " keys in "
            << absl::FormatDuration(absl::Trunc(absl::Now() - begin, absl::Seconds(1))) << "\n";
}

void Sync::AwaitFirstRuns() {
  const absl::Time begin = absl::Now();
  while (CountFetched() < Expected() && absl::Now() < begin + kFirstRunsTime) {
    LookUntil(absl::Now() + absl::Seconds(2));
  }
  std::cerr << kScenario << ": " << CountFetched() << " users fetched after another "
            << absl::FormatDuration(absl::Trunc(absl::Now() - begin, absl::Seconds(1))) << "\n";
}

// More than the sources allow, so that the limits are what holds the calls back.
void Sync::FetchByHand() {
  const harness::Api api(stack_.http_port());
  std::vector<harness::User> spotify, lastfm;
  for (const Member& member : crowd_) {
    harness::User user;
    user.access = member.access;
    if (!member.listens && spotify.size() < kEagerSpotifyUsers) spotify.push_back(user);
    if (member.lastfm_key == crowd_.front().lastfm_key && lastfm.size() < kEagerLastfmUsers) {
      lastfm.push_back(user);
    }
  }
  std::atomic<int> odd = 0;
  const auto check = [&odd](const harness::HttpAnswer& answer) {
    if (answer.status != 200 && answer.status != 429) ++odd;
  };
  {
    std::vector<std::jthread> threads;
    for (const harness::User& user : spotify) {
      threads.emplace_back([&] {
        for (int i = 0; i < kFetchesOfEager; ++i) check(api.FetchSpotify(user));
      });
    }
    std::atomic<std::size_t> next = 0;
    for (int i = 0; i < kEagerThreads; ++i) {
      threads.emplace_back([&] {
        for (std::size_t n = next++; n < lastfm.size(); n = next++)
          check(api.FetchLastfm(lastfm[n]));
      });
    }
    for (std::jthread& thread : threads) thread.join();
  }
  if (odd > 0) throw std::runtime_error(absl::StrCat(odd.load(), " fetches were answered oddly"));
}

void Sync::AddPromises(Report& report) {
  const auto add = [&report](const std::string& what, const char* unit, double ours, double judged,
                             const char* judged_unit, double most) {
    report.Add({.scenario = kScenario,
                .what = what,
                .unit = unit,
                .ours = {ours},
                .judged = {judged},
                .judged_unit = judged_unit,
                .target = Target::AtMost(most)});
  };
  add("who was due for longest", "s", worst_.seconds, worst_.intervals, "intervals", 1);
  add("due for over an interval, at worst", "users", worst_.users, worst_.users, "users", 0);
  const auto never = static_cast<double>(Expected() - CountFetched());
  add("never fetched", "users", never, never, "users", 0);
  const struct {
    const char* source;
    const char* what;
    absl::Duration window;
    double most;
  } limits[] = {{"spotify", "calls of a Spotify user within an hour", absl::Hours(1), 100},
                {"lastfm", "calls of a Last.fm key within 1 s", absl::Seconds(1), 5},
                {"lastfm", "calls of a Last.fm key within 60 s", absl::Seconds(60), 300}};
  for (const auto& limit : limits) {
    const auto calls = static_cast<double>(
        stack_.standins().MostCalls(limit.source, absl::ToInt64Milliseconds(limit.window)));
    add(limit.what, "calls", calls, calls, "calls", limit.most);
  }
}

// Those who listen all have the same pause, so that none should be fetched much less often.
void Sync::AddFairness(const std::map<std::string, std::int64_t>& before,
                       const std::map<std::string, std::int64_t>& after, Report& report) const {
  std::vector<double> polls;
  for (const Member& member : crowd_) {
    if (!member.listens) continue;
    const auto known = before.find(member.listener);
    const auto found = after.find(member.listener);
    if (found == after.end()) {
      polls.push_back(0);
    } else {
      polls.push_back(
          static_cast<double>(found->second - (known == before.end() ? 0 : known->second)));
    }
  }
  const double fewest = *std::min_element(polls.begin(), polls.end());
  const double usual = Median(polls);
  report.Add({.scenario = kScenario,
              .what = "fetches of who listens, the fewest",
              .unit = "fetches",
              .ours = {fewest},
              .against = "the median of them",
              .peers = {usual},
              .judged = {fewest / std::max(usual, 1.0)},
              .target = Target::AtLeast(0.5)});
}

void Sync::AddCosts(const Cost& cost, double polls, absl::Duration time, Report& report) const {
  const double thousands_of_polls = polls / 1000;
  const double thousands_of_users = users_ / 1000.0;
  const double hours = absl::ToDoubleHours(time * kSpeedup);
  const auto add = [&](const std::string& what, const char* unit, double value) {
    report.Add({.scenario = kScenario,
                .what = what + ", 1,000 fetches",
                .unit = unit,
                .ours = {value / thousands_of_polls},
                .against = "1,000 users in an hour",
                .peers = {value / thousands_of_users / hours}});
  };
  add("fetches at the sources", "fetches", polls);
  double sum = 0;
  for (const auto& [name, seconds] : cost.cpu_s) {
    add("processor, " + name, "CPU s", seconds);
    sum += seconds;
  }
  add("processor, all of these", "CPU s", sum);
  add("transactions", "transactions", cost.transactions);
  add("rows written", "rows", cost.rows);
  add("WAL", "KiB", cost.wal_bytes / 1024);
}

void Sync::Measure(Report& report) {
  StoreAllKeys();
  AwaitFirstRuns();
  FetchByHand();
  LookUntil(absl::Now() + kSettlingTime);
  CostMeter meter(stack_,
                  {{"spotify_ingest", {"spotify_ingest", "spotify_ingest_2"}},
                   {"lastfm_ingest", {"lastfm_ingest", "lastfm_ingest_2"}},
                   {"song_store", {"song_store"}},
                   {"auth", {"auth"}}},
                  sql_);
  const auto spotify_before = Calls("spotify");
  const auto lastfm_before = Calls("lastfm");
  const Cost before = meter.Read();
  const absl::Time begin = absl::Now();
  LookUntil(begin + kMeasuredTime);
  const Cost cost = Difference(meter.Read(), before);
  const absl::Duration time = absl::Now() - begin;
  const auto spotify_after = Calls("spotify");
  const auto sum = [](const std::map<std::string, std::int64_t>& calls) {
    double total = 0;
    for (const auto& [name, count] : calls) total += static_cast<double>(count);
    return total;
  };
  const double polls =
      sum(spotify_after) + sum(Calls("lastfm")) - sum(spotify_before) - sum(lastfm_before);
  AddPromises(report);
  AddFairness(spotify_before, spotify_after, report);
  AddCosts(cost, polls, time, report);
  stack_.CheckHealth();
  if (::testing::UnitTest::GetInstance()->Failed()) {
    throw std::runtime_error("a process of the sync did not stay well");
  }
}

}  // namespace

void MeasureSync(const Options& options, Report& report) {
  Cluster();
  std::cerr << kScenario << ": starting the system with two replicas of each ingest service\n";
  Sync(options.sync_users).Measure(report);
}

}  // namespace playlog::bench
