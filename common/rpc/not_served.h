#ifndef PLAYLOG_COMMON_RPC_NOT_SERVED_H_
#define PLAYLOG_COMMON_RPC_NOT_SERVED_H_

#include "absl/status/status.h"
#include "common/base/error.h"

namespace playlog::rpc {

// Whether no service has said anything to a call, which may be repeated if its RPC is idempotent:
// what a service says itself has an ErrorDetail, after it has tried. A server that has just begun
// to leave cancels the calls that reach it; `given_up` is whether the call was cancelled here.
inline bool WasNotServed(const absl::Status& status, bool given_up) {
  if (status.GetPayload(kErrorDetailType)) return false;
  return absl::IsUnavailable(status) || (absl::IsCancelled(status) && !given_up);
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_NOT_SERVED_H_
