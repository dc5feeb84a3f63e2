#include "services/auth/sign_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "services/auth/fake_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using namespace std::string_literals;

constexpr PasswordCost kCheap{.passes = 1, .memory_bytes = 8192};
constexpr char kPassword[] = "gondola7river";
const Attempt kAttempt = {absl::InfiniteFuture(), ""};

class SignInTest : public ::testing::Test {
 protected:
  absl::StatusOr<User> Check(const std::string& name, const std::string& password,
                             const std::string& address = "") {
    return sign_in_.Check({absl::InfiniteFuture(), address}, name, password);
  }
  absl::StatusOr<User> Register(const std::string& name, const std::string& password,
                                const std::string& address = "") {
    return sign_in_.Register({absl::InfiniteFuture(), address}, name, password);
  }
  // Changes the password of the user from its sign-in `session_id`.
  absl::Status Change(const User& user, const std::string& old_password,
                      const std::string& new_password, std::int64_t session_id = 0) {
    return sign_in_.ChangePassword({absl::InfiniteFuture(), ""}, user.id, session_id, old_password,
                                   new_password);
  }
  void FailTimes(int times, const std::string& name = "listener") {
    for (int i = 0; i < times; ++i) {
      ASSERT_THAT(Check(name, "wrong password"),
                  ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
    }
  }

  FakeClock clock_;
  FakeStore store_;
  Passwords passwords_{kCheap};
  SignIn sign_in_{store_, passwords_, clock_};
};

TEST_F(SignInTest, RecognisesTheRegisteredUserInAnyCaseOfTheName) {
  const absl::StatusOr<User> registered = Register("Listener", kPassword);
  ASSERT_THAT(registered, IsOk());
  for (const char* const name : {"Listener", "listener", "LISTENER"}) {
    const absl::StatusOr<User> user = Check(name, kPassword);
    ASSERT_THAT(user, IsOk());
    EXPECT_EQ(user->id, registered->id);
    EXPECT_EQ(user->name, "Listener");
  }
}

TEST_F(SignInTest, RefusesToRegisterWhatTheRulesForbid) {
  ASSERT_THAT(Register("taken", kPassword), IsOk());
  EXPECT_THAT(Register("TAKEN", kPassword), ErrorIs(errors::v1::ERROR_CODE_ALREADY_EXISTS));
  EXPECT_THAT(Register("a b", kPassword), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(Register("", kPassword), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(Register("a\0b"s, kPassword), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(Register("fresh", "river7x"), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(Register("fresh", std::string(129, 'p')),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(Register("fresh", "password1"), ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD));
  EXPECT_EQ(*store_.FindUserByName(absl::InfiniteFuture(), "fresh"), std::nullopt);
}

TEST_F(SignInTest, AcceptsPasswordsOfEightAnd128Characters) {
  std::string longest;
  for (int i = 0; longest.size() < 128; ++i)
    longest += "river gondola otter "s[static_cast<std::size_t>(i * 7 % 20)];
  for (const std::string& password : {"kJ8#mq2z"s, longest}) {
    const std::string name = "user" + std::to_string(password.size());
    ASSERT_THAT(Register(name, password), IsOk()) << password;
    EXPECT_THAT(Check(name, password), IsOk());
    EXPECT_THAT(Check(name, password + "x"), ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  }
}

TEST_F(SignInTest, TakesThePasswordExactlyAsSent) {
  ASSERT_THAT(Register("listener", "r\u00e9sum\u00e9 gondola "), IsOk());
  EXPECT_THAT(Check("listener", "r\u00e9sum\u00e9 gondola "), IsOk());
  EXPECT_THAT(Check("listener", "r\u00e9sum\u00e9 gondola"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_THAT(Check("listener", "re\u0301sume\u0301 gondola "),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
}

TEST_F(SignInTest, SaysTheSameForAWrongNameAWrongPasswordAndAWrongLength) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  const absl::Status expected = Check("listener", "wrong password").status();
  EXPECT_THAT(expected, ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  for (const std::string& name :
       {"listener"s, "nobody"s, "not a name"s, "a\0b"s, std::string(100'000, 'n')}) {
    for (const std::string& password :
         {"wrong password"s, "short"s, std::string(129, 'p'), std::string(900'000, 'p'), "\xff"s}) {
      EXPECT_EQ(Check(name, password).status(), expected);
    }
  }
}

TEST_F(SignInTest, ThrottlesAnAccountAfterTenFailures) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  FailTimes(5);
  clock_.Advance(absl::Minutes(1));
  FailTimes(5, "LISTENER");
  const absl::StatusOr<User> refused = Check("listener", kPassword);
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(refused.status()), absl::Minutes(4));
  EXPECT_THAT(Check("other", kPassword), ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  clock_.Advance(absl::Minutes(4) - absl::Seconds(1));
  EXPECT_THAT(Check("listener", kPassword), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Check("listener", kPassword), IsOk());
}

TEST_F(SignInTest, ThrottlesNamesThatDoNotExistAlike) {
  FailTimes(10, "nobody");
  EXPECT_THAT(Check("nobody", kPassword), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
}

TEST_F(SignInTest, DoesNotCountWhatItRefused) {
  FailTimes(10);
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(Check("listener", "wrong password"), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  }
  clock_.Advance(Throttle::kWindow);
  EXPECT_THAT(Check("listener", "wrong password"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
}

TEST_F(SignInTest, ForgetsFailuresAfterASuccess) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  FailTimes(9);
  ASSERT_THAT(Check("listener", kPassword), IsOk());
  FailTimes(9);
  EXPECT_THAT(Check("listener", kPassword), IsOk());
}

TEST_F(SignInTest, KeepsFailuresAcrossARestart) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  FailTimes(10);
  SignIn restarted(store_, passwords_, clock_);
  EXPECT_THAT(restarted.Check(kAttempt, "listener", kPassword),
              ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
}

TEST_F(SignInTest, LetsNoCrowdGuessMoreOftenThanOneGuesser) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  std::atomic<int> compared = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int guess = 0; guess < 10; ++guess) {
        const absl::Status status = Check("listener", "wrong password").status();
        if (CodeOf(status) == errors::v1::ERROR_CODE_INVALID_CREDENTIALS) ++compared;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(compared, Throttle::kAccountFailuresMax);
}

TEST_F(SignInTest, ThrottlesAnAddressAfterAHundredFailuresWhateverTheAccount) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  for (int i = 0; i < Throttle::kAddressFailuresMax; ++i) {
    ASSERT_THAT(Check("victim" + std::to_string(i), "short", "192.0.2.1"),
                ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  }
  const absl::StatusOr<User> refused = Check("listener", kPassword, "192.0.2.1");
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(refused.status()), Throttle::kWindow);
  EXPECT_THAT(Check("listener", kPassword, "192.0.2.2"), IsOk());
  clock_.Advance(Throttle::kWindow);
  EXPECT_THAT(Check("listener", kPassword, "192.0.2.1"), IsOk());
}

TEST_F(SignInTest, ForgivesAnAddressNothingForASuccess) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  for (int i = 0; i < Throttle::kAddressFailuresMax; ++i) {
    ASSERT_THAT(Check("listener", kPassword, "192.0.2.1"), IsOk());
    ASSERT_THAT(Check("victim" + std::to_string(i), "short", "192.0.2.1"),
                ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  }
  EXPECT_THAT(Check("listener", kPassword, "192.0.2.1"),
              ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
}

TEST_F(SignInTest, LimitsRegistrationsFarAboveWhatPeopleDo) {
  for (int i = 0; i < Throttle::kRegistrationsMax; ++i) {
    ASSERT_THAT(Register("listener" + std::to_string(i), "password1", "192.0.2.1"),
                ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD));
  }
  EXPECT_THAT(Register("listener", kPassword, "192.0.2.1"),
              ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(Register("listener", kPassword, "192.0.2.2"), IsOk());
  clock_.Advance(Throttle::kWindow);
  EXPECT_THAT(Register("later", kPassword, "192.0.2.1"), IsOk());
}

TEST_F(SignInTest, ChangesThePassword) {
  const User user = *Register("listener", kPassword);
  ASSERT_THAT(Change(user, kPassword, "otter 9 lanterns"), IsOk());
  EXPECT_THAT(Check("listener", kPassword), ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  EXPECT_THAT(Check("listener", "otter 9 lanterns"), IsOk());
}

TEST_F(SignInTest, RefusesANewPasswordThatRegisteringWouldRefuse) {
  const User user = *Register("vinylcollector77", kPassword);
  for (const std::string& bad : {"short"s, std::string(129, 'p'), "\xff\xfe\xff\xfe passwords"s}) {
    const absl::Status status = Change(user, kPassword, bad);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
    EXPECT_EQ(FieldOf(status), "new");
  }
  for (const std::string& weak : {"password1"s, "VinylCollector77"s}) {
    EXPECT_THAT(Change(user, kPassword, weak), ErrorIs(errors::v1::ERROR_CODE_WEAK_PASSWORD));
  }
  EXPECT_THAT(Check("vinylcollector77", kPassword), IsOk());
}

TEST_F(SignInTest, CountsAWrongOldPasswordAsAFailedSignIn) {
  const User user = *Register("listener", kPassword);
  for (const std::string& wrong : {"wrong password"s, "short"s, std::string(900'000, 'p')}) {
    EXPECT_THAT(Change(user, wrong, "otter 9 lanterns"),
                ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  }
  FailTimes(Throttle::kAccountFailuresMax - 3);
  EXPECT_THAT(Change(user, kPassword, "otter 9 lanterns"),
              ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(Check("listener", kPassword), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  clock_.Advance(Throttle::kWindow);
  EXPECT_THAT(Change(user, kPassword, "otter 9 lanterns"), IsOk());
}

TEST_F(SignInTest, ChangesNothingForAUserWhoIsGone) {
  User user = *Register("listener", kPassword);
  ++user.id;
  EXPECT_THAT(Change(user, kPassword, "otter 9 lanterns"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(SignInTest, MakesAnOutdatedHashAnew) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  Passwords dearer(PasswordCost{.passes = 2, .memory_bytes = 8192});
  SignIn now(store_, dearer, clock_);
  ASSERT_THAT(now.Check(kAttempt, "listener", "wrong password"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  const auto hash = [&] {
    return (*store_.FindUserByName(absl::InfiniteFuture(), "listener"))->password_hash;
  };
  EXPECT_TRUE(dearer.IsOutdated(hash()));
  ASSERT_THAT(now.Check(kAttempt, "listener", kPassword), IsOk());
  EXPECT_FALSE(dearer.IsOutdated(hash()));
  EXPECT_THAT(now.Check(kAttempt, "listener", kPassword), IsOk());
}

TEST_F(SignInTest, RefusesWhenTheStoreIsAway) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  store_.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(Check("listener", kPassword), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(Register("fresh", kPassword), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

// In time of the processor, which other programs do not lengthen.
double MillisecondsOfThread() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Both kinds in turn, from ever new addresses, to so many names that no throttle has a say.
void CompareTimes(int tries) {
  FakeClock clock;
  FakeStore store;
  Passwords passwords;
  SignIn sign_in(store, passwords, clock);
  const int names = tries / (Throttle::kAccountFailuresMax / 2);
  for (int i = 0; i < names; ++i) {
    ASSERT_THAT(sign_in.Register(kAttempt, absl::StrCat("listener", i), kPassword), IsOk());
  }
  std::vector<double> known;
  std::vector<double> unknown;
  for (int i = 0; i < tries; ++i) {
    const Attempt attempt = {absl::InfiniteFuture(), absl::StrCat("192.0.", i % 256, ".1")};
    for (auto& [kind, times] : {std::pair("listener", &known), std::pair("stranger", &unknown)}) {
      const std::string name = absl::StrCat(kind, i % names);
      const double start = MillisecondsOfThread();
      const absl::Status status = sign_in.Check(attempt, name, "wrong password").status();
      times->push_back(MillisecondsOfThread() - start);
      ASSERT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
    }
  }
  EXPECT_GT(Median(known), 5.0);
  EXPECT_NEAR(Median(unknown) / Median(known), 1.0, 0.05);
}

TEST(SignInTime, IsTheSameForAWrongNameAndAWrongPassword) { CompareTimes(200); }

}  // namespace
}  // namespace playlog::auth
