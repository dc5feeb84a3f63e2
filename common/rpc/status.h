#ifndef PLAYLOG_COMMON_RPC_STATUS_H_
#define PLAYLOG_COMMON_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace playlog::rpc {

// Converts between absl::Status and grpc::Status; the codes are the same numbers, and our
// ErrorDetail travels in the status details. A status without it was made by a library, so its text
// may tell of the inside: it leaves the process as a general sentence.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_STATUS_H_
