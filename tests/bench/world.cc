#include "tests/bench/world.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <iostream>
#include <stdexcept>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/testing/postgres.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr int kOthers = 200;
constexpr int kOthersPlays = 10'000;
// Far from the ids that registering gives.
constexpr std::int64_t kFirstOther = 1'000'000;

constexpr char kSettings[] = R"(
ALTER SYSTEM SET shared_buffers = '128MB';
ALTER SYSTEM SET max_wal_size = '2GB';
ALTER SYSTEM SET autovacuum_naptime = '1min';
ALTER SYSTEM SET jit = on;
ALTER SYSTEM SET wal_sync_method = 'fdatasync';
ALTER SYSTEM SET client_connection_check_interval = '5s';
)";

// The folder of the cluster's socket, which is in its URL.
std::string SocketsOf(const testing::PostgresCluster& cluster) {
  const std::string url = cluster.Url("postgres");
  const std::size_t begin = url.find("host=") + 5;
  return url.substr(begin, url.find('&', begin) - begin);
}

// Makes the cluster of the harness as deploy/up makes it. ALTER SYSTEM wants a statement of its
// own each.
std::string PrepareCluster() {
  unsetenv("PLAYLOG_TEST_POSTGRES");
  testing::PostgresCluster& cluster = testing::PostgresCluster::Shared();
  std::string sockets = SocketsOf(cluster);
  {
    Sql sql(cluster.Url("postgres"));
    const std::string settings = kSettings;
    for (std::size_t begin = 0, end; (end = settings.find(';', begin)) != std::string::npos;
         begin = end + 1) {
      sql.Run(settings.substr(begin, end - begin));
    }
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
  return sockets;
}

}  // namespace

World::World(const Options& options) : options_(options) {
  std::cerr << "starting PostgreSQL and our five processes\n";
  const std::string sockets = PrepareCluster();
  stack_ = std::make_unique<harness::Stack>();
  upserts_ = std::make_unique<UpsertClient>("unix:" + stack_->SocketOf("song_store"),
                                            stack_->TlsDirectoryOf("spotify_ingest"));
  sql_ = std::make_unique<Sql>(stack_->database().url());
  std::cerr << "storing the songs\n";
  Seed();
  std::cerr << "starting the Django reference\n";
  django_ = DjangoReference::Start(options_.django_folder, sockets, stack_->directory(), missing_);
}

World::~World() = default;

Account World::Register(const std::string& name) const {
  Account account;
  account.credentials = absl::StrCat(R"({"username":")", name, R"(","password":"vellum otter )",
                                     name, R"( quarry"})");
  const harness::HttpAnswer answer =
      harness::Api(stack_->http_port()).Post("/users/register/", account.credentials);
  if (answer.status != 201 || !absl::SimpleAtoi(harness::Member(answer.body, "id"), &account.id)) {
    throw std::runtime_error(absl::StrCat("registering: ", answer.status, " ", answer.body));
  }
  return account;
}

std::string World::Token(const Account& account) const {
  const harness::HttpAnswer answer =
      harness::Api(stack_->http_port()).Post("/users/token/", account.credentials);
  if (answer.status != 200) throw std::runtime_error("signing in: " + answer.body);
  return harness::Member(answer.body, "access");
}

void World::Seed() {
  small_ = Register("bench");
  big_ = Register("big");
  const absl::Time year_2020 = absl::FromCivil(absl::CivilDay(2020), absl::UTCTimeZone());
  const absl::Time year_2024 = absl::FromCivil(absl::CivilDay(2024), absl::UTCTimeZone());
  Batches others;
  for (int i = 0; i < kOthers; ++i) {
    for (auto& batch : MakeBatches(kFirstOther + i, kOthersPlays / kOthers, year_2024)) {
      others.push_back(std::move(batch));
    }
  }
  const Upserted stored = upserts_->Send({MakeBatches(small_.id, kSmallHistory, year_2024),
                                          MakeBatches(big_.id, kBigHistory, year_2020), others});
  if (stored.inserted != kSmallHistory + kBigHistory + kOthersPlays) {
    throw std::runtime_error(absl::StrCat("only ", stored.inserted, " songs were stored"));
  }
  sql_->Run("VACUUM ANALYZE song_store.plays");
}

void World::CheckHealth() {
  stack_->CheckHealth();
  if (::testing::UnitTest::GetInstance()->Failed()) {
    throw std::runtime_error("a process of ours did not stay well");
  }
}

}  // namespace playlog::bench
