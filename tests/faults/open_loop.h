#ifndef PLAYLOG_TESTS_FAULTS_OPEN_LOOP_H_
#define PLAYLOG_TESTS_FAULTS_OPEN_LOOP_H_

#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "tests/harness/http_client.h"

namespace playlog::faults {

// A request of an open loop and what came of it.
struct Timed {
  harness::HttpAnswer answer;
  // From when it was due until its answer was whole, so that waiting to be sent counts too.
  absl::Duration took;
};

// Sends `per_second` requests a second for a time, whether or not those before have been answered,
// as long as fewer than `threads` are under way: more than that make the next ones late, which
// their times show. `send` gets the number of the request and is called on several threads at once.
// Returns when all have been answered.
std::vector<Timed> SendOpenLoop(int per_second, int threads, absl::Duration time,
                                const std::function<harness::HttpAnswer(int)>& send);

// The time within which so many of a hundred were answered; there is at least one.
absl::Duration Percentile(const std::vector<Timed>& requests, int percent);

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_OPEN_LOOP_H_
