// The promise R9 in miniature: whatever the replicas and the network do, no window of an upstream
// sees more calls than its limit, and the limit is used.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/ingest/budget.h"
#include "common/ingest/fake_profile.h"
#include "common/ingest/postgres_budget_store.h"
#include "common/ingest/postgres_store.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::testing::SizeIs;

constexpr char kSchema[] = "lastfm_ingest";
constexpr absl::Duration kTime = absl::Seconds(12);
// The second one binds over time: six calls a second.
const std::vector<CallLimit> kLimits = {{.calls = 8, .window = absl::Seconds(1)},
                                        {.calls = 24, .window = absl::Seconds(4)}};
constexpr double kAllowedPerSecond = 6;

// Remembers on its own clock when calls arrive, some time after they were sent.
class Upstream {
 public:
  void Call(std::int64_t user_id, std::mt19937& random) {
    std::uniform_int_distribution<int> outward_ms(0, 100);
    std::uniform_int_distribution<int> homeward_ms(0, 20);
    absl::SleepFor(absl::Milliseconds(outward_ms(random)));
    {
      const absl::MutexLock lock(&mutex_);
      arrivals_.emplace_back(absl::Now(), user_id);
    }
    absl::SleepFor(absl::Milliseconds(homeward_ms(random)));
  }
  // The most calls within any window that begins with a call.
  std::size_t MostWithin(absl::Duration window) const {
    const absl::MutexLock lock(&mutex_);
    std::size_t most = 0;
    std::size_t first = 0;
    for (std::size_t last = 0; last < arrivals_.size(); ++last) {
      while (arrivals_[last].first - arrivals_[first].first >= window) ++first;
      most = std::max(most, last - first + 1);
    }
    return most;
  }
  std::map<std::int64_t, int> CallsByUser() const {
    const absl::MutexLock lock(&mutex_);
    std::map<std::int64_t, int> calls;
    for (const auto& [arrived_at, user_id] : arrivals_) ++calls[user_id];
    return calls;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::pair<absl::Time, std::int64_t>> arrivals_;  // In order.
};

// One process of a service.
struct Replica {
  explicit Replica(const std::string& url)
      : pool(*db::Pool::Create({.url = Secret(url),
                                .schema = kSchema,
                                .wait = absl::Seconds(20),
                                .statement_timeout = absl::Seconds(20),
                                .lock_timeout = absl::Seconds(20)})),
        store(*pool),
        budget(&store, kProfile, kLimits, Clock::System()) {}

  static constexpr SourceProfile kProfile = FakeProfile(songs::v1::SOURCE_LASTFM);
  const std::unique_ptr<db::Pool> pool;
  PostgresBudgetStore store;
  Budget budget;
};

// Calls as often as it may until the time is over.
void CallOn(Budget& budget, std::int64_t user_id, absl::Time end, unsigned seed,
            Upstream& upstream) {
  std::mt19937 random(seed);
  rpc::Call call;
  call.cancelled = [end] { return absl::Now() >= end; };
  const Urgency urgency = [] { return Priority::kBackground; };
  while (!call.IsCancelled()) {
    auto place = budget.Take(call, "subject", user_id, urgency, absl::Now() + absl::Minutes(5));
    if (absl::IsCancelled(place.status())) return;
    ASSERT_THAT(place, IsOk());
    upstream.Call(user_id, random);
    place->End(true);
  }
}

TEST(BudgetStress, R9NoWindowOfTheUpstreamSeesMoreThanItsLimitAndItIsUsed) {
  const playlog::testing::TestDatabase database;
  ASSERT_THAT(db::Migrate({.url = Secret(database.url()),
                           .schema = kSchema,
                           .files = StoreMigrations(),
                           .deadline = absl::Now() + absl::Seconds(30)}),
              IsOk());
  Replica replicas[] = {Replica(database.url()), Replica(database.url())};
  Upstream upstream;
  const absl::Time end = absl::Now() + kTime;
  std::vector<std::thread> threads;
  // The first of four users has more calls under way than the others together.
  const std::int64_t users[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4};
  for (unsigned i = 0; i < std::size(users); ++i) {
    threads.emplace_back([&, i] { CallOn(replicas[i % 2].budget, users[i], end, i, upstream); });
  }
  for (std::thread& thread : threads) thread.join();

  for (const CallLimit& limit : kLimits) {
    EXPECT_LE(upstream.MostWithin(limit.window), static_cast<std::size_t>(limit.calls))
        << absl::FormatDuration(limit.window);
  }
  const std::map<std::int64_t, int> by_user = upstream.CallsByUser();
  ASSERT_THAT(by_user, SizeIs(4));
  int all = 0;
  for (const auto& [user_id, calls] : by_user) all += calls;
  const double allowed = kAllowedPerSecond * absl::ToDoubleSeconds(kTime);
  std::cout << all << " calls of " << allowed << " allowed\n";
  EXPECT_GE(all, 0.8 * allowed);
  for (const auto& [user_id, calls] : by_user) {
    EXPECT_GE(calls, all / 4 / 2) << "user " << user_id << " starves";
  }
}

}  // namespace
}  // namespace playlog::ingest
