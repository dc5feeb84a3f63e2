#include "services/auth/signing_key_service.h"

#include "common/rpc/dispatcher.h"

namespace playlog::auth {

grpc::ServerUnaryReactor* SigningKeyService::GetSigningKeys(
    grpc::CallbackServerContext* context, const v1::GetSigningKeysRequest* request,
    v1::GetSigningKeysResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const v1::GetSigningKeysRequest& r) {
                             return GetSigningKeys(call, r);
                           });
}

absl::StatusOr<v1::GetSigningKeysResponse> SigningKeyService::GetSigningKeys(
    rpc::Call&, const v1::GetSigningKeysRequest&) {
  v1::GetSigningKeysResponse response;
  for (const jwt::PublicKey& key : tokens_.public_keys()) {
    v1::JsonWebKey& published = *response.add_keys();
    published.set_kid(key.kid);
    published.set_x(key.x);
    published.set_y(key.y);
  }
  return response;
}

}  // namespace playlog::auth
