#include "services/gateway/rpc_exchange_base.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/rpc/client.h"
#include "common/rpc/not_served.h"
#include "services/gateway/http_error.h"
#include "services/gateway/request_binder.h"
#include "services/gateway/rpc_answer.h"

namespace playlog::gateway {
namespace {

// What the gateway keeps of a route's time to write the answer.
constexpr absl::Duration kHopMargin = absl::Milliseconds(50);
constexpr absl::Duration kPausesBeforeRepeats[] = {absl::ZeroDuration(), absl::Milliseconds(20),
                                                   absl::Milliseconds(80)};

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

}  // namespace

RpcExchangeBase::RpcExchangeBase(const RpcRequest& request, std::shared_ptr<HttpExchange> http)
    : route_(request.route),
      request_id_(request.request_id),
      client_address_(request.client_address),
      token_(request.token),
      is_head_(request.is_head),
      secure_cookies_(request.secure_cookies),
      http_(std::move(http)),
      request_(Serialize(request.message)),
      deadline_(request.arrived_at + absl::Milliseconds(request.route.deadline_ms) - kHopMargin) {}

void RpcExchangeBase::Introduce(grpc::ClientContext& context) const {
  rpc::AddMetadata(context, rpc::kRequestIdKey, request_id_);
  rpc::AddMetadata(context, rpc::kClientAddressKey, client_address_);
  if (!token_.empty()) {
    rpc::AddMetadata(context, rpc::kAuthorizationKey, absl::StrCat("Bearer ", token_));
  }
}

std::optional<absl::Duration> RpcExchangeBase::PauseBeforeRepeat(const absl::Status& status,
                                                                 bool given_up, int repeats) const {
  if (!route_.is_idempotent || given_up || !rpc::WasNotServed(status, given_up)) {
    return std::nullopt;
  }
  if (static_cast<std::size_t>(repeats) >= std::size(kPausesBeforeRepeats)) return std::nullopt;
  return kPausesBeforeRepeats[repeats];
}

std::string RpcExchangeBase::Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

void RpcExchangeBase::SendError(const absl::Status& status) {
  if (CodeOf(status) == errors::v1::ERROR_CODE_INTERNAL) {
    Log(Severity::kError, "rpc_failed",
        {{"method", route_.grpc_method},
         {"error", status.ToString()},
         {"request_id", request_id_}});
  }
  http_->Send(MakeErrorResponse(ForClientOf(route_, status), request_id_));
}

int RpcExchangeBase::SuccessStatus(const grpc::ClientContext& context) const {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(rpc::kHttpStatusKey);
  const bool alternative = route_.alternative_status != 0 && found != trailers.end() &&
                           found->second == rpc::kAlternativeStatus;
  return alternative ? route_.alternative_status : route_.status;
}

void RpcExchangeBase::SendWhole(const grpc::ClientContext& context, std::string body,
                                HttpHeaders cookies) {
  PLAYLOG_CRASH_POINT("answer_ready");
  HttpResponse response{SuccessStatus(context), std::move(cookies), {}};
  if (response.status != 204) {
    for (auto& field : HeadersOf(route_)) response.headers.push_back(std::move(field));
    response.body = std::move(body);
  }
  http_->Send(std::move(response));
}

}  // namespace playlog::gateway
