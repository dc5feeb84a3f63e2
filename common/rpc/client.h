#ifndef PLAYLOG_COMMON_RPC_CLIENT_H_
#define PLAYLOG_COMMON_RPC_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "common/rpc/policy.h"

namespace playlog::rpc {

// The metadata that travels with every call, in lower case as gRPC demands.
inline constexpr char kRequestIdKey[] = "playlog-request-id";
inline constexpr char kAuthorizationKey[] = "authorization";
// Only the gateway sends it, from its socket.
inline constexpr char kClientAddressKey[] = "playlog-client-address";
// The initial metadatum of a stream that tells a revision (call.h), as a decimal number.
inline constexpr char kRevisionKey[] = "playlog-revision";
// The trailing metadatum of an answer that has http_behaviour.alternative_status.
inline constexpr char kHttpStatusKey[] = "playlog-http-status";
inline constexpr char kAlternativeStatus[] = "alternative";

// Opens the one channel of the process to a neighbour. It connects at the first call and again,
// within a second, whenever the neighbour comes back. `service` is the name that its certificate
// must have.
std::shared_ptr<grpc::Channel> Connect(const std::string& service, const std::string& address,
                                       const std::string& tls_directory);

// Puts a text into a context's metadata if it is safe there; anything outside printable ASCII would
// end the process (an assertion inside gRPC), so it is left out.
void AddMetadata(grpc::ClientContext& context, const std::string& key, const std::string& value);

// Runs attempts of a call until a service has answered one: up to three where the RPC is
// idempotent, with jittered pauses, all of them before `deadline`. Invoke below is the way to use
// it.
absl::Status InvokeWithRetry(const MethodPolicy& policy, const Call& call, absl::Time deadline,
                             absl::FunctionRef<grpc::Status(grpc::ClientContext&)> attempt);

// The time by which a neighbour must answer: early enough to answer our own caller after it.
absl::Time NeighbourDeadline(const Call& call, absl::Duration timeout);

// Calls a neighbour on behalf of `call` and waits: with its request id and the user's token, for at
// most `timeout` and never beyond the caller's deadline. Blocks, so it belongs on a worker.
//   PLAYLOG_ASSIGN_OR_RETURN(const auto key, rpc::Invoke(*stub, &KeyVaultService::Stub::OpenKey,
//   call, request, absl::Seconds(2)));
template <class Stub, class StubBase, class Request, class Response>
absl::StatusOr<Response> Invoke(Stub& stub,
                                grpc::Status (StubBase::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                                const Call& call, const Request& request, absl::Duration timeout) {
  Response response;
  const absl::Status status =
      InvokeWithRetry(PolicyOf(Request::descriptor()), call, NeighbourDeadline(call, timeout),
                      [&](grpc::ClientContext& context) {
                        response.Clear();
                        return (stub.*method)(&context, request, &response);
                      });
  if (!status.ok()) return status;
  return response;
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_CLIENT_H_
