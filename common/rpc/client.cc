#include "common/rpc/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/strings.h"
#include "common/rpc/credentials.h"
#include "common/rpc/deadline.h"
#include "common/rpc/limits.h"
#include "common/rpc/not_served.h"
#include "common/rpc/status.h"

namespace playlog::rpc {
namespace {

constexpr int kAttemptsMax = 3;
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
// What a hop keeps for itself to answer its own caller in time.
constexpr absl::Duration kHopMargin = absl::Milliseconds(50);

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& service, const std::string& address,
                                       const std::string& tls_directory) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(DnsNameOf(service));
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  // With the defaults a neighbour that was away for a minute stays unused for 11 s after it is back
  // (reliability.md F14).
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // In spite of its name this is the time that one attempt to connect may take: with 100 ms, TLS
  // handshakes on a busy machine fail for ever ("timed out before receiving SETTINGS frame").
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // Retries are made in one place only, InvokeWithRetry, lest layers multiply them.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(address, MakeChannelCredentials(tls_directory), arguments);
}

void AddMetadata(grpc::ClientContext& context, const std::string& key, const std::string& value) {
  if (!value.empty() && IsPrintableAscii(value)) context.AddMetadata(key, value);
}

absl::Time NeighbourDeadline(const Call& call, absl::Duration timeout) {
  return std::min(call.deadline - kHopMargin, absl::Now() + timeout);
}

absl::Status InvokeWithRetry(const MethodPolicy& policy, const Call& call, absl::Time deadline,
                             absl::FunctionRef<grpc::Status(grpc::ClientContext&)> attempt) {
  absl::BitGen random;
  absl::Duration pause = kFirstPause;
  absl::Status status =
      call.IsCancelled() ? absl::CancelledError(absl::StrCat("nobody waits for ", policy.name))
                         : absl::DeadlineExceededError(absl::StrCat("no time for ", policy.name));
  for (int tries = 1; absl::Now() < deadline && !call.IsCancelled(); ++tries) {
    // A context serves one attempt: gRPC ends the process when one is used again.
    grpc::ClientContext context;
    context.set_deadline(ToGrpcDeadline(deadline));
    AddMetadata(context, kRequestIdKey, call.request_id);
    if (!call.authorization.empty()) {
      AddMetadata(context, kAuthorizationKey, absl::StrCat("Bearer ", call.authorization));
    }
    status = FromGrpc(attempt(context));
    const bool repeats = WasNotServed(status, call.IsCancelled()) && policy.idempotent;
    if (!repeats || tries == kAttemptsMax) return status;
    pause = std::min(pause * absl::Uniform(random, 0.5, 1.5), deadline - absl::Now());
    if (pause > absl::ZeroDuration()) absl::SleepFor(pause);
    pause *= 2;
  }
  return status;
}

}  // namespace playlog::rpc
