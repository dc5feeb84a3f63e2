#include "common/ingest/key_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOkAndHolds;
using ::testing::Not;
using ::testing::Optional;

class KeyNotesTest : public ::testing::Test {
 protected:
  void Put(std::int64_t user_id) {
    vault_.Put(user_id,
               Credential{.key = Secret("k"), .account = "", .version = 1, .known_good = true});
  }
  std::optional<Schedule> Find(std::int64_t user_id) {
    return *store_.Find(user_id, absl::InfiniteFuture());
  }

  FakeClock clock_;
  FakeScheduleStore store_{clock_};
  FakeKeyVault vault_;
  KeyNotes notes_{store_,
                  vault_,
                  [] { return 0.5; },
                  {.first_run_in = absl::Seconds(60), .spread = absl::Seconds(20)}};
  rpc::Call call_;
};

TEST_F(KeyNotesTest, SchedulesTheFirstRunOfAStoredKeyNotBeforeItsTime) {
  notes_.NoteStored(call_, {.user_id = 7, .version = 3, .state = auth::v1::KEY_STATE_OK});
  ASSERT_TRUE(Find(7).has_value());
  EXPECT_EQ(Find(7)->next_run_at, clock_.Now() + absl::Seconds(70));
  EXPECT_THAT(Find(7)->key_state, Optional(auth::v1::KEY_STATE_OK));
}

TEST_F(KeyNotesTest, FindsInTheListWhomItMissed) {
  store_.FailWith(absl::UnavailableError("away"));
  notes_.NoteStored(call_, {.user_id = 7, .version = 1});
  store_.FailWith(absl::OkStatus());
  EXPECT_FALSE(Find(7).has_value());
  Put(7);
  EXPECT_THAT(notes_.NoteNextPart(call_), IsOkAndHolds(true));
  ASSERT_TRUE(Find(7).has_value());
  EXPECT_GE(Find(7)->next_run_at, clock_.Now() + absl::Seconds(60));
}

TEST_F(KeyNotesTest, ReadsALongListInPartsAndThenAnew) {
  for (int user_id = 1; user_id <= kListedKeysMax + 1; ++user_id) Put(user_id);
  EXPECT_THAT(notes_.NoteNextPart(call_), IsOkAndHolds(false));
  EXPECT_TRUE(Find(kListedKeysMax).has_value());
  EXPECT_FALSE(Find(kListedKeysMax + 1).has_value());
  EXPECT_THAT(notes_.NoteNextPart(call_), IsOkAndHolds(true));
  EXPECT_TRUE(Find(kListedKeysMax + 1).has_value());
  vault_.Remove(1);
  EXPECT_THAT(notes_.NoteNextPart(call_), testing::IsOk());
  EXPECT_EQ(Find(1)->key_state, std::nullopt);
  EXPECT_NE(Find(kListedKeysMax + 1)->key_state, std::nullopt);
}

TEST_F(KeyNotesTest, TakesAPartInAgainAfterAFault) {
  for (int user_id = 1; user_id <= kListedKeysMax + 1; ++user_id) Put(user_id);
  EXPECT_THAT(notes_.NoteNextPart(call_), IsOkAndHolds(false));
  vault_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(notes_.NoteNextPart(call_).status(), Not(testing::IsOk()));
  vault_.FailWith(absl::OkStatus());
  store_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(notes_.NoteNextPart(call_).status(), Not(testing::IsOk()));
  store_.FailWith(absl::OkStatus());
  EXPECT_THAT(notes_.NoteNextPart(call_), IsOkAndHolds(true));
  EXPECT_TRUE(Find(kListedKeysMax + 1).has_value());
}

}  // namespace
}  // namespace playlog::ingest
