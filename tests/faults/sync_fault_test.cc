// Promise R3: everything that an upstream has shown is stored soon after its faults end, by
// background fetches alone.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::User;

constexpr int kUsers = 3;
// As many as Spotify shows; hours' worth, so that the last to be shown are hours late.
constexpr int kPlays = 50;
constexpr int kErrorPermille = 400;
constexpr absl::Duration kStoredWithin = absl::Seconds(60);

class SyncFaultTest : public FaultTest {
 public:
  static void SetUpTestSuite() {
    harness::StackOptions options = DirectOptions();
    // Pauses are 240 times as short.
    options.sync_flags = {"--sync_workers=4", "--first_sync_delay_s=1", "--sync_speedup=240",
                          "--sync_run_s=5"};
    SetOptions(options);
  }

 protected:
  void AddListeners() {
    for (int i = 0; i < kUsers; ++i) {
      const User user = api().NewUser();
      users_.push_back(user.id);
      for (const songs::v1::Source source : {songs::v1::SOURCE_SPOTIFY, songs::v1::SOURCE_LASTFM}) {
        const bool spotify = source == songs::v1::SOURCE_SPOTIFY;
        const std::string credential = absl::StrCat(spotify ? "s-" : "l-", user.name);
        listeners_.push_back(
            std::make_unique<Listener>(stack().standins(), source, user.id, credential));
        EXPECT_EQ((spotify ? api().StoreSpotifyToken(user, credential)
                           : api().StoreLastfmKey(user, credential, credential))
                      .status,
                  201);
      }
    }
  }

  // Four of ten answers are errors from now on.
  static void Spoil(const Listener& listener, Experiment& experiment) {
    constexpr int kAnswers = 1000;
    boost::json::array answers;
    for (int i = 0; i < kAnswers; ++i) {
      boost::json::object answer;
      if (experiment.Draw(1000) < kErrorPermille) answer["status"] = 503;
      answers.push_back(std::move(answer));
    }
    stack().standins().Script(listener.credential(), std::move(answers));
  }

  // How many answers were errors.
  static int Errors(const Listener& listener) {
    int errors = 0;
    for (const boost::json::value& call : stack().standins().Calls(listener.credential())) {
      errors += call.at("status").to_number<int>() == 503 ? 1 : 0;
    }
    return errors;
  }

  std::map<std::string, Play> Truth() const {
    std::map<std::string, Play> truth;
    for (const auto& listener : listeners_) truth.merge(listener->truth());
    return truth;
  }

  std::vector<std::int64_t> users_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

TEST_F(SyncFaultTest, R3EverythingShownIsStoredSoonAfterTheFaultsEnd) {
  Experiment experiment("R3 faulty upstreams", {.slice = 1, .gate = 1});
  const absl::Duration faulty = experiment.is_slice() ? absl::Seconds(10) : absl::Seconds(60);
  AddListeners();
  for (const auto& listener : listeners_) Spoil(*listener, experiment);
  // Plays become known in any order, the last of them when the faults end.
  std::vector<std::int64_t> numbers(kPlays);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), experiment.random());
  for (const std::int64_t number : numbers) {
    for (const auto& listener : listeners_) listener->Show(number);
    absl::SleepFor(faulty / kPlays);
  }
  int errors = 0;
  for (const auto& listener : listeners_) {
    errors += Errors(*listener);
    stack().standins().Script(listener->credential(), boost::json::array());
  }
  experiment.CountFault(errors);
  const absl::Time ended = absl::Now();
  const std::map<std::string, Play> truth = Truth();
  EXPECT_TRUE(Await(
      3 * kStoredWithin,
      [&] { return StoredPlays(stack().database(), users_).size() >= truth.size(); },
      absl::Milliseconds(200)));
  experiment.Measure(absl::Now() - ended, kStoredWithin);
  // All that was shown has been promised.
  Operation shown{.outcome = Outcome::kOk};
  for (const auto& [title, play] : truth) shown.asked.push_back(title);
  shown.confirmed = shown.asked;
  experiment.Judge(Check({shown}, truth, StoredPlays(stack().database(), users_)));
}

}  // namespace
}  // namespace playlog::faults
