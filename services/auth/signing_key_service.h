#ifndef PLAYLOG_SERVICES_AUTH_SIGNING_KEY_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_SIGNING_KEY_SERVICE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/jwt/jwt.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/signing_key_service.grpc.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// Publishes the public keys, as signing_key_service.proto says.
class SigningKeyService final : public v1::SigningKeyService::CallbackService {
 public:
  // `keys` are those that tokens may be signed with, the one that signs now first.
  SigningKeyService(const std::vector<jwt::PublicKey>& keys, rpc::Dispatcher& dispatcher);

  grpc::ServerUnaryReactor* GetSigningKeys(grpc::CallbackServerContext* context,
                                           const v1::GetSigningKeysRequest* request,
                                           v1::GetSigningKeysResponse* response) override;

  absl::StatusOr<v1::GetSigningKeysResponse> GetSigningKeys(
      rpc::Call& call, const v1::GetSigningKeysRequest& request);

 private:
  v1::GetSigningKeysResponse keys_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_SIGNING_KEY_SERVICE_H_
