// The contract of ingest::Store, on PostgreSQL and in memory.

#include "common/ingest/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/ingest/fake_store.h"
#include "common/ingest/postgres_store.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;

constexpr char kSchema[] = "spotify_ingest";

// A kept item as both stores can show it: its reason and raw text.
using Kept = std::vector<std::string>;

// Times go through the store's own clock.
MATCHER_P(IsAbout, time, "") {
  *result_listener << absl::FormatTime(arg);
  return time - absl::Seconds(1) < arg && arg < time + absl::Seconds(1);
}

class Subject {
 public:
  virtual ~Subject() = default;
  virtual Store& store() = 0;
  virtual Kept kept(std::int64_t user_id) = 0;  // Newest first.
};

class FakeSubject final : public Subject {
 public:
  Store& store() override { return store_; }
  Kept kept(std::int64_t user_id) override {
    Kept kept;
    for (const FakeStore::Rejected& row : store_.rejected(user_id)) {
      kept.insert(kept.begin(), row.item.reason + " " + row.item.raw);
    }
    return kept;
  }

 private:
  FakeStore store_;
};

class PostgresSubject final : public Subject {
 public:
  PostgresSubject() { store_ = std::make_unique<PostgresStore>(database_.pool()); }
  Store& store() override { return *store_; }
  Kept kept(std::int64_t user_id) override {
    const auto rows = database_.pool().Query(absl::Now() + absl::Seconds(5),
                                             db::Effect::kIdempotent, kShow, user_id);
    EXPECT_THAT(rows, IsOk());
    Kept kept;
    for (const db::Row row : *rows) kept.emplace_back(row.Text(0));
    return kept;
  }

 private:
  static constexpr db::Statement kShow{"show_rejected_items", R"sql(
    SELECT reason || ' ' || raw FROM rejected_items WHERE user_id = $1::bigint
    ORDER BY rejected_at DESC, raw
  )sql"};
  playlog::testing::MigratedDatabase database_{kSchema, StoreMigrations()};
  std::unique_ptr<PostgresStore> store_;
};

