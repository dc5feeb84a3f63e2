#ifndef PLAYLOG_COMMON_RPC_DEADLINE_H_
#define PLAYLOG_COMMON_RPC_DEADLINE_H_

#include <algorithm>
#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace playlog::rpc {

// gRPC reads the machine's clock, and absl::Now() estimates it from samples that are up to two
// seconds old. After a step of the clock the two are apart for that long, and a deadline that went
// from one to the other as a time of day would have passed, or would never pass. What goes between
// them is therefore how much time is left.

// The longest time, left or gone, that is handed to gRPC.
inline constexpr absl::Duration kTimeLeftMax = absl::Hours(24 * 365);

inline std::chrono::system_clock::time_point ToGrpcDeadline(absl::Time deadline) {
  const absl::Duration left = std::clamp(deadline - absl::Now(), -kTimeLeftMax, kTimeLeftMax);
  return std::chrono::system_clock::now() + absl::ToChronoNanoseconds(left);
}

// Returns InfiniteFuture() for a call without a deadline.
inline absl::Time FromGrpcDeadline(std::chrono::system_clock::time_point deadline) {
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::Now() + absl::FromChrono(deadline - std::chrono::system_clock::now());
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_DEADLINE_H_
