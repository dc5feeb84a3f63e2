#ifndef PLAYLOG_SERVICES_AUTH_CREDENTIAL_STORE_CONTRACT_H_
#define PLAYLOG_SERVICES_AUTH_CREDENTIAL_STORE_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/base/crypto.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "services/auth/credential_store.h"
#include "services/auth/fake_audit.h"
#include "services/auth/fake_credential_store.h"
#include "services/auth/fake_store.h"
#include "services/auth/postgres_audit.h"
#include "services/auth/postgres_credential_store.h"
#include "services/auth/postgres_store.h"

namespace playlog::auth {

inline const absl::Time kNow = absl::FromUnixMicros(1'700'000'000'123'456);

// A store with what must live as long as it.
class CredentialBackend {
 public:
  virtual ~CredentialBackend() = default;
  virtual Store& users() = 0;
  virtual Audit& audit() = 0;
  virtual CredentialStore& store() = 0;
};

class FakeCredentialBackend final : public CredentialBackend {
 public:
  Store& users() override { return users_; }
  Audit& audit() override { return audit_; }
  CredentialStore& store() override { return store_; }

 private:
  FakeStore users_;
  FakeAudit audit_{users_};
  FakeCredentialStore store_{users_, audit_};
};

class PostgresCredentialBackend final : public CredentialBackend {
 public:
  Store& users() override { return users_; }
  Audit& audit() override { return audit_; }
  CredentialStore& store() override { return store_; }

 private:
  testing::MigratedDatabase database_{"auth", MigrationFiles()};
  PostgresStore users_{database_.pool()};
  PostgresAudit audit_{database_.pool()};
  PostgresCredentialStore store_{database_.pool()};
};

// Makes blobs that name the row and the version.
inline auto SealWith(std::uint32_t kek_id) {
  return [kek_id](std::int64_t row_id, std::int64_t version) {
    return SealedRecord{.blob = absl::StrCat("blob\n", std::string(1, '\0'), row_id, "/", version),
                        .kek_id = kek_id};
  };
}

struct CredentialBackendKind {
  std::string name;
  std::function<std::unique_ptr<CredentialBackend>()> make;
};

class CredentialStoreContract : public ::testing::TestWithParam<CredentialBackendKind> {
 protected:
  absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  User NewUser(const std::string& name = "listener") {
    return *backend_->users().CreateUser(Soon(), name, "hash");
  }
  static AuditEvent Event(std::int64_t user_id, v1::AuditAction action) {
    return {.user_id = user_id,
            .at = kNow,
            .action = action,
            .service_name = "spotify",
            .by = "user",
            .request_id = "request-1"};
  }
  absl::StatusOr<StoredKey> Put(std::int64_t user_id, const std::string& service,
                                const std::optional<std::string>& service_user_id = std::nullopt,
                                absl::Time now = kNow, std::uint32_t kek_id = 4294967295) {
    const NewKey key{
        .user_id = user_id, .service_name = service, .service_user_id = service_user_id};
    return store_.PutKey(Soon(), key, now, SealWith(kek_id),
                         Event(user_id, v1::AUDIT_ACTION_KEY_STORED));
  }
  absl::StatusOr<StoredKey> SignIn(std::int64_t user_id, absl::Time now = kNow) {
    const NewKey key{.user_id = user_id, .service_name = "spotify", .is_sign_in = true};
    return store_.PutKey(Soon(), key, now, SealWith(1),
                         Event(user_id, v1::AUDIT_ACTION_KEY_STORED));
  }
  absl::StatusOr<StoredKey> Refresh(std::int64_t user_id, std::int64_t expected_version,
                                    absl::Time now = kNow) {
    return store_.RefreshTokens(Soon(), user_id, "spotify", expected_version, now, SealWith(1),
                                Event(user_id, v1::AUDIT_ACTION_KEY_REFRESHED));
  }
  absl::Status Record(std::int64_t user_id, std::int64_t version, v1::KeyOutcome outcome,
                      absl::Time now = kNow) {
    return store_.RecordUse(Soon(), {user_id, "spotify", version, outcome}, now);
  }
  bool Delete(std::int64_t user_id, const std::string& service) {
    return *store_.DeleteKey(Soon(), user_id, service,
                             Event(user_id, v1::AUDIT_ACTION_KEY_DELETED));
  }
  SealedKey Find(std::int64_t user_id, const std::string& service = "spotify") {
    return **store_.FindKey(Soon(), user_id, service);
  }
  // What the audit has of a user, newest first.
  std::vector<v1::AuditAction> Audited(std::int64_t user_id) {
    std::vector<v1::AuditAction> actions;
    const auto events = backend_->audit().List(Soon(), user_id, std::nullopt, 100);
    EXPECT_THAT(events, testing::IsOk());
    for (const AuditEvent& event : *events) {
      actions.push_back(event.action);
    }
    return actions;
  }
  // Seals anew with another key of the ring what one sealed.
  absl::StatusOr<ResealedKeys> Reseal(std::uint32_t from, std::uint32_t to, std::int64_t after,
                                      int limit) {
    return store_.ResealKeys(Soon(), from, after, limit, [to](const SealedKey& key) {
      return std::optional<SealedRecord>({.blob = absl::StrCat("anew ", key.blob), .kek_id = to});
    });
  }

  std::unique_ptr<CredentialBackend> backend_ = GetParam().make();
  CredentialStore& store_ = backend_->store();
};

// Runs the tests of a class derived from CredentialStoreContract on the fake and on PostgreSQL.
#define PLAYLOG_RUN_ON_BOTH_CREDENTIAL_STORES(Suite)                                               \
  INSTANTIATE_TEST_SUITE_P(                                                                        \
      Stores, Suite,                                                                               \
      ::testing::Values(                                                                           \
          CredentialBackendKind{"Fake", [] { return std::make_unique<FakeCredentialBackend>(); }}, \
          CredentialBackendKind{"Postgres",                                                        \
                                [] { return std::make_unique<PostgresCredentialBackend>(); }}),    \
      [](const auto& kind) { return kind.param.name; })

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_CREDENTIAL_STORE_CONTRACT_H_
