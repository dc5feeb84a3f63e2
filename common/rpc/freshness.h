#ifndef PLAYLOG_COMMON_RPC_FRESHNESS_H_
#define PLAYLOG_COMMON_RPC_FRESHNESS_H_

#include "absl/time/time.h"

namespace playlog::rpc {

// Returns whether what was learned `then` is at most `age` old `now`. What seems to have been
// learned over a second later is not: the clock has been set back since, and nobody knows its age.
inline bool IsYoung(absl::Time then, absl::Time now, absl::Duration age) {
  return now - then <= age && then - now <= absl::Seconds(1);
}

// How long to wait between two questions to a neighbour that may be away, however many want to
// know. A process that has learned nothing yet can do nothing without the answer, and both may just
// have been started; later the time protects the neighbour.
inline absl::Duration BetweenTries(bool has_learned) {
  return has_learned ? absl::Seconds(1) : absl::Milliseconds(100);
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_FRESHNESS_H_
