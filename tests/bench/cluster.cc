#include "tests/bench/cluster.h"

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tests/bench/sql.h"

namespace playlog::bench {
namespace {

// ALTER SYSTEM wants a statement of its own each.
constexpr const char* kSettings[] = {
    "shared_buffers = '128MB'",      "max_wal_size = '2GB'",
    "autovacuum_naptime = '1min'",   "jit = on",
    "wal_sync_method = 'fdatasync'", "client_connection_check_interval = '5s'"};

// Makes the cluster of the harness as deploy/up makes it.
testing::PostgresCluster& Prepare() {
  unsetenv("PLAYLOG_TEST_POSTGRES");
  testing::PostgresCluster& cluster = testing::PostgresCluster::Shared();
  {
    Sql sql(cluster.Url("postgres"));
    for (const char* setting : kSettings) sql.Run(absl::StrCat("ALTER SYSTEM SET ", setting));
  }
  cluster.Stop();
  cluster.Start();
  Sql sql(cluster.Url("postgres"));
  for (const char* setting :
       {"fsync", "full_page_writes", "synchronous_commit", "data_checksums"}) {
    if (sql.Run(absl::StrCat("SHOW ", setting)) != "on") {
      throw std::runtime_error(absl::StrCat("PostgreSQL runs without ", setting));
    }
  }
  return cluster;
}

}  // namespace

testing::PostgresCluster& Cluster() {
  static testing::PostgresCluster& cluster = Prepare();
  return cluster;
}

std::string SocketsOfCluster() {
  return std::filesystem::path(Cluster().SocketPath()).parent_path().string();
}

}  // namespace playlog::bench
