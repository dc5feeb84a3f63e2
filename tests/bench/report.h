#ifndef PLAYLOG_TESTS_BENCH_REPORT_H_
#define PLAYLOG_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/machine.h"

namespace playlog::bench {

// What a judged figure is held to.
struct Target {
  enum class Bound { kAtLeast, kAtMost };

  Bound bound = Bound::kAtLeast;
  double value = 0;

  static Target AtLeast(double value) { return {Bound::kAtLeast, value}; }
  static Target AtMost(double value) { return {Bound::kAtMost, value}; }
};

// One row of the table. Each list has a value for every pair, or a single one where the whole
// scenario is measured once; the table shows medians.
struct Row {
  std::string scenario = "";
  std::string what = "";  // What is measured.
  std::string unit = "";  // Of `ours` and `peers`.
  std::vector<double> ours = {};
  std::string against = "";  // Empty: there is no peer.
  std::vector<double> peers = {};
  // What the target is about: usually the pairs' ratios; else they have a unit of their own.
  std::vector<double> judged = {};
  std::string judged_unit = "x";
  std::optional<Target> target = std::nullopt;  // Empty: the row is only reported.
  // What this machine lacks, so that there is no figure; empty for a row that was measured.
  std::string skipped = "";
  // What the product lacks, so that there is no figure; the row is short.
  std::string missing = "";
};

// How many of the judged values meet the target, which there is.
std::size_t PairsMet(const Row& row);

// `pass` if the median and every single pair meet the target, so that a row that holds in some runs
// only is short; `short`, `reported` or `skipped` otherwise.
std::string Verdict(const Row& row);

// Collects the rows and tells of them.
class Report {
 public:
  explicit Report(Machine machine) : machine_(std::move(machine)) {}

  void Add(Row row);

  // The machine, the versions and the table, for people.
  std::string Table() const;
  // The same and the single values, for programs.
  std::string Json() const;

 private:
  const Machine machine_;
  std::vector<Row> rows_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_REPORT_H_
