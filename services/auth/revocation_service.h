#ifndef PLAYLOG_SERVICES_AUTH_REVOCATION_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_REVOCATION_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/revocation_service.grpc.pb.h"
#include "services/auth/store.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// Tells which access tokens ended before their time, as revocation_service.proto says.
class RevocationService final : public v1::RevocationService::CallbackService {
 public:
  RevocationService(Store& store, rpc::Dispatcher& dispatcher)
      : store_(store), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* ListRevocations(grpc::CallbackServerContext* context,
                                            const v1::ListRevocationsRequest* request,
                                            v1::ListRevocationsResponse* response) override;

  absl::StatusOr<v1::ListRevocationsResponse> ListRevocations(
      rpc::Call& call, const v1::ListRevocationsRequest& request);

 private:
  Store& store_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_REVOCATION_SERVICE_H_
