#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/base/crypto.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "services/auth/audit.h"
#include "services/auth/fake_audit.h"
#include "services/auth/fake_store.h"
#include "services/auth/postgres_audit.h"
#include "services/auth/postgres_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixMicros(1'700'000'000'123'456);

// An audit with what must live as long as it.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& users() = 0;
  virtual Audit& audit() = 0;
};

class FakeBackend final : public Backend {
 public:
  Store& users() override { return users_; }
  Audit& audit() override { return audit_; }

 private:
  FakeStore users_;
  FakeAudit audit_{users_};
};

class PostgresBackend final : public Backend {
 public:
  Store& users() override { return users_; }
  Audit& audit() override { return audit_; }
  const testing::TestDatabase& database() { return database_.database(); }
  db::Pool& pool() { return database_.pool(); }

 private:
  testing::MigratedDatabase database_{"auth", MigrationFiles()};
  PostgresStore users_{database_.pool()};
  PostgresAudit audit_{database_.pool()};
};

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

AuditEvent Opened(std::int64_t user_id, const std::string& request_id = "request-1") {
  return {.user_id = user_id,
          .at = kNow,
          .action = v1::AUDIT_ACTION_KEY_OPENED,
          .service_name = "spotify",
          .by = "spotify_ingest",
          .request_id = request_id};
}

struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

class AuditContract : public ::testing::TestWithParam<BackendKind> {
 protected:
  std::int64_t NewUser(const std::string& name) {
    return backend_->users().CreateUser(Soon(), name, "hash")->id;
  }
  std::vector<std::string> RequestsOf(std::int64_t user_id, std::optional<std::int64_t> before,
                                      int limit) {
    std::vector<std::string> requests;
    const auto events = audit_.List(Soon(), user_id, before, limit);
    EXPECT_THAT(events, IsOk());
    for (const AuditEvent& event : *events) {
      requests.push_back(event.request_id);
    }
    return requests;
  }

  std::unique_ptr<Backend> backend_ = GetParam().make();
  Audit& audit_ = backend_->audit();
  const std::int64_t user_id_ = NewUser("listener");
};

TEST_P(AuditContract, ReturnsWhatWasWritten) {
  ASSERT_THAT(audit_.Write(Soon(), Opened(user_id_)), IsOk());
  AuditEvent sign_in = Opened(user_id_, "");
  sign_in.action = v1::AUDIT_ACTION_SIGNED_IN;
  sign_in.service_name = "";
  sign_in.by = kByUser;
  ASSERT_THAT(audit_.Write(Soon(), sign_in), IsOk());
  const auto events = audit_.List(Soon(), user_id_, std::nullopt, 10);
  ASSERT_THAT(events, IsOk());
  ASSERT_EQ(events->size(), 2U);
  const AuditEvent& newest = events->front();
  EXPECT_EQ(newest.action, v1::AUDIT_ACTION_SIGNED_IN);
  EXPECT_EQ(newest.service_name, "");
  EXPECT_EQ(newest.by, "user");
  EXPECT_EQ(newest.request_id, "");
  const AuditEvent& oldest = events->back();
  EXPECT_GT(oldest.id, 0);
  EXPECT_LT(oldest.id, newest.id);
  EXPECT_EQ(oldest.user_id, user_id_);
  EXPECT_EQ(oldest.at, kNow);
  EXPECT_EQ(oldest.action, v1::AUDIT_ACTION_KEY_OPENED);
  EXPECT_EQ(oldest.service_name, "spotify");
  EXPECT_EQ(oldest.by, "spotify_ingest");
  EXPECT_EQ(oldest.request_id, "request-1");
}

TEST_P(AuditContract, KeepsEveryAction) {
  for (int action = v1::AuditAction_MIN + 1; action <= v1::AuditAction_MAX; ++action) {
    AuditEvent event = Opened(user_id_);
    event.action = static_cast<v1::AuditAction>(action);
    ASSERT_THAT(audit_.Write(Soon(), event), IsOk());
    EXPECT_EQ(audit_.List(Soon(), user_id_, std::nullopt, 1)->front().action, event.action);
  }
}

TEST_P(AuditContract, PagesFromTheNewestBackwards) {
  for (int i = 1; i <= 5; ++i) {
    ASSERT_THAT(audit_.Write(Soon(), Opened(user_id_, absl::StrCat(i))), IsOk());
  }
  EXPECT_THAT(RequestsOf(user_id_, std::nullopt, 2), ElementsAre("5", "4"));
  const std::int64_t last = audit_.List(Soon(), user_id_, std::nullopt, 2)->back().id;
  EXPECT_THAT(RequestsOf(user_id_, last, 2), ElementsAre("3", "2"));
  EXPECT_THAT(RequestsOf(user_id_, last - 2, 2), ElementsAre("1"));
  EXPECT_THAT(RequestsOf(user_id_, 1, 2), IsEmpty());
}

