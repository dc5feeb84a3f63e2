#ifndef PLAYLOG_SERVICES_AUTH_AUDIT_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_AUDIT_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/audit_service.grpc.pb.h"
#include "services/auth/audit.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// Shows users their events, as audit_service.proto says.
class AuditService final : public v1::AuditService::CallbackService {
 public:
  static constexpr int kLimitDefault = 50;
  static constexpr int kLimitMax = 200;

  AuditService(Audit& audit, rpc::Dispatcher& dispatcher)
      : audit_(audit), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* ListAuditEvents(grpc::CallbackServerContext* context,
                                            const v1::ListAuditEventsRequest* request,
                                            v1::ListAuditEventsResponse* response) override;

  // INVALID_FIELD for a limit outside 1 to kLimitMax, and for a `before` under 1.
  absl::StatusOr<v1::ListAuditEventsResponse> ListAuditEvents(
      rpc::Call& call, const v1::ListAuditEventsRequest& request);

 private:
  Audit& audit_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_AUDIT_SERVICE_H_
