#include "tests/bench/cluster.h"

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tests/bench/sql.h"

namespace playlog::bench {
namespace {

// ALTER SYSTEM wants a statement of its own each.
constexpr const char* kSettings[] = {"max_wal_size = '2GB'", "autovacuum_naptime = '1min'",
                                     "jit = on", "wal_sync_method = 'fdatasync'",
                                     "client_connection_check_interval = '5s'"};

// Ten million songs take 8 GB, their listing 5, and the log of writing them 2 more.
constexpr std::uintmax_t kFreeBytes = std::uintmax_t{20} << 30;

std::string SharedBuffers() {
  const char* const given = getenv("PLAYLOG_BENCH_SHARED_BUFFERS");
  if (given == nullptr) {
    throw std::runtime_error("PLAYLOG_BENCH_SHARED_BUFFERS is not set; tests/bench/run.sh does it");
  }
  return given;
}

// Makes the cluster of the harness as deploy/up makes it.
testing::PostgresCluster& Prepare() {
  unsetenv("PLAYLOG_TEST_POSTGRES");
  testing::PostgresCluster& cluster = testing::PostgresCluster::Shared();
  {
    Sql sql(cluster.Url("postgres"));
    sql.Run(absl::StrCat("ALTER SYSTEM SET shared_buffers = '", SharedBuffers(), "'"));
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

std::string NoRoomForTenMillionSongs() {
  Sql sql(Cluster().Url("postgres"));
  const auto space = std::filesystem::space(sql.Run("SHOW data_directory"));
  if (space.available >= kFreeBytes) return "";
  return absl::StrCat("20 GiB must be free for ten million songs, and ", space.available >> 30,
                      " are");
}

}  // namespace playlog::bench
