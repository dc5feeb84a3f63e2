#ifndef PLAYLOG_COMMON_RPC_FRESHNESS_H_
#define PLAYLOG_COMMON_RPC_FRESHNESS_H_

#include "absl/time/time.h"

namespace playlog::rpc {

// Returns whether what was learned `then` is at most `age` old `now`. What seems to have been
// learned over a second later is not: the clock has been set back since, and nobody knows its age.
inline bool IsYoung(absl::Time then, absl::Time now, absl::Duration age) {
  return now - then <= age && then - now <= absl::Seconds(1);
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_FRESHNESS_H_
