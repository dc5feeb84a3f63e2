// How the engine keeps an upstream's limits: its budget, and what Retry-After asks for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/ingest/engine.h"
#include "common/ingest/fake_budget_store.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_profile.h"
#include "common/ingest/fake_store.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

using Answer = std::variant<Page, UpstreamFailure>;

constexpr std::int64_t kUser = 7;
constexpr std::int64_t kOther = 8;
constexpr CallLimit kLimits[] = {{.calls = 2, .window = absl::Seconds(10)}};

// Answers empty pages, and before them what it is told to.
class FakeSource final : public Source {
 public:
  explicit FakeSource(Clock& clock) : clock_(clock) { profile_.limits = kLimits; }
  const SourceProfile& profile() const override { return profile_; }
  absl::Status CheckCredential(const Credential&) const override { return absl::OkStatus(); }
  Answer FetchPage(const Credential&, const Question&) override {
    const absl::MutexLock lock(&mutex_);
    times_.push_back(clock_.Now());
    if (answers_.empty()) return Page();
    Answer answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  void Add(UpstreamFailure::Kind kind, std::optional<absl::Duration> retry_after = {}) {
    const absl::MutexLock lock(&mutex_);
    answers_.push_back(UpstreamFailure{.kind = kind, .cause = "test", .retry_after = retry_after});
  }
  std::vector<absl::Time> times() {
    const absl::MutexLock lock(&mutex_);
    return times_;
  }

 private:
  SourceProfile profile_ = FakeProfile(songs::v1::SOURCE_SPOTIFY);
  Clock& clock_;
  absl::Mutex mutex_;
  std::deque<Answer> answers_;
  std::vector<absl::Time> times_;
};

class EngineBudgetTest : public ::testing::Test {
 protected:
  EngineBudgetTest() {
    for (const std::int64_t user_id : {kUser, kOther}) {
      vault_.Put(user_id, Credential{.key = Secret("k"), .account = "ada", .version = 1});
    }
  }
  std::unique_ptr<Engine> MakeEngine(BudgetStore& budgets, EngineOptions options = {}) {
    return std::make_unique<Engine>(
        source_, vault_, sink_, store_, clock_, [] { return 0.5; }, std::move(options), &budgets);
  }
  absl::StatusOr<Fetched> Fetch(std::int64_t user_id = kUser) {
    call_.deadline = clock_.Now() + absl::Seconds(30);
    return engine_->Fetch(call_, user_id, 50);
  }
  // When the upstream was called, in seconds from the beginning.
  std::vector<double> Times() {
    std::vector<double> times;
    for (const absl::Time time : source_.times()) {
      times.push_back(absl::ToDoubleSeconds(time - begin_));
    }
    return times;
  }