class StoreContract : public ::testing::TestWithParam<bool> {
 protected:
  StoreContract() {
    if (GetParam()) {
      subject_ = std::make_unique<PostgresSubject>();
    } else {
      subject_ = std::make_unique<FakeSubject>();
    }
  }
  Store& store() { return subject_->store(); }
  absl::Time Soon() { return absl::Now() + absl::Seconds(10); }
  absl::Status Record(std::int64_t user_id, const std::vector<RejectedItem>& items, int second) {
    return store().RecordRejected(user_id, "spotify", items, At(second), Soon());
  }
  static absl::Time At(int second) { return absl::FromUnixSeconds(1'700'000'000 + second); }

  static SignIn MakeSignIn(std::int64_t user_id, int number, int second) {
    SignIn sign_in{.state_digest = std::string(32, '\0'),
                   .user_id = user_id,
                   .browser_digest = std::string(32, '\xFF'),
                   .code_verifier = "verifier",
                   .begun_at = At(second)};
    sign_in.state_digest[31] = static_cast<char>(number);
    return sign_in;
  }
  // Takes it.
  bool HasSignIn(const SignIn& sign_in) {
    const auto taken = store().TakeSignIn(sign_in.state_digest, Soon());
    EXPECT_THAT(taken, IsOk());
    return taken->has_value();
  }

  std::unique_ptr<Subject> subject_;
};

TEST_P(StoreContract, KeepsEachRejectedItemOnceByUser) {
  EXPECT_THAT(Record(7, {}, 0), IsOk());
  EXPECT_THAT(Record(7, {{"a", "{\"x\\\\\": \"'\"}"}, {"b", "null"}, {"c", "null"}}, 1), IsOk());
  EXPECT_THAT(Record(7, {{"d", "null"}}, 2), IsOk());
  EXPECT_THAT(Record(8, {{"e", "null"}}, 3), IsOk());
  EXPECT_EQ(subject_->kept(7), (Kept{"d null", "a {\"x\\\\\": \"'\"}"}));
  EXPECT_EQ(subject_->kept(8), (Kept{"e null"}));
}

TEST_P(StoreContract, KeepsTheNewestThousandOfAUser) {
  EXPECT_THAT(Record(7, {{"old", "0"}}, 0), IsOk());
  std::vector<RejectedItem> items;
  for (int i = 1; i <= 999; ++i) items.push_back({"r", std::to_string(i)});
  EXPECT_THAT(Record(7, items, 1), IsOk());
  EXPECT_EQ(subject_->kept(7).size(), 1000U);
  EXPECT_EQ(subject_->kept(7).back(), "old 0");
  EXPECT_THAT(Record(7, {{"new", "1000"}}, 2), IsOk());
  EXPECT_EQ(subject_->kept(7).size(), 1000U);
  EXPECT_EQ(subject_->kept(7).front(), "new 1000");
  EXPECT_NE(subject_->kept(7).back(), "old 0");
}

TEST_P(StoreContract, TakesItemsOfTheLongestText) {
  std::vector<RejectedItem> items;
  for (int i = 0; i < 100; ++i) {
    items.push_back({"r", std::to_string(1000 + i) + std::string(kMaxRawBytes - 4, 'x')});
  }
  EXPECT_THAT(Record(7, items, 1), IsOk());
  EXPECT_EQ(subject_->kept(7).size(), 100U);
}

TEST_P(StoreContract, RemembersTheLatestRateLimitOfAKey) {
  EXPECT_THAT(store().RateLimitedUntil(7, 1, Soon()), IsOkAndHolds(absl::InfinitePast()));
  EXPECT_THAT(store().NoteRateLimit(7, 1, At(60), Soon()), IsOk());
  EXPECT_THAT(store().NoteRateLimit(7, 1, At(30), Soon()), IsOk());
  EXPECT_THAT(store().RateLimitedUntil(7, 1, Soon()), IsOkAndHolds(IsAbout(At(60))));
  EXPECT_THAT(store().RateLimitedUntil(7, 2, Soon()), IsOkAndHolds(absl::InfinitePast()));
  EXPECT_THAT(store().RateLimitedUntil(8, 1, Soon()), IsOkAndHolds(absl::InfinitePast()));
  EXPECT_THAT(store().NoteRateLimit(7, 2, At(10), Soon()), IsOk());
  EXPECT_THAT(store().RateLimitedUntil(7, 2, Soon()), IsOkAndHolds(IsAbout(At(10))));
}

TEST_P(StoreContract, RemembersTheRateLimitOfAllWhoSignedIn) {
  EXPECT_THAT(store().NoteRateLimit(kAllSignedIn, 0, At(60), Soon()), IsOk());
  EXPECT_THAT(store().RateLimitedUntil(kAllSignedIn, 0, Soon()), IsOkAndHolds(IsAbout(At(60))));
  EXPECT_THAT(store().RateLimitedUntil(7, 0, Soon()), IsOkAndHolds(absl::InfinitePast()));
}

TEST_P(StoreContract, GivesTheRightToRenewToOneHolderAtATime) {
  const auto claim = [&](std::int64_t user_id, const char* holder, absl::Duration time) {
    return store().ClaimRenewal(user_id, holder, time, Soon());
  };
  EXPECT_THAT(claim(7, "a", absl::Minutes(5)), IsOkAndHolds(true));
  EXPECT_THAT(claim(7, "b", absl::Minutes(5)), IsOkAndHolds(false));
  EXPECT_THAT(claim(8, "b", absl::Minutes(5)), IsOkAndHolds(true));
  EXPECT_THAT(claim(7, "a", absl::Minutes(5)), IsOkAndHolds(true));
  EXPECT_THAT(store().ReleaseRenewal(7, "b", Soon()), IsOk());
  EXPECT_THAT(claim(7, "b", absl::Minutes(5)), IsOkAndHolds(false));
  EXPECT_THAT(store().ReleaseRenewal(7, "a", Soon()), IsOk());
  // One whose time is over no longer counts.
  EXPECT_THAT(claim(7, "b", absl::ZeroDuration()), IsOkAndHolds(true));
  EXPECT_THAT(claim(7, "c", absl::Minutes(5)), IsOkAndHolds(true));
  EXPECT_THAT(claim(7, "b", absl::Minutes(5)), IsOkAndHolds(false));
}

TEST_P(StoreContract, GivesASignInToOneCallerAlone) {
  const SignIn sign_in = MakeSignIn(7, 1, 0);
  EXPECT_THAT(store().AddSignIn(sign_in, Soon()), IsOk());
  const auto taken = store().TakeSignIn(sign_in.state_digest, Soon());
  ASSERT_THAT(taken, IsOk());
  ASSERT_TRUE(taken->has_value());
  EXPECT_EQ((*taken)->state_digest, sign_in.state_digest);
  EXPECT_EQ((*taken)->user_id, 7);
  EXPECT_EQ((*taken)->browser_digest, sign_in.browser_digest);
  EXPECT_EQ((*taken)->code_verifier, "verifier");
  EXPECT_EQ((*taken)->begun_at, At(0));
  EXPECT_FALSE(HasSignIn(sign_in));
}

TEST_P(StoreContract, KeepsTheNewestTenSignInsOfAUser) {
  EXPECT_THAT(store().AddSignIn(MakeSignIn(8, 99, 0), Soon()), IsOk());
  for (int i = 0; i < 11; ++i) {
    EXPECT_THAT(store().AddSignIn(MakeSignIn(7, i, i), Soon()), IsOk());
  }
  EXPECT_FALSE(HasSignIn(MakeSignIn(7, 0, 0)));
  EXPECT_TRUE(HasSignIn(MakeSignIn(7, 1, 1)));
  EXPECT_TRUE(HasSignIn(MakeSignIn(7, 10, 10)));
  EXPECT_TRUE(HasSignIn(MakeSignIn(8, 99, 0)));
}

TEST_P(StoreContract, DropsSignInsThatNobodyCompleted) {
  EXPECT_THAT(store().AddSignIn(MakeSignIn(7, 1, 0), Soon()), IsOk());
  EXPECT_THAT(store().AddSignIn(MakeSignIn(7, 2, 1), Soon()), IsOk());
  EXPECT_THAT(store().AddSignIn(MakeSignIn(8, 3, 3601), Soon()), IsOk());
  EXPECT_FALSE(HasSignIn(MakeSignIn(7, 1, 0)));
  EXPECT_TRUE(HasSignIn(MakeSignIn(7, 2, 1)));
}

TEST_P(StoreContract, ErasesSignInsAndRenewals) {
  EXPECT_THAT(store().AddSignIn(MakeSignIn(7, 1, 0), Soon()), IsOk());
  EXPECT_THAT(store().AddSignIn(MakeSignIn(8, 2, 0), Soon()), IsOk());
  EXPECT_THAT(store().ClaimRenewal(7, "a", absl::Minutes(5), Soon()), IsOkAndHolds(true));
  EXPECT_THAT(store().EraseUser(7, Soon()), IsOkAndHolds(2));
  EXPECT_FALSE(HasSignIn(MakeSignIn(7, 1, 0)));
  EXPECT_TRUE(HasSignIn(MakeSignIn(8, 2, 0)));
}

TEST_P(StoreContract, ErasesAUserAlone) {
  EXPECT_THAT(Record(7, {{"a", "1"}, {"a", "2"}}, 0), IsOk());
  EXPECT_THAT(Record(8, {{"a", "1"}}, 0), IsOk());
  EXPECT_THAT(store().NoteRateLimit(7, 1, At(60), Soon()), IsOk());
  EXPECT_THAT(store().EraseUser(7, Soon()), IsOkAndHolds(3));
  EXPECT_THAT(store().EraseUser(7, Soon()), IsOkAndHolds(0));
  EXPECT_EQ(subject_->kept(7).size(), 0U);
  EXPECT_EQ(subject_->kept(8).size(), 1U);
  EXPECT_THAT(store().RateLimitedUntil(7, 1, Soon()), IsOkAndHolds(absl::InfinitePast()));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, ::testing::Bool(), [](const auto& parameter) {
  return parameter.param ? "Postgres" : "Fake";
});

}  // namespace
}  // namespace playlog::ingest
