#ifndef PLAYLOG_SERVICES_AUTH_SIGNING_KEY_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_SIGNING_KEY_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/signing_key_service.grpc.pb.h"
#include "services/auth/tokens.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// Publishes the public keys, as signing_key_service.proto says.
class SigningKeyService final : public v1::SigningKeyService::CallbackService {
 public:
  // Answers with the keys that `tokens` has at the time.
  SigningKeyService(const AccessTokens& tokens, rpc::Dispatcher& dispatcher)
      : tokens_(tokens), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* GetSigningKeys(grpc::CallbackServerContext* context,
                                           const v1::GetSigningKeysRequest* request,
                                           v1::GetSigningKeysResponse* response) override;

  absl::StatusOr<v1::GetSigningKeysResponse> GetSigningKeys(
      rpc::Call& call, const v1::GetSigningKeysRequest& request);

 private:
  const AccessTokens& tokens_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_SIGNING_KEY_SERVICE_H_