  FakeClock clock_;
  const absl::Time begin_ = clock_.Now();
  FakeSource source_{clock_};
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_{clock_};
  FakeBudgetStore budgets_{clock_};
  rpc::Call call_;
  std::unique_ptr<Engine> engine_ = MakeEngine(budgets_);
};

TEST_F(EngineBudgetTest, WaitsForTheBudgetOfTheUser) {
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Times(), ElementsAre(0, 0, AllOf(Ge(10), Le(10.1))));
  // Another user has another budget.
  EXPECT_THAT(Fetch(kOther), IsOk());
  EXPECT_LE(clock_.Now() - begin_, absl::Milliseconds(10'100));
}

TEST_F(EngineBudgetTest, AnswersAtOnceWhatDoesNotFit) {
  EngineOptions options;
  options.limits = {{.calls = 1, .window = absl::Hours(1)}};
  engine_ = MakeEngine(budgets_, std::move(options));
  EXPECT_THAT(Fetch(), IsOk());
  const absl::StatusOr<Fetched> limited = Fetch();
  EXPECT_THAT(limited, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(limited.status().message(), "It failed");
  EXPECT_THAT(RetryAfterOf(limited.status()),
              ::testing::Optional(AllOf(Ge(absl::Hours(1)), Le(absl::Seconds(3604)))));
  EXPECT_EQ(clock_.Now(), begin_);
  EXPECT_THAT(Times(), SizeIs(1));
}

TEST_F(EngineBudgetTest, CountsEveryTry) {
  source_.Add(UpstreamFailure::Kind::kTransient);
  source_.Add(UpstreamFailure::Kind::kTransient);
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Times(), ElementsAre(0, 0.4, AllOf(Ge(10), Le(10.1))));
}

TEST_F(EngineBudgetTest, CountsTheTryOfAKeyAndMakesNoneWithoutAPlace) {
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(engine_->TryKey(call_, kUser), IsOkAndHolds(Eq(true)));
  EXPECT_THAT(engine_->TryKey(call_, kUser), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(Times(), SizeIs(2));
  EXPECT_THAT(engine_->UseOfLimits(call_, kUser),
              IsOkAndHolds(ElementsAre(LimitUse{kLimits[0], 2})));
}

TEST_F(EngineBudgetTest, CallsNobodyWhileTheBudgetIsUnknown) {
  budgets_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(engine_->TryKey(call_, kUser), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(Times(), IsEmpty());
}

// Another replica is told to wait while this one waits for its budget.
TEST_F(EngineBudgetTest, R10ObeysARetryAfterThatCameWhileItWaitedForTheBudget) {
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Fetch(), IsOk());
  bool noted = false;
  call_.cancelled = [&] {
    if (!noted && clock_.Now() - begin_ > absl::Seconds(5)) {
      noted = true;
      EXPECT_THAT(store_.NoteRateLimit(kUser, 1, begin_ + absl::Seconds(20), clock_.Now()), IsOk());
    }
    return false;
  };
  EXPECT_THAT(Fetch(), IsOk());
  // When it looks again, ten seconds of it are left: a quarter of them at most is added.
  EXPECT_THAT(Times(), ElementsAre(0, 0, AllOf(Ge(20), Le(22.5))));
}

TEST_F(EngineBudgetTest, R10GivesBackThePlaceOfACallThatMustNotBeMade) {
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Fetch(), IsOk());
  call_.cancelled = [&] {
    EXPECT_THAT(store_.NoteRateLimit(kUser, 1, begin_ + absl::Hours(1), clock_.Now()), IsOk());
    return false;
  };
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(Times(), SizeIs(2));
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(engine_->UseOfLimits(call_, kUser),
              IsOkAndHolds(ElementsAre(LimitUse{kLimits[0], 0})));
}

TEST_F(EngineBudgetTest, R10AnotherReplicaObeysARetryAfterThatItDidNotSee) {
  source_.Add(UpstreamFailure::Kind::kRateLimited, absl::Seconds(29));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED)) << "it does not fit";
  engine_ = MakeEngine(budgets_);
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Times(), ElementsAre(0, AllOf(Ge(29), Le(29 * 1.25))));
}

TEST_F(EngineBudgetTest, R10OneUsersRetryAfterDelaysNobodyElse) {
  source_.Add(UpstreamFailure::Kind::kRateLimited, absl::Hours(1));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(Fetch(kOther), IsOk());
  EXPECT_EQ(clock_.Now(), begin_);
}

// Answers that there is no place until somebody has joined the fetch, and remembers how urgent it
// was.
class SlowBudgetStore final : public BudgetStore {
 public:
  absl::StatusOr<PlaceAnswer> Take(const PlaceRequest& request, absl::Time) override {
    urgent_.push_back(request.interactive);
    if (urgent_.size() > 1) return PlaceAnswer{};
    asked_.Notify();
    joined_.WaitForNotification();
    return PlaceAnswer{PlaceAnswer::Kind::kWait, absl::Seconds(1)};
  }
  absl::Status End(const std::string&, absl::Duration, absl::Time) override {
    return absl::OkStatus();
  }
  absl::Status Leave(const std::string&, absl::Time) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<int>> CountUsed(std::int64_t, std::span<const CallLimit>,
                                             absl::Time) override {
    return std::vector<int>{0};
  }

  absl::Notification asked_;
  absl::Notification joined_;
  std::vector<bool> urgent_;  // Read when the fetch is over.
};

TEST_F(EngineBudgetTest, APersonWhoJoinsABackgroundFetchMakesItUrgent) {
  SlowBudgetStore budgets;
  engine_ = MakeEngine(budgets);
  call_.deadline = clock_.Now() + absl::Seconds(30);
  rpc::Call background = call_;
  std::thread sync(
      [&] { EXPECT_THAT(engine_->Fetch(background, kUser, 50, Priority::kBackground), IsOk()); });
  budgets.asked_.WaitForNotification();
  std::thread person([&] { EXPECT_THAT(engine_->Fetch(call_, kUser, 50), IsOk()); });
  while (engine_->WaitingCallers(kUser) < 2) std::this_thread::yield();
  budgets.joined_.Notify();
  sync.join();
  person.join();
  EXPECT_THAT(budgets.urgent_, ElementsAre(false, true));
  EXPECT_THAT(Times(), ElementsAre(0)) << "it does not wait out the pause of the background";
}

}  // namespace
}  // namespace playlog::ingest
