#include "services/auth/audit_service.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <vector>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "services/auth/api_keys.h"

namespace playlog::auth {
namespace {

void Describe(const AuditEvent& event, v1::AuditEvent& message) {
  message.set_id(event.id);
  *message.mutable_at() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(event.at));
  message.set_action(event.action);
  if (!event.service_name.empty()) message.set_service_name(SourceOf(event.service_name));
  message.set_by(event.by);
  message.set_request_id(event.request_id);
}

}  // namespace

grpc::ServerUnaryReactor* AuditService::ListAuditEvents(grpc::CallbackServerContext* context,
                                                        const v1::ListAuditEventsRequest* request,
                                                        v1::ListAuditEventsResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const v1::ListAuditEventsRequest& r) {
                             return ListAuditEvents(call, r);
                           });
}

absl::StatusOr<v1::ListAuditEventsResponse> AuditService::ListAuditEvents(
    rpc::Call& call, const v1::ListAuditEventsRequest& request) {
  const int limit = request.has_limit() ? request.limit() : kLimitDefault;
  if (limit < 1 || limit > kLimitMax) return InvalidField("limit", "an integer from 1 to 200");
  std::optional<std::int64_t> before;
  if (request.has_before()) {
    before = request.before();
    if (*before < 1) return InvalidField("before", "the next of an earlier answer");
  }
  // One more than asked for tells whether there is a further page.
  PLAYLOG_ASSIGN_OR_RETURN(std::vector<AuditEvent> events,
                           audit_.List(call.deadline, call.user_id, before, limit + 1));
  const bool more = std::ssize(events) > limit;
  if (more) events.pop_back();
  v1::ListAuditEventsResponse response;
  for (const AuditEvent& event : events) Describe(event, *response.add_results());
  if (more) response.set_next(events.back().id);
  return response;
}

}  // namespace playlog::auth
