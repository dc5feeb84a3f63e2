#ifndef PLAYLOG_TESTS_FAULTS_NEMESIS_H_
#define PLAYLOG_TESTS_FAULTS_NEMESIS_H_

#include <random>
#include <string>
#include <vector>

#include "common/testing/postgres.h"
#include "tests/harness/stack.h"

namespace playlog::faults {

// Kills processes and brings them back, as a seed decides. For the main thread.
class Nemesis {
 public:
  // What can die: the five services, "backend" for one session of PostgreSQL (which takes all of
  // them along), "postmaster" for all of its processes at once.
  static const std::vector<std::string>& Victims();

  // What is referred to lives longer.
  Nemesis(harness::Stack& stack, testing::PostgresCluster& cluster, std::mt19937& random)
      : stack_(stack), cluster_(cluster), random_(random) {}

  std::string Draw();
  // Kills it with SIGKILL.
  void Kill(const std::string& victim);
  // Starts it again, as a supervisor does; PostgreSQL restarts by itself after the death of a
  // session.
  void BringBack(const std::string& victim);

 private:
  harness::Stack& stack_;
  testing::PostgresCluster& cluster_;
  std::mt19937& random_;
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_NEMESIS_H_
