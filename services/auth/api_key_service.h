#ifndef PLAYLOG_SERVICES_AUTH_API_KEY_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_API_KEY_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/api_key_service.grpc.pb.h"
#include "services/auth/store.h"
#include "services/auth/vault.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// The users' keys, as api_key_service.proto says.
class ApiKeyService final : public v1::ApiKeyService::CallbackService {
 public:
  ApiKeyService(Store& store, const Vault& vault, Clock& clock, rpc::Dispatcher& dispatcher)
      : store_(store), vault_(vault), clock_(clock), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* StoreApiKey(grpc::CallbackServerContext* context,
                                        const v1::StoreApiKeyRequest* request,
                                        v1::StoreApiKeyResponse* response) override;
  grpc::ServerUnaryReactor* ListApiKeys(grpc::CallbackServerContext* context,
                                        const v1::ListApiKeysRequest* request,
                                        v1::ListApiKeysResponse* response) override;
  grpc::ServerUnaryReactor* DeleteApiKey(grpc::CallbackServerContext* context,
                                         const v1::DeleteApiKeyRequest* request,
                                         v1::DeleteApiKeyResponse* response) override;

  // Asks for the alternative status if a key was replaced.
  absl::StatusOr<v1::StoreApiKeyResponse> StoreApiKey(rpc::Call& call,
                                                      const v1::StoreApiKeyRequest& request);
  absl::StatusOr<v1::ListApiKeysResponse> ListApiKeys(rpc::Call& call,
                                                      const v1::ListApiKeysRequest& request);
  absl::StatusOr<v1::DeleteApiKeyResponse> DeleteApiKey(rpc::Call& call,
                                                        const v1::DeleteApiKeyRequest& request);

 private:
  Store& store_;
  const Vault& vault_;
  Clock& clock_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_API_KEY_SERVICE_H_
