#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "services/auth/export_sources.h"
#include "services/auth/postgres_store.h"
#include "services/auth/sign_in.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ExportedMember;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AccountExportTest : public ::testing::Test {
 protected:
  static absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  std::vector<std::string> Exported(std::int64_t user_id, const std::string& table,
                                    const std::string& member) {
    return ExportedMember(*ExportAccount(database_.pool(), user_id), table, member, Soon());
  }
  std::string Everything(std::int64_t user_id) {
    const auto rows = ExportAccount(database_.pool(), user_id);
    std::string everything;
    ExportedRows step;
    for (auto more = rows->Next(Soon(), step); more.ok() && *more;
         more = rows->Next(Soon(), step)) {
      everything += step.table + ":\n" + step.lines;
    }
    return everything;
  }
  // Fills every table that has rows of users.
  std::int64_t NewUser(const std::string& name) {
    const std::int64_t id = store_.CreateUser(Soon(), name, "canary-hash")->id;
    const std::string subject = SignIn::SubjectOf(name);
    EXPECT_THAT(store_.AddLoginFailure(Soon(), subject, absl::Now(), absl::UnixEpoch()), IsOk());
    database_.database().Execute(absl::StrCat(
        "INSERT INTO auth.api_credentials (user_id, service_name, service_user_id, blob, kek_id, "
        "version, created_at, updated_at, state, signed_in_at) VALUES (",
        id,
        ", 'spotify', 'name at spotify', 'canary-blob', 1, 3, now(), now(), 'ok', "
        "'2024-08-31T12:00:00Z');"
        "INSERT INTO auth.refresh_families (user_id, family_hash, token_hash, created_at, "
        "rotated_at, expires_at) SELECT ",
        id, ", sha256((", id,
        " * 100 + n)::text::bytea), "
        "sha256('canary'), now(), now(), now() + interval '30 days' FROM generate_series(1, 3) n;"
        "UPDATE auth.refresh_families SET revoked_at = now() WHERE id = (SELECT max(id) FROM "
        "auth.refresh_families);"
        "INSERT INTO auth.audit_events (user_id, at, action, service_name, done_by, request_id) "
        "SELECT ",
        id,
        ", now(), 'KEY_OPENED', 'spotify', 'spotify_ingest', 'request-' || n FROM "
        "generate_series(1, 250) n"));
    return id;
  }

  testing::MigratedDatabase database_{"auth", MigrationFiles()};
  PostgresStore store_{database_.pool()};
};

TEST_F(AccountExportTest, GivesOutEveryTableOfOneUser) {
  const std::int64_t user_id = NewUser("Listener");
  NewUser("another");
  EXPECT_THAT(Exported(user_id, "account", "username"), ElementsAre("Listener"));
  EXPECT_THAT(Exported(user_id, "account", "id"), ElementsAre(absl::StrCat(user_id)));
  EXPECT_THAT(Exported(user_id, "keys", "service_user_id"), ElementsAre("name at spotify"));
  EXPECT_THAT(Exported(user_id, "keys", "state"), ElementsAre("ok"));
  // Half a year after a sign-in on the last day of August.
  EXPECT_THAT(Exported(user_id, "keys", "ends_at"), ElementsAre("2025-02-28T12:00:00+00:00"));
  EXPECT_EQ(Exported(user_id, "sign_ins", "created_at").size(), 3U);
  EXPECT_EQ(Exported(user_id, "revocations", "revoked_at").size(), 1U);
  EXPECT_EQ(Exported(user_id, "failed_sign_ins", "failed_at").size(), 1U);
  EXPECT_EQ(Exported(user_id, "audit", "request_id").size(), 250U);
  EXPECT_EQ(Exported(user_id, "audit", "by").at(249), "spotify_ingest");
  EXPECT_THAT(Exported(user_id + 1'000, "account", "id"), IsEmpty());
}

TEST_F(AccountExportTest, GivesOutNoSecret) {
  const std::string everything = Everything(NewUser("Listener"));
  EXPECT_THAT(everything, HasSubstr("Listener"));
  EXPECT_THAT(everything, Not(HasSubstr("canary")));
  // Bytes would show in hexadecimal.
  EXPECT_THAT(everything, Not(HasSubstr("\\x")));
}

// A new table with rows of users belongs into the export, or into this list with a reason.
TEST_F(AccountExportTest, KnowsEveryTableOfTheSchema) {
  EXPECT_EQ(database_.database().Execute(
                "SELECT string_agg(DISTINCT table_name::text, ' ' ORDER BY table_name::text) FROM "
                "information_schema.columns WHERE table_schema = 'auth' AND column_name IN "
                "('user_id', 'username')"),
            // Erasures begin when there is nobody left to export anything.
            "api_credentials audit_events erasures refresh_families revocations users");
}

}  // namespace
}  // namespace playlog::auth