TEST_P(AuditContract, ShowsEachUserItsOwn) {
  const std::int64_t other = NewUser("other");
  ASSERT_THAT(audit_.Write(Soon(), Opened(user_id_, "mine")), IsOk());
  ASSERT_THAT(audit_.Write(Soon(), Opened(other, "theirs")), IsOk());
  EXPECT_THAT(RequestsOf(user_id_, std::nullopt, 10), ElementsAre("mine"));
  EXPECT_THAT(RequestsOf(other, std::nullopt, 10), ElementsAre("theirs"));
}

TEST_P(AuditContract, GoesWithItsUser) {
  ASSERT_THAT(audit_.Write(Soon(), Opened(user_id_)), IsOk());
  ASSERT_THAT(backend_->users().DeleteUser(Soon(), user_id_, Sha256("listener")), IsOk());
  EXPECT_THAT(RequestsOf(user_id_, std::nullopt, 10), IsEmpty());
  EXPECT_THAT(audit_.Write(Soon(), Opened(user_id_)), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

INSTANTIATE_TEST_SUITE_P(
    Audits, AuditContract,
    ::testing::Values(BackendKind{"Fake", [] { return std::make_unique<FakeBackend>(); }},
                      BackendKind{"Postgres", [] { return std::make_unique<PostgresBackend>(); }}),
    [](const auto& kind) { return kind.param.name; });

// Bounds that take many rows to reach, which only a database makes at once.
class PostgresAuditTest : public ::testing::Test {
 protected:
  std::int64_t NewUser(const std::string& name) {
    return backend_.users().CreateUser(Soon(), name, "hash")->id;
  }
  void Fill(std::int64_t user_id, int events, const std::string& at) {
    backend_.database().Execute(absl::StrCat(
        "INSERT INTO auth.audit_events (user_id, at, action, done_by, request_id) SELECT ", user_id,
        ", '", at, "', 'SIGNED_IN', 'user', '' FROM generate_series(1, ", events, ")"));
  }
  int Count(std::int64_t user_id) {
    return std::stoi(backend_.database().Execute(
        absl::StrCat("SELECT count(*) FROM auth.audit_events WHERE user_id = ", user_id)));
  }

  PostgresBackend backend_;
};

TEST_F(PostgresAuditTest, KeepsTheNewestOfAUserWithTooMany) {
  const std::int64_t user_id = NewUser("busy");
  const std::int64_t other = NewUser("quiet");
  Fill(other, 100, "2023-11-14");
  Fill(user_id, Audit::kEventsMax + 200, "2023-11-14");
  constexpr int kWrites = 61;
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_THAT(backend_.audit().Write(Soon(), Opened(user_id)), IsOk());
  }
  EXPECT_GE(Count(user_id), Audit::kEventsMax);
  EXPECT_LE(Count(user_id), Audit::kEventsMax + kWrites);
  EXPECT_EQ(Count(other), 100);
  EXPECT_EQ(backend_.audit().List(Soon(), user_id, std::nullopt, kWrites)->back().action,
            v1::AUDIT_ACTION_KEY_OPENED);
}

TEST_F(PostgresAuditTest, ForgetsWhatIsOlderThanNinetyDaysWhoeverWrites) {
  const std::int64_t gone_quiet = NewUser("quiet");
  const std::int64_t writer = NewUser("writer");
  Fill(gone_quiet, 50, "2023-08-16 22:13:19+00");
  Fill(gone_quiet, 50, "2023-08-16 22:13:21+00");
  for (int i = 0; i < 61; ++i) {
    ASSERT_THAT(backend_.audit().Write(Soon(), Opened(writer)), IsOk());
  }
  EXPECT_EQ(Count(gone_quiet), 50);
  EXPECT_EQ(Count(writer), 61);
}

TEST_F(PostgresAuditTest, WritesWithTheTransactionOfAChangeOrNotAtAll) {
  const std::int64_t user_id = NewUser("listener");
  const absl::Status given_up =
      backend_.pool().Run(Soon(), db::Effect::kOnce, [&](db::Transaction& transaction) {
        EXPECT_THAT(WriteAuditEvent(transaction, Opened(user_id)), IsOk());
        return absl::CancelledError("the change was given up");
      });
  EXPECT_FALSE(given_up.ok());
  EXPECT_EQ(Count(user_id), 0);
  EXPECT_THAT(backend_.pool().Run(Soon(), db::Effect::kOnce,
                                  [&](db::Transaction& transaction) {
                                    return WriteAuditEvent(transaction, Opened(user_id));
                                  }),
              IsOk());
  EXPECT_EQ(Count(user_id), 1);
}

}  // namespace
}  // namespace playlog::auth
