#include "common/rpc/dispatcher.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <unordered_map>

#include "absl/strings/match.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/strings.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/deadline.h"

namespace playlog::rpc {
namespace {

constexpr std::size_t kRequestIdBytesMax = 64;
// The longest textual IPv6 address.
constexpr std::size_t kAddressBytesMax = 45;
constexpr std::string_view kBearer = "Bearer ";

// Returns the one value of a key; nothing if it is absent, repeated or not printable.
std::optional<std::string> FindMetadata(const grpc::CallbackServerContext& context,
                                        const char* key) {
  const auto range = context.client_metadata().equal_range(key);
  if (range.first == range.second || std::next(range.first) != range.second) return std::nullopt;
  std::string value(range.first->second.data(), range.first->second.size());
  if (!IsPrintableAscii(value)) return std::nullopt;
  return value;
}

// The metrics of an RPC's calls that end well. To find them by their names and labels costs more
// than the rest of a call's bookkeeping.
struct MethodMetrics {
  explicit MethodMetrics(const std::string& method)
      : answered(CounterOf(method, "OK")),
        seconds(GetHistogram("playlog_rpc_seconds", "Time from a call's arrival to its end.",
                             {{"method", method}})) {}
  static Counter& CounterOf(const std::string& method, const std::string& code) {
    return GetCounter("playlog_rpc_total", "Calls answered, by RPC and error code.",
                      {{"method", method}, {"code", code}});
  }
  Counter& answered;
  Histogram& seconds;
};

const MethodMetrics& MetricsOf(const MethodPolicy& policy) {
  thread_local std::unordered_map<const MethodPolicy*, MethodMetrics> known;
  return known.try_emplace(&policy, policy.name).first->second;
}

absl::Status AuthenticationRequired() {
  return Error(errors::v1::ERROR_CODE_AUTHENTICATION_REQUIRED, "Authentication required",
               "Send an access token of /users/token/ as `Authorization: Bearer TOKEN`.");
}

}  // namespace

Dispatcher::Dispatcher(const DispatcherOptions& options, TokenVerifier& verifier)
    : verifier_(verifier), workers_(options.workers, options.queue) {}

Dispatcher::Entry Dispatcher::Arrive(Kind kind, const MethodPolicy& policy,
                                     const grpc::CallbackServerContext& context) {
  Entry entry{policy, {}, absl::Now()};
  entry.call.deadline = FromGrpcDeadline(context.deadline());
  if (kind == Kind::kUnary) {
    entry.call.deadline = std::min(entry.call.deadline, entry.arrived_at + kUnaryTimeMax);
  }
  std::optional<std::string> request_id = FindMetadata(context, kRequestIdKey);
  if (request_id.has_value() && request_id->size() <= kRequestIdBytesMax) {
    entry.call.request_id = *std::move(request_id);
  }
  return entry;
}

absl::Status Dispatcher::Admit(Entry& entry, const grpc::CallbackServerContext& context) {
  Call& call = entry.call;
  // Not the same: a call that was cancelled because a process leaves may be made again.
  if (call.IsCancelled()) return absl::CancelledError("cancelled while it was queued");
  if (absl::Now() >= call.deadline) {
    return absl::DeadlineExceededError("the deadline passed while the call was queued");
  }
  call.peer_service = PeerService(*context.auth_context());
  if (call.peer_service == "gateway") {
    std::optional<std::string> address = FindMetadata(context, kClientAddressKey);
    if (address.has_value() && address->size() <= kAddressBytesMax) {
      call.client_address = *std::move(address);
    }
  }
  if (absl::Status peer = CheckPeer(entry.policy, call.peer_service); !peer.ok()) return peer;
  if (!NeedsUser(entry.policy)) return absl::OkStatus();
  const std::optional<std::string> authorization = FindMetadata(context, kAuthorizationKey);
  if (!authorization.has_value()) return AuthenticationRequired();
  if (!absl::StartsWithIgnoreCase(*authorization, ToAbsl(kBearer))) return jwt::InvalidTokenError();
  call.authorization = authorization->substr(kBearer.size());
  const absl::StatusOr<jwt::Claims> claims = verifier_.Verify(call.authorization);
  if (!claims.ok()) return claims.status();
  if (entry.policy.access.staff() && !claims->staff) {
    return Error(errors::v1::ERROR_CODE_PERMISSION_DENIED, "Permission denied",
                 "This call is for staff.");
  }
  call.user_id = claims->user_id;
  call.session_id = claims->session_id;
  return absl::OkStatus();
}

absl::Status Dispatcher::Guard(absl::FunctionRef<absl::Status()> step) {
  try {
    return step();
  } catch (const std::exception& error) {
    return InternalError(error.what());
  }
}

grpc::Status Dispatcher::Conclude(const Entry& entry, const absl::Status& status) {
  const std::string code = status.ok() ? "OK" : NameOf(CodeOf(status));
  const absl::Duration taken = absl::Now() - entry.arrived_at;
  const MethodMetrics& metrics = MetricsOf(entry.policy);
  (status.ok() ? metrics.answered : MethodMetrics::CounterOf(entry.policy.name, code)).Increment();
  metrics.seconds.Observe(absl::ToDoubleSeconds(taken));
  const bool bug = CodeOf(status) == errors::v1::ERROR_CODE_INTERNAL && !status.ok();
  // What staff ask for is somebody's data, so that each call of theirs leaves a line that says
  // whose call it was.
  const bool by_staff = entry.policy.access.staff();
  const Severity severity =
      bug ? Severity::kError : (status.ok() && !by_staff ? Severity::kDebug : Severity::kInfo);
  const std::string_view error(status.message().data(), status.message().size());
  const double duration_ms = absl::ToDoubleMilliseconds(taken);
  if (by_staff) {
    Log(severity, "staff_rpc",
        {{"method", entry.policy.name},
         {"staff_id", entry.call.user_id},
         {"code", code},
         {"error", error},
         {"request_id", entry.call.request_id},
         {"peer", entry.call.peer_service},
         {"duration_ms", duration_ms}});
  } else {
    Log(severity, "rpc",
        {{"method", entry.policy.name},
         {"code", code},
         {"error", error},
         {"request_id", entry.call.request_id},
         {"peer", entry.call.peer_service},
         {"duration_ms", duration_ms}});
  }
  return ToGrpc(status);
}

absl::Status Dispatcher::Overloaded() {
  return RetryableError(errors::v1::ERROR_CODE_OVERLOADED, "Overloaded",
                        "There is more work than can be done now. Try again.", absl::Seconds(1));
}

absl::Status Dispatcher::Draining() {
  return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "Unavailable",
                        "The service is stopping. Try again.", absl::Seconds(1));
}

}  // namespace playlog::rpc
