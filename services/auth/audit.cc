#include "services/auth/audit.h"

#include "common/base/error.h"

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

}  // namespace playlog::auth
