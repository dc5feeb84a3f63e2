#include "common/ingest/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "common/ingest/fake_budget_store.h"
#include "common/ingest/fake_profile.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

constexpr std::int64_t kUser = 7;
constexpr SourceProfile kProfile = FakeProfile(songs::v1::SOURCE_SPOTIFY);

class BudgetTest : public ::testing::Test {
 protected:
  BudgetTest() { call_.deadline = absl::InfiniteFuture(); }
  absl::StatusOr<Budget::Place> Take(absl::Duration time = absl::Minutes(1),
                                     Priority priority = Priority::kInteractive) {
    return budget_.Take(
        call_, "subject", kUser, [priority] { return priority; }, clock_.Now() + time);
  }
  // Makes the calls that the limit allows; they end at once.
  void Fill() {
    for (int i = 0; i < 2; ++i) {
      auto place = Take();
      ASSERT_THAT(place, IsOk());
      place->End(true);
    }
  }
  absl::Duration Passed() { return clock_.Now() - begin_; }

  FakeClock clock_;
  const absl::Time begin_ = clock_.Now();
  FakeBudgetStore store_{clock_};
  rpc::Call call_;
  Budget budget_{&store_, kProfile, {{.calls = 2, .window = absl::Seconds(10)}}, clock_};
};

TEST_F(BudgetTest, AsksNobodyWhereThereIsNoLimit) {
  Budget unlimited(nullptr, kProfile, {}, clock_);
  const Urgency urgency = [] { return Priority::kBackground; };
  EXPECT_THAT(unlimited.Take(call_, "subject", kUser, urgency, begin_), IsOk());
  EXPECT_THAT(unlimited.Use(kUser, begin_), IsOkAndHolds(IsEmpty()));
}

TEST_F(BudgetTest, WaitsUntilAPlaceIsFreeAndNotMuchLonger) {
  Fill();
  EXPECT_THAT(Take(), IsOk());
  // A thousandth more than the window, since clocks differ.
  EXPECT_THAT(Passed(), AllOf(Ge(absl::Milliseconds(10'010)), Le(absl::Milliseconds(10'020))));
  EXPECT_LE(store_.asked(), 2 + 13) << "about once a second";
  EXPECT_EQ(store_.waiting(), 0);
}

TEST_F(BudgetTest, SaysAtOnceThatThereIsNoPlaceInTime) {
  Fill();
  clock_.Advance(absl::Milliseconds(2500));
  const absl::StatusOr<Budget::Place> refused = Take(absl::Seconds(5));
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(refused.status().message(), "It failed");
  EXPECT_EQ(RetryAfterOf(refused.status()), absl::Seconds(8)) << "7.5 s, in whole seconds";
  EXPECT_EQ(Passed(), absl::Milliseconds(2500));
  EXPECT_EQ(store_.waiting(), 0);
}

TEST_F(BudgetTest, StopsWaitingWhenNobodyWaitsForTheCall) {
  Fill();
  call_.cancelled = [&] { return Passed() > absl::Seconds(3); };
  EXPECT_THAT(Take(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LT(Passed(), absl::Seconds(4));
  EXPECT_EQ(store_.waiting(), 0);
}

TEST_F(BudgetTest, AsksAgainAtOnceWhenTheCallBecomesUrgent) {
  Fill();
  int asked = 0;
  const Urgency urgency = [&] {
    if (Passed() < absl::Milliseconds(300)) return Priority::kBackground;
    // The other one comes in the middle of the first pause, and would else be served first.
    if (asked == 0) asked = store_.asked();
    return Priority::kInteractive;
  };
  call_.cancelled = [&] { return asked != 0 && store_.asked() > asked; };
  EXPECT_THAT(budget_.Take(call_, "subject", kUser, urgency, begin_ + absl::Minutes(1)),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LT(Passed(), absl::Milliseconds(500));
}

TEST_F(BudgetTest, ACallThatWasGivenUpCountsASecondLonger) {
  { const auto place = Take(); }
  auto other = Take();
  ASSERT_THAT(other, IsOk());
  other->End(true);
  clock_.Advance(absl::Milliseconds(10'100));
  auto third = Take();
  ASSERT_THAT(third, IsOk());
  EXPECT_EQ(Passed(), absl::Milliseconds(10'100));
  EXPECT_THAT(Take(), IsOk());
  EXPECT_GE(Passed(), absl::Seconds(11));
}

TEST_F(BudgetTest, APlaceThatIsGivenBackIsFree) {
  Fill();
  clock_.Advance(absl::Seconds(11));
  auto first = Take();
  auto second = Take();
  ASSERT_THAT(second, IsOk());
  second->GiveBack();
  EXPECT_THAT(Take(absl::ZeroDuration()), IsOk());
  // Nothing is ended twice.
  second->End(true);
  EXPECT_THAT(Take(absl::ZeroDuration()), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
}

TEST_F(BudgetTest, AllowsNothingWhileItsStoreIsAway) {
  store_.FailWith(Error(errors::v1::ERROR_CODE_OVERLOADED, "busy"));
  EXPECT_THAT(Take(), ErrorIs(errors::v1::ERROR_CODE_OVERLOADED));
  store_.FailWith(absl::OkStatus());
  Fill();
  call_.cancelled = [&] {
    if (Passed() > absl::Seconds(2)) store_.FailWith(absl::UnavailableError("away"));
    return false;
  };
  EXPECT_THAT(Take(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(BudgetTest, TellsWhatIsUsed) {
  const CallLimit limit{.calls = 2, .window = absl::Seconds(10)};
  EXPECT_THAT(budget_.Use(kUser, begin_), IsOkAndHolds(ElementsAre(LimitUse{limit, 0})));
  Fill();
  EXPECT_THAT(budget_.Use(kUser, begin_), IsOkAndHolds(ElementsAre(LimitUse{limit, 2})));
  clock_.Advance(absl::Seconds(11));
  EXPECT_THAT(budget_.Use(kUser, begin_), IsOkAndHolds(ElementsAre(LimitUse{limit, 0})));
}

}  // namespace
}  // namespace playlog::ingest
