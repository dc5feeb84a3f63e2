#ifndef PLAYLOG_SERVICES_AUTH_KEY_VAULT_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_KEY_VAULT_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"
#include "services/auth/audit.h"
#include "services/auth/credential.h"
#include "services/auth/credential_store.h"
#include "services/auth/open_limits.h"
#include "services/auth/vault.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// What KeyVaultService works with; all of it outlives the service.
struct KeyVaultServiceParts {
  CredentialStore& store;
  const Vault& vault;
  Audit& audit;
  OpenLimits& limits;
  Clock& clock;
  rpc::Dispatcher& dispatcher;
};

// Opens keys for the ingest services, as key_vault_service.proto says. Every call answers
// PERMISSION_DENIED unless the caller is the ingest service of the key's own source.
class KeyVaultService final : public v1::KeyVaultService::CallbackService {
 public:
  explicit KeyVaultService(const KeyVaultServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* OpenKey(grpc::CallbackServerContext* context,
                                    const v1::OpenKeyRequest* request,
                                    v1::OpenKeyResponse* response) override;
  grpc::ServerUnaryReactor* SaveTokens(grpc::CallbackServerContext* context,
                                       const v1::SaveTokensRequest* request,
                                       v1::SaveTokensResponse* response) override;
  grpc::ServerUnaryReactor* ReportKeyUse(grpc::CallbackServerContext* context,
                                         const v1::ReportKeyUseRequest* request,
                                         v1::ReportKeyUseResponse* response) override;
  grpc::ServerUnaryReactor* ListKeys(grpc::CallbackServerContext* context,
                                     const v1::ListKeysRequest* request,
                                     v1::ListKeysResponse* response) override;

  // A key leaves only after its owner's audit says so: while that cannot be written, nothing is
  // opened. RATE_LIMITED if one key is opened very often. INTERNAL if it does not open, which the
  // audit tells too.
  absl::StatusOr<v1::OpenKeyResponse> OpenKey(rpc::Call& call, const v1::OpenKeyRequest& request);
  absl::StatusOr<v1::SaveTokensResponse> SaveTokens(rpc::Call& call,
                                                    const v1::SaveTokensRequest& request);
  absl::StatusOr<v1::ReportKeyUseResponse> ReportKeyUse(rpc::Call& call,
                                                        const v1::ReportKeyUseRequest& request);
  // Nothing is opened, so the audit says nothing of it.
  absl::StatusOr<v1::ListKeysResponse> ListKeys(rpc::Call& call,
                                                const v1::ListKeysRequest& request);

 private:
  absl::StatusOr<Credential> Open(const SealedKey& sealed) const;
  // Writes that a key did not open, as far as that is possible.
  void TellOfFailure(const rpc::Call& call, const StoredKey& key);

  const KeyVaultServiceParts parts_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_VAULT_SERVICE_H_
