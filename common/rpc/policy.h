#ifndef PLAYLOG_COMMON_RPC_POLICY_H_
#define PLAYLOG_COMMON_RPC_POLICY_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "playlog/options/v1/options.pb.h"

namespace playlog::rpc {

// What an RPC's proto says about it.
struct MethodPolicy {
  std::string name;  // As in gRPC: "playlog.songs.v1.SongStoreService/UpsertSongs".
  options::v1::Access access;
  bool idempotent = false;
};

// Returns the policy of the RPC that takes this request type. Every RPC has a request type of its
// own (buf's rule RPC_REQUEST_RESPONSE_UNIQUE), so the type names the RPC. Ends the process for a
// type that no RPC takes, which is a bug.
const MethodPolicy& PolicyOf(const google::protobuf::Descriptor* request);

// Says whether the service `peer` may call at all, before any token is looked at. An RPC that
// declares no access may be called by nobody.
absl::Status CheckPeer(const MethodPolicy& policy, std::string_view peer);

// Says whether the RPC needs a signed-in user.
bool NeedsUser(const MethodPolicy& policy);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_POLICY_H_
