// Promise R16, as far as steps of the clock go: a machine whose clock is set forward or back while
// the services work goes on as soon as those steps allow, and no time of a play is changed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/testing/temporary_directory.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::HttpAnswer;
using harness::User;

// Longer than any token, lease or pause of the services lasts, and a mistake that people make.
constexpr absl::Duration kStep = absl::Hours(1);
constexpr absl::Duration kBackWithin = absl::Seconds(10);
constexpr int kPlays = 20;

// By how much the clock of the services is ahead: shared with each of them (stepped_clock.cc).
class SteppedClock {
 public:
  SteppedClock() {
    const int file = open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(std::int64_t)) != 0) std::abort();
    void* const bytes =
        mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (bytes == MAP_FAILED) std::abort();
    ahead_ = static_cast<volatile std::int64_t*>(bytes);
  }

  void Set(absl::Duration ahead) { *ahead_ = absl::ToInt64Nanoseconds(ahead); }
  absl::Duration ahead() const { return absl::Nanoseconds(*ahead_); }
  std::string path() const { return directory_.path() + "/ahead"; }

 private:
  const testing::TemporaryDirectory directory_;
  volatile std::int64_t* ahead_ = nullptr;
};

class ClockStepTest : public FaultTest {
 public:
  static void SetUpTestSuite() {
    harness::StackOptions options = DirectOptions();
    options.variables.push_back(absl::StrCat("LD_PRELOAD=", PLAYLOG_STEPPED_CLOCK_LIBRARY));
    options.variables.push_back("PLAYLOG_STEPPED_CLOCK=" + clock().path());
    // The sanitizer wants to be the first library of all.
    options.sanitizer_options = "verify_asan_link_order=0";
    SetOptions(options);
  }

 protected:
  static SteppedClock& clock() {
    static SteppedClock clock;
    return clock;
  }

  // Signs a user in anew; whether it worked.
  static bool SignIn(User& user) {
    const HttpAnswer answer = api().Post(
        "/users/token/", absl::StrCat(R"({"username":)", harness::Quoted(user.name),
                                      R"(,"password":)", harness::Quoted(user.password), "}"));
    user.access = harness::Member(answer.body, "access");
    return answer.status == 200 && api().StoredSongs(user, "?limit=1").status == 200;
  }

  // The services are used as ever, soon after the step: a user signs in, fetches, reads, and leaves
  // all sign-ins, of which every process hears.
  void ExpectToGoOn(User& user, Experiment& experiment) const {
    const absl::Time stepped = absl::Now();
    EXPECT_TRUE(Await(kBackTime, [&user] { return SignIn(user); }));
    EXPECT_TRUE(Await(kBackTime, [] { return api().Get("/readyz").status == 200; }));
    experiment.Measure(absl::Now() - stepped, kBackWithin);
    FetchPlays(user, experiment);
    const absl::Time left = absl::Now();
    EXPECT_EQ(api().Post("/users/logout/", R"({"all":true})", user.access).status, 204);
    EXPECT_TRUE(Await(kBackTime, [&user] { return api().StoredSongs(user).status == 401; }));
    experiment.Measure(absl::Now() - left, kBackWithin);
  }

  void FetchPlays(const User& user, Experiment& experiment) const {
    const std::string credential = absl::StrCat("s-", user.name, "-", ++fetches_);
    Listener listener(stack().standins(), songs::v1::SOURCE_SPOTIFY, user.id, credential,
                      absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())) - absl::Hours(2) +
                          absl::Minutes(fetches_));
    for (int number = 0; number < kPlays; ++number) listener.Show(number);
    EXPECT_EQ(api().StoreSpotifyToken(user, credential).status, fetches_ == 1 ? 201 : 200);
    // Abseil looks at the machine's clock only every two seconds: until then a service may still
    // take a token or a deadline for one of another hour.
    HttpAnswer answer;
    const absl::Time begun = absl::Now();
    ASSERT_TRUE(Await(kBackTime, [&] {
      answer = api().FetchSpotify(user);
      return answer.status == 200;
    })) << answer.body;
    experiment.Measure(absl::Now() - begun, kBackWithin);
    truth_.merge(listener.truth());
    Operation shown{.outcome = Outcome::kOk, .status = 200, .confirmed = TitlesOf(answer.body)};
    for (const auto& [title, play] : truth_) shown.asked.push_back(title);
    experiment.Judge(Check({shown}, truth_, StoredPlays(stack().database(), {user.id})));
  }

 private:
  mutable int fetches_ = 0;
  mutable std::map<std::string, Play> truth_;
};

TEST_F(ClockStepTest, R16StepsOfTheClockStopNothing) {
  Experiment experiment("R16 clock steps", {.slice = 1, .gate = 3});
  stack();
  User user = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    for (const absl::Duration ahead : {kStep, absl::ZeroDuration()}) {
      SCOPED_TRACE(absl::StrCat("run ", run, ", ahead ", absl::FormatDuration(ahead)));
      ASSERT_TRUE(Await(kBackTime, [&user] { return SignIn(user); }));
      clock().Set(ahead);
      // A token of 15 minutes has ended an hour later, and one of an hour from now is nobody's yet.
      // Abseil looks at the machine's clock only every few seconds.
      EXPECT_TRUE(Await(kBackTime, [&user] { return api().StoredSongs(user).status == 401; }));
      experiment.CountFault();
      ExpectToGoOn(user, experiment);
    }
  }
}

}  // namespace
}  // namespace playlog::faults
