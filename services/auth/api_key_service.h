#ifndef PLAYLOG_SERVICES_AUTH_API_KEY_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_API_KEY_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/api_key_service.grpc.pb.h"
#include "services/auth/credential_store.h"
#include "services/auth/key_trier.h"
#include "services/auth/vault.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// What ApiKeyService works with; all of it outlives the service.
struct ApiKeyServiceParts {
  CredentialStore& store;
  const Vault& vault;
  KeyTrier& trier;
  Clock& clock;
  // For what waits while a key is tried, apart from `dispatcher`, which opens the key meanwhile.
  rpc::Dispatcher& trying_dispatcher;
  rpc::Dispatcher& dispatcher;
};

// The users' keys, as api_key_service.proto says.
class ApiKeyService final : public v1::ApiKeyService::CallbackService {
 public:
  explicit ApiKeyService(const ApiKeyServiceParts& parts) : parts_(parts) {}

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
  // Tries a key that has just been stored, and writes down how it fared. Returns its record.
  KeyRecord Try(const rpc::Call& call, const StoredKey& stored, songs::v1::Source service);

  const ApiKeyServiceParts parts_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_API_KEY_SERVICE_H_
