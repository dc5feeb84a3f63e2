#ifndef PLAYLOG_SERVICES_AUTH_KEY_VAULT_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_KEY_VAULT_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"
#include "services/auth/store.h"
#include "services/auth/vault.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// Opens keys for the ingest services, as key_vault_service.proto says.
class KeyVaultService final : public v1::KeyVaultService::CallbackService {
 public:
  KeyVaultService(Store& store, const Vault& vault, rpc::Dispatcher& dispatcher)
      : store_(store), vault_(vault), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* OpenKey(grpc::CallbackServerContext* context,
                                    const v1::OpenKeyRequest* request,
                                    v1::OpenKeyResponse* response) override;

  // PERMISSION_DENIED unless the caller is the ingest service of the key's own source.
  absl::StatusOr<v1::OpenKeyResponse> OpenKey(rpc::Call& call, const v1::OpenKeyRequest& request);

 private:
  Store& store_;
  const Vault& vault_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_VAULT_SERVICE_H_
