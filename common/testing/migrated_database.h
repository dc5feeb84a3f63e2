#ifndef PLAYLOG_COMMON_TESTING_MIGRATED_DATABASE_H_
#define PLAYLOG_COMMON_TESTING_MIGRATED_DATABASE_H_

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>

#include "absl/time/clock.h"
#include "common/base/embedded_file.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"

namespace playlog::testing {

// A database with a service's tables, and a pool for it, for the contract tests of stores.
class MigratedDatabase {
 public:
  MigratedDatabase(const std::string& schema, std::span<const EmbeddedFile> migrations) {
    EXPECT_THAT(db::Migrate({.url = Secret(database_.url()),
                             .schema = schema,
                             .files = migrations,
                             .deadline = absl::Now() + absl::Seconds(30)}),
                IsOk());
    // Waits are long and connections many, so that a test of concurrency is not one of overload.
    pool_ = *db::Pool::Create({.url = Secret(database_.url()),
                               .schema = schema,
                               .connections = 20,
                               .wait = absl::Seconds(20),
                               .statement_timeout = absl::Seconds(20),
                               .lock_timeout = absl::Seconds(20)});
  }

  db::Pool& pool() { return *pool_; }
  const TestDatabase& database() const { return database_; }

 private:
  TestDatabase database_;
  std::unique_ptr<db::Pool> pool_;
};

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_MIGRATED_DATABASE_H_
