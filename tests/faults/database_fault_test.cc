// Promises R5 and R6: a database that restarts costs no acknowledged play and no restart of ours,
// and one that hangs does not hang us.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/client.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/faults/nemesis.h"

namespace playlog::faults {
namespace {

using harness::HttpAnswer;
using harness::Stack;
using songs::v1::SongStoreService;

constexpr absl::Duration kWritesAgain = absl::Seconds(5);
constexpr int kPoolSize = 6;
// What a route may take, and what it may be late.
constexpr absl::Duration kFetchDeadline = absl::Seconds(30);
constexpr absl::Duration kReadDeadline = absl::Seconds(2);
constexpr absl::Duration kLate = absl::Milliseconds(200);
// The longest that a statement may take, with what it takes to tell.
constexpr absl::Duration kStatementLimit = absl::Milliseconds(1200);

// What a process may use more while it waits: threads that gRPC makes for calls that wait, the
// connections of clients that wait.
constexpr int kMoreThreads = 16;
constexpr int kMoreFiles = 64;
constexpr std::int64_t kMoreMemoryKib = 64 * 1024;

// A user of no load. What it stores while the database hangs may yet be stored.
constexpr std::int64_t kNobody = 1'000'000'000;

// What a process uses of the machine.
struct Usage {
  int threads = 0;
  int files = 0;
  std::int64_t memory_kib = 0;
};

class DatabaseFaultTest : public FaultTest {
 protected:
  // About 50 writes a second, where the machine is fast enough.
  DatabaseFaultTest()
      : path_(NewLedgerPath()),
        ledger_(path_),
        load_(stack(), ledger_, {.users = 8, .interval = absl::Milliseconds(160)}) {}

  // Waits until everybody is served again.
  void ExpectServiceSoon(Experiment& experiment) {
    const absl::Time began = absl::Now();
    ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
    experiment.Measure(absl::Now() - began, kWritesAgain);
  }

  static void Terminate() {
    stack().database().Execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }

  // Returns when the database takes sessions again, but after the death of one session: then
  // PostgreSQL ends the others and restarts by itself.
  void Disturb(const std::string& how, std::mt19937& random) {
    Nemesis nemesis(stack(), cluster(), random);
    if (how == "terminate") return Terminate();
    if (how == "fast") cluster().Stop();
    if (how == "immediate") cluster().StopAtOnce();
    if (how == "backend" || how == "postmaster") nemesis.Kill(how);
    cluster().Start();
  }

  void ExpectOnlyHonestErrors() const {
    const FetchLoad::Answers answers = load_.answers();
    for (const auto& [status, count] : answers.statuses) {
      EXPECT_TRUE(status == 200 || status == 503) << count << " answers of " << status;
    }
    EXPECT_EQ(answers.without_retry_after, 0);
  }

  // Sessions that died are noticed and replaced, and none is lost from the pool.
  static void ExpectWholePool() {
    int sessions = 0;
    EXPECT_TRUE(absl::SimpleAtoi(
        stack().database().Execute("SELECT count(*) FROM pg_stat_activity WHERE"
                                   " datname = current_database() AND usename LIKE '%song_store'"),
        &sessions));
    const int open =
        static_cast<int>(stack().Metric("song_store", "playlog_db_connections").value_or(-1));
    EXPECT_GE(sessions, 1);
    EXPECT_LE(sessions, open);
    EXPECT_LE(open, kPoolSize);
  }

  static Usage UsageOf(const std::string& service) {
    const harness::ChildProcess& process = stack().process(service);
    const std::string proc = absl::StrCat("/proc/", process.pid());
    Usage usage{.threads = CountEntries(proc + "/task"), .memory_kib = process.MemoryKib("VmRSS")};
    // The services forbid to be looked into, and only root may do it all the same.
    if (geteuid() == 0) usage.files = CountEntries(proc + "/fd");
    return usage;
  }

