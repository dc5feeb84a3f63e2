// Promises R9 and R10: no upstream ever sees more calls than it takes, and a Retry-After is obeyed,
// by all replicas and across their deaths.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "playlog/lastfm/v1/lastfm_ingest_service.grpc.pb.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/faults/replica.h"

namespace playlog::faults {
namespace {

using harness::User;
using lastfm::v1::LastfmIngestService;

constexpr char kService[] = "lastfm_ingest";
constexpr char kReplica[] = "lastfm_ingest_2";
// What Last.fm takes: 5 calls in a second and 300 in a minute.
constexpr int kInASecond = 5;
constexpr int kInAMinute = 300;
constexpr int kUsers = 6;
constexpr int kLeastUse = 80;  // Per cent of what is allowed.
constexpr absl::Duration kCallTime = absl::Seconds(30);

// The most calls within a span that begins with one of them.
int MostWithin(const std::vector<std::int64_t>& times_ms, absl::Duration span) {
  std::ptrdiff_t most = 0;
  for (auto first = times_ms.begin(); first != times_ms.end(); ++first) {
    const auto end =
        std::lower_bound(first, times_ms.end(), *first + absl::ToInt64Milliseconds(span));
    most = std::max(most, end - first);
  }
  return static_cast<int>(most);
}

class LimitTest : public FaultTest {
 public:
  static void SetUpTestSuite() {
    harness::StackOptions options = DirectOptions();
    options.budgets = "";  // The sources' own limits.
    SetOptions(options);
  }

 protected:
  LimitTest() {
    stack().StartReplica(kService);
    for (const char* process : {kService, kReplica}) Connect(process);
  }
  ~LimitTest() override {
    stack().End(kReplica, SIGTERM);
    stack().Forget(kReplica);
  }

  void Connect(const std::string& process) {
    stubs_[process] = AwaitReplica<LastfmIngestService>(stack(), kService, process);
  }

  struct Listener {
    User user;
    std::string name;
  };
  static Listener NewListener(const std::string& key) {
    Listener listener{api().NewUser(), ""};
    listener.name = "l-" + listener.user.name;
    EXPECT_EQ(api().StoreLastfmKey(listener.user, key, listener.name).status, 201);
    return listener;
  }

  // Fetches at one of the processes. The process may die meanwhile.
  grpc::Status Fetch(const Listener& listener, const std::string& process) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTime));
    rpc::AddMetadata(context, rpc::kAuthorizationKey,
                     absl::StrCat("Bearer ", listener.user.access));
    lastfm::v1::FetchRecentTracksResponse response;
    return stubs_.at(process)->FetchRecentTracks(&context, lastfm::v1::FetchRecentTracksRequest(),
                                                 &response);
  }

  // When the upstream got the calls of a listener.
  static std::vector<std::int64_t> CallsOf(const Listener& listener) {
    std::vector<std::int64_t> times_ms;
    for (const boost::json::value& call : stack().standins().Calls(listener.name)) {
      times_ms.push_back(call.at("time_ms").to_number<std::int64_t>());
    }
    return times_ms;
  }

  // By the upstream's own clock: never too many, nearly as many as it takes, and everybody's share.
  static void ExpectWithinLimits(const std::vector<Listener>& listeners, absl::Duration time) {
    std::vector<std::int64_t> all;
    std::vector<std::size_t> shares;
    for (const Listener& listener : listeners) {
      const std::vector<std::int64_t> calls = CallsOf(listener);
      all.insert(all.end(), calls.begin(), calls.end());
      shares.push_back(calls.size());
    }
    std::sort(all.begin(), all.end());
    EXPECT_LE(MostWithin(all, absl::Seconds(1)), kInASecond);
    EXPECT_LE(MostWithin(all, absl::Minutes(1)), kInAMinute);
    const double allowed = kInASecond * absl::ToDoubleSeconds(time);
    EXPECT_GE(static_cast<double>(all.size()), allowed * kLeastUse / 100);
    const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
    EXPECT_GE(2 * *least * shares.size(), all.size()) << "somebody starves: " << *least;
    EXPECT_LE(*most * shares.size(), 2 * all.size()) << "somebody takes too much: " << *most;
  }

  // Kills a process of the two and starts it again.
  static void Replace(const std::string& process) {
    EXPECT_EQ(stack().End(process, SIGKILL), -SIGKILL);
    process == kReplica ? stack().StartReplica(kService) : stack().Restart(kService);
  }

  std::map<std::string, std::unique_ptr<LastfmIngestService::Stub>> stubs_;
};

