// Any process may be killed at any moment: what was acknowledged is still there afterwards, nothing
// was invented or doubled, and the system works again when the one process is back.

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <boost/json.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

constexpr int kListeners = 4;
constexpr int kKillsOfEach = 3;
// A request that has waited this long for a stopped process waits for that process: everything else
// on its way takes a fraction of it.
constexpr absl::Duration kSurelyStuck = absl::Milliseconds(700);
constexpr absl::Duration kBackTime = absl::Seconds(30);

// Fetches as fast as it can, from both services in turn, and writes down what was acknowledged: the
// plays of complete 200 answers.
class Ledger {
 public:
  Ledger(const std::atomic<int>& port, User user)
      : port_(port), user_(std::move(user)), thread_([this] { Work(); }) {}
  ~Ledger() { Stop(); }

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  const User& user() const { return user_; }
  std::set<std::string> acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }
  int good_answers() const { return good_answers_; }
  // When the request that is under way began; the infinite future if none is.
  absl::Time began() const {
    const std::lock_guard lock(mutex_);
    return began_;
  }
  bool fetches_spotify() const { return spotify_; }

  // What identifies a play in a fetch answer and in the store alike.
  static std::set<std::string> PlaysOf(const std::string& body, const char* list) {
    std::set<std::string> plays;
    boost::system::error_code error;
    const boost::json::value document = boost::json::parse(body, error);
    if (error) return plays;
    for (const boost::json::value& song : document.at(list).as_array()) {
      std::string time(song.at("played_at").as_string());
      if (time.back() != 'Z') time += 'Z';
      plays.insert(absl::StrCat(time, " ", std::string(song.at("title").as_string()), " ",
                                std::string(song.at("artist").as_string())));
    }
    return plays;
  }

 private:
  void Work() {
    while (!stop_) {
      const bool spotify = !spotify_;
      spotify_ = spotify;
      {
        const std::lock_guard lock(mutex_);
        began_ = absl::Now();
      }
      const Api api(port_);
      const HttpAnswer answer = spotify ? api.FetchSpotify(user_) : api.FetchLastfm(user_);
      const std::lock_guard lock(mutex_);
      began_ = absl::InfiniteFuture();
      if (answer.status != 200 || !answer.whole) continue;
      acknowledged_.merge(PlaysOf(answer.body, "data"));
      ++good_answers_;
    }
  }

  const std::atomic<int>& port_;
  const User user_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> spotify_ = false;
  std::atomic<int> good_answers_ = 0;
  mutable std::mutex mutex_;
  std::set<std::string> acknowledged_;
  absl::Time began_ = absl::InfiniteFuture();
  std::thread thread_;
};

class CrashTest : public EndToEndTest {
 protected:
  void StartLedgers() {
    port_ = stack().http_port();
    for (int i = 0; i < kListeners; ++i) {
      const User user = api().NewUser();
      // Every call finds one more new play.
      EXPECT_EQ(api().StoreSpotifyToken(user, "scenario:drift__s" + user.name).status, 201);
      EXPECT_EQ(api().StoreLastfmKey(user, "key", "scenario:drift__l" + user.name).status, 201);
      ledgers_.push_back(std::make_unique<Ledger>(port_, user));
    }
  }

  bool Concerns(const Ledger& ledger, const std::string& service) const {
    if (service == "spotify_ingest") return ledger.fetches_spotify();
    if (service == "lastfm_ingest") return !ledger.fetches_spotify();
    return true;
  }

  // Stops the process wherever it is, waits until a request that began before is stuck at it, and
  // kills it. False if no request hit it: then it goes on.
  bool KillInFlight(const std::string& service) {
    const ChildProcess& process = stack().process(service);
    const absl::Time stopped_at = absl::Now();
    process.Signal(SIGSTOP);
    const auto is_hit = [&] {
      for (const auto& ledger : ledgers_) {
        const absl::Time began = ledger->began();
        if (Concerns(*ledger, service) && began < stopped_at &&
            absl::Now() - stopped_at > kSurelyStuck) {
          return true;
        }
      }
      return false;
    };
    if (Await(kSurelyStuck * 2, is_hit)) {
      EXPECT_EQ(stack().End(service, SIGKILL), -SIGKILL);
      return true;
    }
    process.Signal(SIGCONT);
    return false;
  }

