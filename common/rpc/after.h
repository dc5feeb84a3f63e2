#ifndef PLAYLOG_COMMON_RPC_AFTER_H_
#define PLAYLOG_COMMON_RPC_AFTER_H_

#include <functional>

#include "absl/time/time.h"

namespace playlog::rpc {

// Calls `then` after a pause on a thread of gRPC, or at once on this one if there is none. A pause
// holds no thread.
void After(absl::Duration pause, std::function<void()> then);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_AFTER_H_
