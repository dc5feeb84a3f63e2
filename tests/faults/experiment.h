#ifndef PLAYLOG_TESTS_FAULTS_EXPERIMENT_H_
#define PLAYLOG_TESTS_FAULTS_EXPERIMENT_H_

#include <cstdint>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "tests/faults/checker.h"

namespace playlog::faults {

// How often an experiment is made: in every run of the tests, and where PLAYLOG_FAULTS=gate.
struct Runs {
  int slice = 1;
  int gate = 1;
};

// One experiment: its seed, its number of runs, and the line that it leaves in the record.
//   PLAYLOG_FAULTS=gate         the number of runs of the gate; a number: that many
//   PLAYLOG_FAULTS_SEED=N       repeats the runs that a line of the record tells of
//   PLAYLOG_FAULTS_RECORD=FILE  where the line is appended to
class Experiment {
 public:
  // `promise` is its name in the record, such as "R1 kills".
  Experiment(std::string promise, const Runs& runs);
  // Writes the line, and fails the running test if fewer faults happened than runs were made.
  ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  int runs() const { return runs_; }
  // Whether this is no run of the gate, so that long waits are cut short.
  bool is_slice() const { return is_slice_; }
  std::uint32_t seed() const { return seed_; }
  std::mt19937& random() { return random_; }
  // A number from 0 up to but not including `end`.
  int Draw(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }

  // A fault has really happened to work that was under way.
  void CountFault(int times = 1) { faults_ += times; }
  // Adds what a check found, and fails the running test unless it is clean.
  void Judge(const Findings& findings);
  // Remembers the longest of what the promise has a limit for, and fails the running test if it
  // took longer than `limit`: as it is where PLAYLOG_FAULTS is set, and three times as much where
  // the tests of a build run side by side.
  void Measure(absl::Duration took, absl::Duration limit);

 private:
  const std::string promise_;
  const bool is_slice_;
  const int runs_;
  const std::uint32_t seed_;
  const absl::Time began_;
  std::mt19937 random_;
  int faults_ = 0;
  Findings sum_;
  int lost_ = 0, invented_ = 0, doubled_or_altered_ = 0;
  absl::Duration longest_ = absl::ZeroDuration();
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_EXPERIMENT_H_
