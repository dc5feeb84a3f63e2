#include "services/auth/sign_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

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

class SignInTest : public ::testing::Test {
 protected:
  absl::StatusOr<User> Check(const std::string& name, const std::string& password) {
    return sign_in_.Check(absl::InfiniteFuture(), name, password);
  }
  absl::StatusOr<User> Register(const std::string& name, const std::string& password) {
    return sign_in_.Register(absl::InfiniteFuture(), name, password);
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
  clock_.Advance(SignIn::kFailureWindow);
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
  EXPECT_THAT(restarted.Check(absl::InfiniteFuture(), "listener", kPassword),
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
  EXPECT_EQ(compared, SignIn::kFailuresMax);
}

TEST_F(SignInTest, MakesAnOutdatedHashAnew) {
  ASSERT_THAT(Register("listener", kPassword), IsOk());
  Passwords dearer(PasswordCost{.passes = 2, .memory_bytes = 8192});
  SignIn now(store_, dearer, clock_);
  ASSERT_THAT(now.Check(absl::InfiniteFuture(), "listener", "wrong password"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  const auto hash = [&] {
    return (*store_.FindUserByName(absl::InfiniteFuture(), "listener"))->password_hash;
  };
  EXPECT_TRUE(dearer.IsOutdated(hash()));
  ASSERT_THAT(now.Check(absl::InfiniteFuture(), "listener", kPassword), IsOk());
  EXPECT_FALSE(dearer.IsOutdated(hash()));
  EXPECT_THAT(now.Check(absl::InfiniteFuture(), "listener", kPassword), IsOk());
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

TEST(SignInTime, IsTheSameForAWrongNameAndAWrongPassword) {
  FakeClock clock;
  FakeStore store;
  Passwords passwords;
  SignIn sign_in(store, passwords, clock);
  ASSERT_THAT(sign_in.Register(absl::InfiniteFuture(), "listener", kPassword), IsOk());
  std::vector<double> known;
  std::vector<double> unknown;
  for (int i = 0; i < 15; ++i) {
    for (auto& [name, times] : {std::pair("listener", &known), std::pair("nobody", &unknown)}) {
      const double start = MillisecondsOfThread();
      ASSERT_THAT(sign_in.Check(absl::InfiniteFuture(), name, "wrong password"),
                  ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
      times->push_back(MillisecondsOfThread() - start);
    }
    clock.Advance(absl::Minutes(1));
  }
  EXPECT_GT(Median(known), 5.0);
  EXPECT_NEAR(Median(unknown) / Median(known), 1.0, 0.2);
}

}  // namespace
}  // namespace playlog::auth
