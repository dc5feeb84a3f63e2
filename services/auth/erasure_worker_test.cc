#include "services/auth/erasure_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "services/auth/fake_erasers.h"
#include "services/auth/fake_erasure_store.h"
#include "services/auth/fake_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ErasureStepTest : public ::testing::Test {
 protected:
  std::int64_t DeletedUser(const std::string& name) {
    const std::int64_t user_id = store_.CreateUser(absl::InfiniteFuture(), name, "hash")->id;
    EXPECT_THAT(store_.DeleteUser(absl::InfiniteFuture(), user_id, "subject"), IsOk());
    return user_id;
  }

  const absl::Status away_ = Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away");
  testing::FakeClock clock_;
  FakeStore store_;
  FakeErasureStore erasures_{store_, clock_};
  FakeErasers erasers_;
  ErasureStep step_{erasures_, erasers_};
};

TEST_F(ErasureStepTest, HasNothingToDoWithoutADeletion) {
  EXPECT_THAT(step_.Run(), IsOkAndHolds(false));
  EXPECT_THAT(erasers_.erased(), IsEmpty());
}

TEST_F(ErasureStepTest, ErasesADeletedUserOnce) {
  const std::int64_t user_id = DeletedUser("leaver");
  EXPECT_FALSE(erasures_.AllDone());
  EXPECT_THAT(step_.Run(), IsOkAndHolds(true));
  EXPECT_TRUE(erasures_.AllDone());
  EXPECT_THAT(step_.Run(), IsOkAndHolds(false));
  EXPECT_THAT(erasers_.erased(), ElementsAre(user_id));
}

TEST_F(ErasureStepTest, TriesAgainWithinFiveSecondsHoweverLongANeighbourIsAway) {
  const std::int64_t user_id = DeletedUser("leaver");
  erasers_.FailWith(away_);
  for (int attempt = 0; attempt < 100; ++attempt) {
    ASSERT_THAT(step_.Run(), IsOkAndHolds(true)) << attempt;
    EXPECT_THAT(step_.Run(), IsOkAndHolds(false)) << attempt;
    clock_.Advance(absl::Seconds(5));
  }
  erasers_.FailWith(absl::OkStatus());
  EXPECT_THAT(step_.Run(), IsOkAndHolds(true));
  EXPECT_THAT(erasers_.erased(), ElementsAre(user_id));
  EXPECT_TRUE(erasures_.AllDone());
}

TEST_F(ErasureStepTest, TakesOverFromOneWhoDiedInTheMiddleInTime) {
  const std::int64_t user_id = DeletedUser("leaver");
  // The one who dies: it has claimed the erasure, and then nothing comes of it.
  struct Death {};
  class Deadly final : public Erasers {
    absl::Status EraseUser(const rpc::Call&, std::int64_t) override { throw Death(); }
  } deadly;
  ErasureStep dying(erasures_, deadly);
  EXPECT_THROW((void)dying.Run(), Death);
  EXPECT_THAT(step_.Run(), IsOkAndHolds(false));
  clock_.Advance(absl::Seconds(20));
  EXPECT_THAT(step_.Run(), IsOkAndHolds(true));
  EXPECT_THAT(erasers_.erased(), ElementsAre(user_id));
}

TEST_F(ErasureStepTest, LetsOneErasureThatFailsNotHoldUpTheOthers) {
  DeletedUser("first");
  erasers_.FailWith(away_);
  EXPECT_THAT(step_.Run(), IsOkAndHolds(true));
  erasers_.FailWith(absl::OkStatus());
  const std::int64_t second = DeletedUser("second");
  EXPECT_THAT(step_.Run(), IsOkAndHolds(true));
  EXPECT_THAT(erasers_.erased(), ElementsAre(second));
}

TEST_F(ErasureStepTest, TellsWhenTheStoreIsAway) {
  DeletedUser("leaver");
  erasures_.FailWith(away_);
  EXPECT_THAT(step_.Run(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(erasers_.erased(), IsEmpty());
}

TEST(ErasureWorker, ErasesWhatItFindsAndWhatItIsWokenFor) {
  FakeStore store;
  FakeErasureStore erasures(store);
  FakeErasers erasers;
  const auto delete_user = [&](const std::string& name) {
    const std::int64_t user_id = store.CreateUser(absl::InfiniteFuture(), name, "hash")->id;
    EXPECT_THAT(store.DeleteUser(absl::InfiniteFuture(), user_id, "subject"), IsOk());
  };
  const auto await_all_done = [&] {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (!erasures.AllDone() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(1));
    return erasures.AllDone();
  };
  delete_user("before");
  ErasureWorker worker(erasures, erasers);
  EXPECT_TRUE(await_all_done());
  delete_user("later");
  worker.Wake();
  EXPECT_TRUE(await_all_done());
  delete_user("unannounced");
  EXPECT_TRUE(await_all_done());
  EXPECT_EQ(erasers.erased().size(), 3U);
}

}  // namespace
}  // namespace playlog::auth