TEST_F(LimitTest, R9NoWindowSeesMoreCallsThanItsLimit) {
  Experiment experiment("R9 limits", {.slice = 1, .gate = 3});
  const absl::Duration time = experiment.is_slice() ? absl::Seconds(15) : absl::Seconds(60);
  for (int run = 0; run < experiment.runs(); ++run) {
    std::vector<Listener> listeners;
    const std::string key = absl::StrCat("key-", experiment.seed(), "-", run);
    for (int i = 0; i < kUsers; ++i) listeners.push_back(NewListener(key));
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    // At each process everybody asks as fast as answers come, which is more than is allowed.
    for (const Listener& listener : listeners) {
      for (const char* process : {kService, kReplica}) {
        threads.emplace_back([&, process] {
          while (!stop) Fetch(listener, process);
        });
      }
    }
    const absl::Time end = absl::Now() + time;
    while (absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(2000 + experiment.Draw(4000)));
      Replace(experiment.Draw(2) == 0 ? kService : kReplica);
      experiment.CountFault();
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    ExpectWithinLimits(listeners, time);
    for (const char* process : {kService, kReplica}) Connect(process);
  }
}

TEST_F(LimitTest, R10ARetryAfterIsObeyedByWhoeverIsLeft) {
  Experiment experiment("R10 waits", {.slice = 4, .gate = 20});
  const int longest = experiment.is_slice() ? 8 : 60;
  std::vector<Listener> listeners;
  std::vector<int> seconds;
  for (int run = 0; run < experiment.runs(); ++run) {
    listeners.push_back(NewListener(absl::StrCat("key-", experiment.seed(), "-", run)));
    seconds.push_back(1 + experiment.Draw(longest));
    boost::json::object whose, headers, answer;
    // The try that storing the key has made counts for nothing.
    whose["credential"] = listeners.back().name;
    stack().standins().Post("reset", std::move(whose));
    headers["Retry-After"] = absl::StrCat(seconds.back());
    answer["status"] = 429;
    answer["headers"] = std::move(headers);
    stack().standins().Script(listeners.back().name, boost::json::array{std::move(answer)});
  }
  // The first process is told to wait, and dies while it does.
  std::vector<std::thread> first;
  for (const Listener& listener : listeners) {
    first.emplace_back([this, &listener] { Fetch(listener, kService); });
  }
  for (const Listener& listener : listeners) {
    ASSERT_TRUE(harness::Await(kBackTime, [&] { return !CallsOf(listener).empty(); }));
  }
  absl::SleepFor(absl::Milliseconds(300));  // What it was told is written down by then.
  Replace(kService);
  for (std::thread& thread : first) thread.join();
  std::vector<std::thread> second;
  for (const Listener& listener : listeners) {
    second.emplace_back([this, &listener] {
      while (!Fetch(listener, kReplica).ok()) absl::SleepFor(absl::Milliseconds(50));
    });
  }
  for (std::thread& thread : second) thread.join();
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const std::vector<std::int64_t> calls = CallsOf(listeners[i]);
    ASSERT_GE(calls.size(), 2U);
    experiment.CountFault();
    const absl::Duration waited = absl::Milliseconds(calls[1] - calls[0]);
    EXPECT_GE(waited, absl::Seconds(seconds[i]));
    experiment.Measure(waited - absl::Seconds(seconds[i]),
                       absl::Seconds(0.25 * seconds[i]) + absl::Seconds(1));
  }
}

}  // namespace
}  // namespace playlog::faults
