#include "services/auth/audit.h"

#include <google/protobuf/util/time_util.h>

#include "common/base/error.h"
#include "services/auth/api_keys.h"

namespace playlog::auth {

AuditEvent MakeAuditEvent(const rpc::Call& call, absl::Time at, std::int64_t user_id,
                          v1::AuditAction action, std::string_view service_name) {
  const std::string_view by = call.peer_service == "gateway" ? kByUser : call.peer_service;
  return {.user_id = user_id,
          .at = at,
          .action = action,
          .service_name = std::string(service_name),
          .by = std::string(by),
          .request_id = call.request_id};
}

absl::Status AuditedUserGoneError() {
  return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such user", "The user has been deleted.");
}

void DescribeAuditEvent(const AuditEvent& event, v1::AuditEvent& message) {
  message.set_id(event.id);
  *message.mutable_at() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(event.at));
  message.set_action(event.action);
  if (!event.service_name.empty()) message.set_service_name(SourceOf(event.service_name));
  message.set_by(event.by);
  message.set_request_id(event.request_id);
}

}  // namespace playlog::auth
