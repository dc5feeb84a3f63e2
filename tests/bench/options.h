#ifndef PLAYLOG_TESTS_BENCH_OPTIONS_H_
#define PLAYLOG_TESTS_BENCH_OPTIONS_H_

#include <string>

#include "absl/time/time.h"

namespace playlog::bench {

// How a run measures; main.cc has the flags.
struct Options {
  int pairs = 5;              // Of slices, ours and the peer's in turn.
  absl::Duration slice;       // Of the scenarios that are measured for a time.
  std::string django_folder;  // The reference; may be absent.
  int sync_users = 10'000;    // Of the scenario `sync`.
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_OPTIONS_H_