  static int CountEntries(const std::string& folder) {
    using std::filesystem::directory_iterator;
    return static_cast<int>(std::distance(directory_iterator(folder), directory_iterator()));
  }

  // Whoever would wait for long is told soon that the database does not answer, so that no worker
  // of the store is held.
  void ExpectPromptRefusal(Experiment& experiment, SongStoreService::Stub& store) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kFetchDeadline));
    songs::v1::UpsertSongsRequest request;
    request.set_user_id(kNobody);
    request.set_source(songs::v1::SOURCE_SPOTIFY);
    request.set_origin("fetch");
    songs::v1::Play* const play = request.add_plays();
    play->set_title("who knows");
    play->mutable_played_at()->set_seconds(1'700'000'000);
    songs::v1::UpsertSongsResponse response;
    const absl::Time began = absl::Now();
    EXPECT_FALSE(store.UpsertSongs(&context, request, &response).ok());
    experiment.Measure(absl::Now() - began, kStatementLimit);
  }

  const std::string path_;
  Ledger ledger_;
  FetchLoad load_;
};

TEST_F(DatabaseFaultTest, R5ARestartCostsNoAcknowledgedPlay) {
  Experiment experiment("R5 restarts", {.slice = 1, .gate = 4});
  load_.Start();
  for (int run = 0; run < experiment.runs(); ++run) {
    for (const char* how : {"backend", "postmaster", "fast", "immediate", "terminate"}) {
      SCOPED_TRACE(absl::StrCat("run ", run, ": ", how));
      ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
      load_.Forget();
      if (load_.AwaitRequest()) experiment.CountFault();
      ASSERT_NO_FATAL_FAILURE(Disturb(how, experiment.random()));
      ASSERT_NO_FATAL_FAILURE(ExpectServiceSoon(experiment));
      ExpectOnlyHonestErrors();
    }
  }
  load_.Stop();
  ExpectWholePool();
  experiment.Judge(CheckStored(load_, path_));
}

TEST_F(DatabaseFaultTest, R6AHangingDatabaseHangsNobody) {
  Experiment experiment("R6 hangs", {.slice = 1, .gate = 2});
  const absl::Duration hang = experiment.is_slice() ? absl::Seconds(5) : absl::Seconds(30);
  const auto store =
      SongStoreService::NewStub(rpc::Connect("song_store", "unix:" + stack().SocketOf("song_store"),
                                             stack().TlsDirectoryOf("spotify_ingest")));
  load_.Start();
  for (int run = 0; run < experiment.runs(); ++run) {
    ASSERT_TRUE(load_.AwaitGoodAnswers(kBackTime));
    load_.Forget();
    std::map<std::string, Usage> before;
    for (const std::string& service : Stack::Services()) before[service] = UsageOf(service);
    if (load_.AwaitRequest()) experiment.CountFault();
    cluster().Pause();
    const absl::Time until = absl::Now() + hang;
    while (absl::Now() < until) {
      const HttpAnswer read = api().StoredSongs(load_.user(0));
      EXPECT_TRUE(read.status == 503 || read.status == 504) << read.status;
      experiment.Measure(read.duration, kReadDeadline + kLate);
      ExpectPromptRefusal(experiment, *store);
    }
    for (const std::string& service : Stack::Services()) {
      const Usage usage = UsageOf(service);
      EXPECT_LE(usage.threads, before[service].threads + kMoreThreads) << service;
      EXPECT_LE(usage.files, before[service].files + kMoreFiles) << service;
      EXPECT_LE(usage.memory_kib, before[service].memory_kib + kMoreMemoryKib) << service;
    }
    cluster().Resume();
    ASSERT_NO_FATAL_FAILURE(ExpectServiceSoon(experiment));
    EXPECT_LE(load_.answers().longest, kFetchDeadline + kLate);
    EXPECT_EQ(load_.answers().statuses[500], 0);
  }
  load_.Stop();
  experiment.Judge(CheckStored(load_, path_));
}

}  // namespace
}  // namespace playlog::faults
