#ifndef PLAYLOG_TESTS_FAULTS_CHECKER_H_
#define PLAYLOG_TESTS_FAULTS_CHECKER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/faults/ledger.h"

namespace playlog::faults {

// A play as its upstream tells it, or as the store has it.
struct Play {
  std::int64_t user_id = 0;
  std::string title = {};
  std::string artist = {};
  std::string album = {};
  std::int64_t played_at_us = 0;
  std::int64_t duration_ms = 0;

  bool operator==(const Play&) const = default;
};

// What is wrong with a store, as the titles of plays; nothing if all lists are empty.
struct Findings {
  std::vector<std::string> lost;        // Confirmed and not there.
  std::vector<std::string> invented;    // There, though unknown to the upstream or never asked for
                                        // but by operations that failed.
  std::vector<std::string> doubled;     // There more than once.
  std::vector<std::string> altered;     // There with other values than the upstream told.
  int ok = 0, failed = 0, unknown = 0;  // Operations.

  bool clean() const {
    return lost.empty() && invented.empty() && doubled.empty() && altered.empty();
  }
  // For the message of a test that fails.
  std::string Text() const;
};

// Compares what clients were told with what is stored. `truth` has all that the upstreams ever had,
// by title.
Findings Check(const std::vector<Operation>& operations, const std::map<std::string, Play>& truth,
               const std::vector<Play>& stored);

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_CHECKER_H_
