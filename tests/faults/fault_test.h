#ifndef PLAYLOG_TESTS_FAULTS_FAULT_TEST_H_
#define PLAYLOG_TESTS_FAULTS_FAULT_TEST_H_

#include <string>

#include "absl/time/time.h"
#include "common/testing/postgres.h"
#include "tests/faults/checker.h"
#include "tests/faults/load.h"
#include "tests/faults/proxy.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::faults {

// How long a system that will be well again may take, on a machine that has other work too.
inline constexpr absl::Duration kBackTime = absl::Seconds(45);

// An experiment with the whole system on a database server of its own. The tests of a program share
// both. The services' crash points can be armed.
class FaultTest : public harness::EndToEndTest {
 public:
  static void SetUpTestSuite() { SetOptions(DirectOptions()); }

 protected:
  static testing::PostgresCluster& cluster();
  // A file for a ledger that no other experiment writes.
  static std::string NewLedgerPath();

  // Lets the process that comes by this crash point first die there.
  static void Arm(const std::string& crash_point);
  // Whether the armed crash point has been passed.
  static bool Struck();
  // Waits until one of the services has ended by SIGKILL, and returns its name; "" if none does.
  static std::string AwaitVictim(absl::Duration time);

  // What the load was told against what is stored. The load has stopped.
  static Findings CheckStored(const FetchLoad& load, const std::string& ledger);

  static harness::StackOptions DirectOptions();
};

// The same, with a proxy between the services and the database.
class ProxiedFaultTest : public FaultTest {
 public:
  static void SetUpTestSuite();

 protected:
  static Proxy& database_proxy();
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_FAULT_TEST_H_