  // Whether every listener gets good answers again.
  bool AwaitGoodAnswers() const {
    std::vector<int> before;
    for (const auto& ledger : ledgers_) before.push_back(ledger->good_answers());
    return Await(kBackTime, [&] {
      for (std::size_t i = 0; i < ledgers_.size(); ++i) {
        if (ledgers_[i]->good_answers() < before[i] + 2) return false;
      }
      return true;
    });
  }

  static void ExpectAllStored(const Ledger& ledger) {
    const HttpAnswer answer = api().StoredSongs(ledger.user());
    ASSERT_EQ(answer.status, 200);
    const std::set<std::string> stored = Ledger::PlaysOf(answer.body, "results");
    EXPECT_EQ(static_cast<int>(stored.size()), CountElements(answer.body, "results"))
        << "a play is stored twice";
    int lost = 0;
    for (const std::string& play : ledger.acknowledged()) lost += stored.contains(play) ? 0 : 1;
    EXPECT_EQ(lost, 0) << "of " << ledger.acknowledged().size();
    EXPECT_GT(ledger.acknowledged().size(), 50U);
  }

  std::atomic<int> port_ = 0;
  std::vector<std::unique_ptr<Ledger>> ledgers_;
};

TEST_F(CrashTest, NothingAcknowledgedIsLostWhicheverProcessIsKilled) {
  StartLedgers();
  ASSERT_TRUE(AwaitGoodAnswers());
  for (int round = 0; round < kKillsOfEach; ++round) {
    for (const std::string& service : Stack::Services()) {
      SCOPED_TRACE(absl::StrCat(service, ", kill ", round + 1));
      // A run in which the kill hit nothing is void and repeated.
      int tries = 0;
      while (!KillInFlight(service)) ASSERT_LT(++tries, 20);
      stack().Restart(service);
      port_ = stack().http_port();
      ASSERT_TRUE(AwaitGoodAnswers());
    }
  }
  for (const auto& ledger : ledgers_) ledger->Stop();
  for (const auto& ledger : ledgers_) ExpectAllStored(*ledger);
}

TEST_F(CrashTest, ATermSignalLetsRequestsEndAndLeavesWithZero) {
  for (const std::string& service : Stack::Services()) {
    SCOPED_TRACE(service);
    const User user = api().NewUser();
    const bool lastfm = service == "lastfm_ingest";
    const std::string credential = "scenario:slow:1500__" + service + user.name;
    const HttpAnswer stored = StoreUntried(credential, [&] {
      return lastfm ? api().StoreLastfmKey(user, "key", credential)
                    : api().StoreSpotifyToken(user, credential);
    });
    ASSERT_EQ(stored.status, 201) << stored.body;
    HttpAnswer answer;
    std::thread fetch(
        [&] { answer = lastfm ? api().FetchLastfm(user) : api().FetchSpotify(user); });
    ASSERT_TRUE(
        Await(absl::Seconds(10), [&] { return !stack().standins().Calls(credential).empty(); }));
    EXPECT_EQ(stack().End(service, SIGTERM), 0);
    // The others go on, so that a service which the fetch still needs has to be back soon.
    stack().Restart(service);
    fetch.join();
    const bool was_under_way = service == "gateway" || lastfm || service == "spotify_ingest";
    if (was_under_way) {
      EXPECT_EQ(answer.status, 200) << answer.body;
    }
    ASSERT_TRUE(stack().AwaitReady(kBackTime));
    EXPECT_EQ((lastfm ? api().FetchLastfm(user) : api().FetchSpotify(user)).status, 200);
  }
}

}  // namespace
}  // namespace playlog::harness
