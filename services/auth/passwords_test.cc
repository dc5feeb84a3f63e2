#include "services/auth/passwords.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::StartsWith;
using namespace std::string_literals;

// As cheap as the library allows, for tests of everything but the cost.
constexpr PasswordCost kCheap{.passes = 1, .memory_bytes = 8192};

TEST(Passwords, HashesWithTheSpecifiedCost) {
  Passwords passwords;
  const auto turn = passwords.Wait(absl::InfiniteFuture());
  ASSERT_THAT(turn, IsOk());
  const absl::StatusOr<std::string> hash = turn->Hash("gondola7river");
  ASSERT_THAT(hash, IsOk());
  EXPECT_THAT(*hash, StartsWith("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_NE(*hash, *turn->Hash("gondola7river"));
  EXPECT_TRUE(turn->Verify("gondola7river", *hash));
  EXPECT_FALSE(turn->Verify("gondola7River", *hash));
  EXPECT_FALSE(passwords.IsOutdated(*hash));
}

TEST(Passwords, ComparesExactlyWhatWasSent) {
  Passwords passwords(kCheap);
  const auto turn = passwords.Wait(absl::InfiniteFuture());
  const std::vector<std::string> variants = {
      "pass\u00e9word"s,     "passe\u0301word"s,    "pass\u00e9word "s,
      " pass\u00e9word"s,    "pass\0word"s,         "pass"s,
      std::string(127, 'p'), std::string(128, 'p'), "\U0001F3B5\U0001F3B5\U0001F3B5"s};
  for (const std::string& one : variants) {
    const std::string hash = *turn->Hash(one);
    for (const std::string& other : variants) {
      EXPECT_EQ(turn->Verify(other, hash), one == other) << one << " against " << other;
    }
  }
}

TEST(Passwords, KnowsHashesOfAnotherCost) {
  Passwords before(kCheap);
  Passwords now(PasswordCost{.passes = 2, .memory_bytes = 8192});
  const std::string hash = *before.Wait(absl::InfiniteFuture())->Hash("gondola7river");
  EXPECT_TRUE(now.IsOutdated(hash));
  EXPECT_FALSE(before.IsOutdated(hash));
  EXPECT_TRUE(now.Wait(absl::InfiniteFuture())->Verify("gondola7river", hash));
}

TEST(Passwords, DoesNotTakeGarbageForAHash) {
  Passwords passwords(kCheap);
  const auto turn = passwords.Wait(absl::InfiniteFuture());
  for (const char* const hash : {"", "!", "$argon2id$", "gondola7river"}) {
    EXPECT_FALSE(turn->Verify("gondola7river", hash));
  }
}

TEST(Passwords, GivesUpAtTheDeadline) {
  Passwords passwords(kCheap);
  const auto held = passwords.Wait(absl::InfiniteFuture());
  const auto refused = passwords.Wait(absl::Now() + absl::Milliseconds(5));
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_OVERLOADED));
  EXPECT_EQ(RetryAfterOf(refused.status()), absl::Seconds(1));
}

TEST(Passwords, LetsOneRunEightWaitAndRefusesTheTenth) {
  Passwords passwords(kCheap);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> served = 0;
  std::atomic<int> refused = 0;
  absl::Notification all_came;
  std::optional<Passwords::Turn> held(*passwords.Wait(absl::InfiniteFuture()));
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      const auto turn = passwords.Wait(absl::InfiniteFuture());
      if (!turn.ok()) {
        // Four of the twelve find the queue full; the fourth lets the others go on.
        if (++refused == 12 - Passwords::kWaitingMax) all_came.Notify();
        return;
      }
      most = std::max(most.load(), ++running);
      ASSERT_THAT(turn->Hash("gondola7river"), IsOk());
      --running;
      ++served;
    });
  }
  all_came.WaitForNotification();
  held.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, Passwords::kWaitingMax);
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(most, 1);
  EXPECT_THAT(passwords.Wait(absl::InfiniteFuture()), IsOk());
}

}  // namespace
}  // namespace playlog::auth
