#include "tests/faults/fault_test.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/testing/temporary_directory.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::Stack;

// Outside of every fault, and destroyed after the stack.
const std::string& Directory() {
  static const testing::TemporaryDirectory directory;
  return directory.path();
}

std::string ArmedPath() { return Directory() + "/armed"; }

}  // namespace

testing::PostgresCluster& FaultTest::cluster() {
  static testing::PostgresCluster cluster;
  return cluster;
}

harness::StackOptions FaultTest::DirectOptions() {
  return {.cluster = &cluster(), .variables = {"PLAYLOG_CRASH_POINT_FILE=" + ArmedPath()}};
}

std::string FaultTest::NewLedgerPath() {
  static std::atomic<int> count = 0;
  return absl::StrCat(Directory(), "/ledger-", ++count);
}

void FaultTest::Arm(const std::string& crash_point) {
  const std::string draft = ArmedPath() + ".new";
  std::ofstream(draft) << crash_point << "\n";
  std::filesystem::rename(draft, ArmedPath());
}

bool FaultTest::Struck() { return !std::filesystem::exists(ArmedPath()); }

std::string FaultTest::AwaitVictim(absl::Duration time) {
  std::string victim;
  Await(time, [&victim] {
    for (const std::string& service : Stack::Services()) {
      if (stack().process(service).ExitCode() == -SIGKILL) victim = service;
    }
    return !victim.empty();
  });
  return victim;
}

Findings FaultTest::CheckStored(const FetchLoad& load, const std::string& ledger) {
  return Check(Ledger::Read(ledger), load.truth(), StoredPlays(stack().database(), load.users()));
}

void ProxiedFaultTest::SetUpTestSuite() {
  database_proxy();
  harness::StackOptions options = DirectOptions();
  options.database_host = Directory();
  SetOptions(options);
}

Proxy& ProxiedFaultTest::database_proxy() {
  static Proxy proxy({.path = Directory() + "/.s.PGSQL.5432"}, {{.path = cluster().SocketPath()}},
                     1);
  return proxy;
}

}  // namespace playlog::faults
