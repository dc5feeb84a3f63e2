#ifndef PLAYLOG_TESTS_BENCH_REPORT_H_
#define PLAYLOG_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/machine.h"

namespace playlog::bench {

// The middle of the values, of which there is at least one.
double Median(std::vector<double> values);

// The middle of the ratios of the pairs: what the machine did to both slices of a pair cancels out.
double MedianRatio(const std::vector<double>& over, const std::vector<double>& under);

enum class Bound { kAtLeast, kAtMost };

// What a figure is held to: the floor that must hold now, and the later target.
struct Limits {
  Bound bound = Bound::kAtLeast;
  std::optional<double> floor = std::nullopt;
  std::optional<double> target = std::nullopt;
};

// One row of the table: a figure of ours, the peer's figure from the same run, and a judged number.
struct Row {
  std::string scenario = "";
  std::string what = "";  // What is measured.
  std::string unit = "";  // Of `ours` and `peers`.
  std::optional<double> ours = std::nullopt;
  std::string against = "";  // Empty: there is no peer.
  std::optional<double> peers = std::nullopt;
  // What the limits are about: usually the ratio; else it has a unit of its own.
  std::optional<double> judged = std::nullopt;
  std::string judged_unit = "x";
  Limits limits = {};
  std::string skipped = "";  // Why there is no figure; empty for a row that was measured.
  // The single values behind the medians, for the JSON.
  std::vector<double> ours_values = {};
  std::vector<double> peers_values = {};
};

// "pass" and "short" for the floor, with a word on the target; "reported" where there is neither.
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
