#ifndef PLAYLOG_TESTS_BENCH_COST_H_
#define PLAYLOG_TESTS_BENCH_COST_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "tests/bench/sql.h"
#include "tests/harness/stack.h"

namespace playlog::bench {

// What work took, or what all work has taken so far.
struct Cost {
  std::map<std::string, double> cpu_s = {};  // Of processes, by service, and of `PostgreSQL`.
  double transactions = 0;                   // Of the stack's database.
  double rows = 0;                           // That were inserted, updated or deleted there.
  double wal_bytes = 0;                      // Of the whole cluster.
};

// What came between two of them.
Cost Difference(const Cost& later, const Cost& earlier);

// Reads what the processes of a stack and its database have used, from outside: the kernel's clocks
// of processor time, which have steps of 10 ms, and the database's own counters, which sessions
// bring up to date within a second.
class CostMeter {
 public:
  // `processes`: names of the stack's processes by the service that their cost is counted for. The
  // superuser's session is counted as PostgreSQL's too.
  CostMeter(const harness::Stack& stack, std::map<std::string, std::vector<std::string>> processes,
            Sql& sql);

  Cost Read();

 private:
  const harness::Stack& stack_;
  const std::map<std::string, std::vector<std::string>> processes_;
  Sql& sql_;
  pid_t postmaster_ = 0;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_COST_H_
