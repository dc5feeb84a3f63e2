#include "services/auth/audit_service.h"

#include <optional>
#include <vector>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"

namespace playlog::auth {
namespace {}  // namespace

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
  for (const AuditEvent& event : events) DescribeAuditEvent(event, *response.add_results());
  if (more) response.set_next(events.back().id);
  return response;
}

}  // namespace playlog::auth
