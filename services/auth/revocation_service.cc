#include "services/auth/revocation_service.h"

#include <google/protobuf/util/time_util.h>

#include <optional>

#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/revocation_view.h"

namespace playlog::auth {
namespace {

// Those who ask go on asking after an answer of this size.
static_assert(Store::kRevocationsMax == rpc::RevocationView::kPageSize);
static_assert(Store::kRevocationsKept == rpc::RevocationView::kKept);

using ::google::protobuf::Timestamp;
using ::google::protobuf::util::TimeUtil;

Timestamp ToTimestamp(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

std::optional<absl::Time> SinceOf(const v1::ListRevocationsRequest& request) {
  if (!request.has_since()) return std::nullopt;
  return absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(request.since()));
}

}  // namespace

grpc::ServerUnaryReactor* RevocationService::ListRevocations(
    grpc::CallbackServerContext* context, const v1::ListRevocationsRequest* request,
    v1::ListRevocationsResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const v1::ListRevocationsRequest& r) {
                             return ListRevocations(call, r);
                           });
}

absl::StatusOr<v1::ListRevocationsResponse> RevocationService::ListRevocations(
    rpc::Call& call, const v1::ListRevocationsRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const RevocationPage page,
                           store_.ListRevocations(call.deadline, SinceOf(request)));
  v1::ListRevocationsResponse response;
  for (const Revocation& revocation : page.revocations) {
    v1::Revocation& listed = *response.add_revocations();
    listed.set_user_id(revocation.user_id);
    listed.set_minimum_token_version(revocation.minimum_token_version);
    listed.set_session_id(revocation.session_id);
    *listed.mutable_revoked_at() = ToTimestamp(revocation.revoked_at);
  }
  *response.mutable_as_of() = ToTimestamp(page.as_of);
  return response;
}

}  // namespace playlog::auth
