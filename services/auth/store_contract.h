#ifndef PLAYLOG_SERVICES_AUTH_STORE_CONTRACT_H_
#define PLAYLOG_SERVICES_AUTH_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/jwt/jwt.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "services/auth/fake_store.h"
#include "services/auth/postgres_store.h"
#include "services/auth/store.h"
#include "services/auth/tokens.h"

namespace playlog::auth::store_contract {

// What the tests of the store's contract share, which run on the store in PostgreSQL and on its
// twin in memory alike.

inline const absl::Time kNow = absl::FromUnixMicros(1'700'000'000'123'456);
inline const absl::Time kExpiry = kNow + absl::Hours(24 * 30);

// A store with what must live as long as it.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
  virtual void AgeRevocations(absl::Duration by) = 0;
};

class FakeBackend final : public Backend {
 public:
  Store& store() override { return store_; }
  void AgeRevocations(absl::Duration by) override { store_.AgeRevocations(by); }

 private:
  FakeStore store_;
};

class PostgresBackend final : public Backend {
 public:
  Store& store() override { return store_; }
  void AgeRevocations(absl::Duration by) override {
    database_.database().Execute(
        absl::StrCat("UPDATE auth.revocations SET revoked_at = revoked_at - interval '",
                     absl::ToInt64Seconds(by), " seconds'"));
  }

 private:
  testing::MigratedDatabase database_{"auth", MigrationFiles()};
  PostgresStore store_{database_.pool()};
};

struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

class StoreContract : public ::testing::TestWithParam<BackendKind> {
 protected:
  absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  User NewUser(const std::string& name = "listener") {
    return *store_.CreateUser(Soon(), name, "hash");
  }
  // Signs the user in; the sign-in's id goes to `session_id`.
  RefreshToken NewFamily(const User& user, std::int64_t* session_id = nullptr) {
    RefreshToken token = RefreshToken::NewFamily();
    const absl::StatusOr<Session> session =
        store_.AddRefreshFamily(Soon(), user, token.Hash(), kNow, kExpiry);
    EXPECT_THAT(session, testing::IsOk());
    if (session.ok() && session_id != nullptr) *session_id = session->id;
    return token;
  }
  std::int64_t NewSession(const User& user) {
    std::int64_t session_id = 0;
    NewFamily(user, &session_id);
    return session_id;
  }
  bool IsGood(const User& user, std::int64_t session_id) {
    return *store_.IsSessionGood(Soon(), user.id, session_id, user.token_version);
  }
  std::vector<Revocation> Revocations(std::optional<absl::Time> since = std::nullopt) {
    return store_.ListRevocations(Soon(), since)->revocations;
  }
  absl::StatusOr<Session> Rotate(const RefreshToken& token, const RefreshToken& next,
                                 absl::Time now = kNow) {
    const absl::StatusOr<RefreshOutcome> outcome =
        store_.RotateRefreshToken(Soon(), token.Hash(), next.Hash(), now);
    if (!outcome.ok()) return outcome.status();
    if (!outcome->session.has_value()) return jwt::InvalidTokenError();
    return *outcome->session;
  }
  // Whose sign-in an attempt with a spent token ended.
  std::int64_t ReusedFrom(const RefreshToken& token, absl::Time now = kNow) {
    return store_.RotateRefreshToken(Soon(), token.Hash(), token.Next().Hash(), now)->reused_from;
  }

  std::unique_ptr<Backend> backend_ = GetParam().make();
  Store& store_ = backend_->store();
};

}  // namespace playlog::auth::store_contract

#endif  // PLAYLOG_SERVICES_AUTH_STORE_CONTRACT_H_
