#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/base/crypto.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "services/auth/erasure_store.h"
#include "services/auth/fake_erasure_store.h"
#include "services/auth/fake_store.h"
#include "services/auth/postgres_erasure_store.h"
#include "services/auth/postgres_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Field;
using ::testing::Optional;

// The two stores that a deletion goes through, with what must live as long as they.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
  virtual ErasureStore& erasures() = 0;
};

class FakeBackend final : public Backend {
 public:
  Store& store() override { return store_; }
  ErasureStore& erasures() override { return erasures_; }

 private:
  FakeStore store_;
  FakeErasureStore erasures_{store_};
};

class PostgresBackend final : public Backend {
 public:
  Store& store() override { return store_; }
  ErasureStore& erasures() override { return erasures_; }

 private:
  testing::MigratedDatabase database_{"auth", MigrationFiles()};
  PostgresStore store_{database_.pool()};
  PostgresErasureStore erasures_{database_.pool()};
};

struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

class ErasureStoreContract : public ::testing::TestWithParam<BackendKind> {
 protected:
  static absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  std::int64_t NewUser(const std::string& name) {
    return backend_->store().CreateUser(Soon(), name, "hash")->id;
  }
  void Delete(std::int64_t user_id) {
    EXPECT_THAT(backend_->store().DeleteUser(Soon(), user_id, Sha256("subject")), IsOk());
  }
  std::int64_t DeletedUser(const std::string& name) {
    const std::int64_t user_id = NewUser(name);
    Delete(user_id);
    return user_id;
  }
  static auto IsErasure(std::int64_t user_id, int attempts) {
    return IsOkAndHolds(Optional(AllOf(Field("user_id", &Erasure::user_id, user_id),
                                       Field("attempts", &Erasure::attempts, attempts))));
  }
  static auto IsNothing() { return IsOkAndHolds(Eq(std::nullopt)); }

  std::unique_ptr<Backend> backend_ = GetParam().make();
  ErasureStore& erasures_ = backend_->erasures();
};

TEST_P(ErasureStoreContract, HasNothingToDoForUsersWhoAreThere) {
  NewUser("stayer");
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, BeginsWithTheDeletionOfAUserAndEndsOnce) {
  const std::int64_t user_id = DeletedUser("leaver");
  const auto claimed = erasures_.Claim(Soon(), absl::Hours(1));
  ASSERT_THAT(claimed, IsErasure(user_id, 1));
  EXPECT_GE((*claimed)->age, absl::ZeroDuration());
  EXPECT_LT((*claimed)->age, absl::Minutes(1));
  EXPECT_THAT(erasures_.Finish(Soon(), user_id), IsOk());
  EXPECT_THAT(erasures_.Finish(Soon(), user_id), IsOk());
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, BeginsOnceHoweverOftenTheUserIsDeleted) {
  const std::int64_t user_id = DeletedUser("leaver");
  Delete(user_id);
  ASSERT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(user_id, 1));
  EXPECT_THAT(erasures_.Finish(Soon(), user_id), IsOk());
  Delete(user_id);
  Delete(user_id + 1);
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, GivesAnErasureToOneAtATime) {
  const std::int64_t first = DeletedUser("first");
  const std::int64_t second = DeletedUser("second");
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(first, 1));
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(second, 1));
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, GivesTheErasureOfOneWhoDiedToAnother) {
  const std::int64_t user_id = DeletedUser("leaver");
  EXPECT_THAT(erasures_.Claim(Soon(), absl::ZeroDuration()), IsErasure(user_id, 1));
  EXPECT_THAT(erasures_.Claim(Soon(), absl::ZeroDuration()), IsErasure(user_id, 2));
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(user_id, 3));
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, PostponesAnErasureBehindTheOthers) {
  const std::int64_t first = DeletedUser("first");
  const std::int64_t second = DeletedUser("second");
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(first, 1));
  EXPECT_THAT(erasures_.Postpone(Soon(), first, absl::ZeroDuration()), IsOk());
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(second, 1));
  EXPECT_THAT(erasures_.Postpone(Soon(), second, absl::Hours(1)), IsOk());
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsErasure(first, 2));
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, DoesNotBringBackWhatIsFinished) {
  const std::int64_t user_id = DeletedUser("leaver");
  EXPECT_THAT(erasures_.Claim(Soon(), absl::ZeroDuration()), IsErasure(user_id, 1));
  EXPECT_THAT(erasures_.Finish(Soon(), user_id), IsOk());
  EXPECT_THAT(erasures_.Postpone(Soon(), user_id, absl::ZeroDuration()), IsOk());
  EXPECT_THAT(erasures_.Claim(Soon(), absl::Hours(1)), IsNothing());
}

TEST_P(ErasureStoreContract, SharesTheErasuresBetweenManyWithoutOverlap) {
  constexpr int kUsers = 60;
  std::set<std::int64_t> deleted;
  for (int i = 0; i < kUsers; ++i) deleted.insert(DeletedUser(absl::StrCat("leaver", i)));
  absl::Mutex mutex;
  std::vector<std::int64_t> claimed;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      while (true) {
        const auto erasure = erasures_.Claim(Soon(), absl::Hours(1));
        EXPECT_THAT(erasure, IsOk());
        // One who comes while another is claiming may find nothing though there is more.
        if (!erasure.ok() || !erasure->has_value()) return;
        const absl::MutexLock lock(&mutex);
        claimed.push_back((*erasure)->user_id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto rest = erasures_.Claim(Soon(), absl::Hours(1)); rest.ok() && rest->has_value();
       rest = erasures_.Claim(Soon(), absl::Hours(1))) {
    claimed.push_back((*rest)->user_id);
  }
  EXPECT_EQ(claimed.size(), deleted.size());
  EXPECT_EQ(std::set<std::int64_t>(claimed.begin(), claimed.end()), deleted);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, ErasureStoreContract,
    ::testing::Values(BackendKind{"Fake", [] { return std::make_unique<FakeBackend>(); }},
                      BackendKind{"Postgres", [] { return std::make_unique<PostgresBackend>(); }}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace playlog::auth
