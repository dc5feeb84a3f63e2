#ifndef PLAYLOG_SERVICES_AUTH_MIGRATED_DATABASE_H_
#define PLAYLOG_SERVICES_AUTH_MIGRATED_DATABASE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"

namespace playlog::auth {

// A database with this service's tables, and a pool for it, for the contract tests of the stores.
class MigratedDatabase {
 public:
  MigratedDatabase() {
    const absl::Status status = db::Migrate({.url = Secret(database_.url()),
                                             .schema = "auth",
                                             .files = MigrationFiles(),
                                             .deadline = absl::Now() + absl::Seconds(30)});
    EXPECT_THAT(status, testing::IsOk());
    // Waits are long and connections many, so that a test of concurrency is not one of overload.
    pool_ = *db::Pool::Create({.url = Secret(database_.url()),
                               .schema = "auth",
                               .connections = 20,
                               .wait = absl::Seconds(20),
                               .statement_timeout = absl::Seconds(20),
                               .lock_timeout = absl::Seconds(20)});
  }

  db::Pool& pool() { return *pool_; }
  testing::TestDatabase& database() { return database_; }

 private:
  testing::TestDatabase database_;
  std::unique_ptr<db::Pool> pool_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_MIGRATED_DATABASE_H_
