#ifndef PLAYLOG_TESTS_FAULTS_LOAD_H_
#define PLAYLOG_TESTS_FAULTS_LOAD_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/faults/checker.h"
#include "tests/faults/ledger.h"
#include "tests/faults/listener.h"
#include "tests/harness/api.h"
#include "tests/harness/http_client.h"
#include "tests/harness/stack.h"

namespace playlog::faults {

// The outcome that an answer of the REST API leaves: a whole 200 is kOk, a whole refusal (4xx) is
// kFailed, everything else kUnknown.
Outcome OutcomeOf(const harness::HttpAnswer& answer);

// The titles of the plays that a fetch's answer lists.
std::vector<std::string> TitlesOf(const std::string& body);

// The plays that the database has of some users, in no order. The superuser's session has to work.
std::vector<Play> StoredPlays(const testing::TestDatabase& database,
                              const std::vector<std::int64_t>& users);

// Users who fetch one new play after another from both sources, at a steady pace and each with one
// request at a time, and write what they are told into a ledger.
class FetchLoad {
 public:
  struct Options {
    int users = 4;
    absl::Duration interval = absl::Milliseconds(50);  // Between the fetches of one user.
    bool reads = false;  // Whether each fetch is followed by a request for the stored songs.
  };
  // What was seen since the load began or Forget() was called.
  struct Answers {
    std::map<int, int> statuses;  // How many answers had which; 0 for none.
    int without_retry_after = 0;  // 429 and 503 that do not say when to come back.
    std::string refusal;          // What the last answer that was no whole 200 had to say.
    std::string refused;          // The id of its request.
    absl::Duration longest = absl::ZeroDuration();
  };

  // Signs the users up. What is referred to lives longer.
  FetchLoad(const harness::Stack& stack, Ledger& ledger, const Options& options);
  ~FetchLoad();
  FetchLoad(const FetchLoad&) = delete;
  FetchLoad& operator=(const FetchLoad&) = delete;

  void Start();
  // Waits for the requests that are under way.
  void Stop();

  // Sends the requests from now on to another port than the stack's gateway; 0 takes that back.
  // When it returns, whatever goes to the port of before has been sent, as when a load balancer has
  // taken a gateway out.
  void SendTo(int port);

  int in_flight() const { return in_flight_; }
  // Waits until a request is under way. False if none is for long.
  bool AwaitRequest() const;
  // Waits until every user has had a good answer from both sources, to requests made from now on.
  // False if that takes longer.
  bool AwaitGoodAnswers(absl::Duration time) const;
  Answers answers() const;
  void Forget();

  const harness::User& user(std::size_t index) const { return persons_[index]->user; }
  std::vector<std::int64_t> users() const;
  // Of all users at both stand-ins.
  std::vector<std::string> credentials() const;
  std::map<std::string, Play> truth() const;

 private:
  // One user and the same person at both sources.
  struct Person {
    harness::User user;
    std::unique_ptr<Listener> listeners[2];
    std::atomic<int> good[2] = {0, 0};  // Good answers of either source.
    std::thread thread;
  };

  void Work(Person& person);
  void FetchOnce(Person& person, int source);
  void ReadOnce(const Person& person);
  // Connects to the port of now and sends.
  std::unique_ptr<harness::HttpConnection> Send(const std::string& request);
  void Note(const harness::HttpAnswer& answer);

  const harness::Stack& stack_;
  Ledger& ledger_;
  const Options options_;
  std::vector<std::unique_ptr<Person>> persons_;
  std::atomic<bool> stop_ = true;
  std::atomic<int> in_flight_ = 0;
  std::shared_mutex port_mutex_;  // Shared by those who choose a port and send to it.
  int port_ = 0;
  mutable std::mutex mutex_;
  Answers answers_;  // Guarded by the mutex.
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_LOAD_H_
