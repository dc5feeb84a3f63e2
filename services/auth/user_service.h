#ifndef PLAYLOG_SERVICES_AUTH_USER_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_USER_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/user_service.grpc.pb.h"
#include "services/auth/erasers.h"
#include "services/auth/sign_in.h"
#include "services/auth/store.h"
#include "services/auth/tokens.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::auth {

// What UserService works with; all of it outlives the service.
struct UserServiceParts {
  Store& store;
  SignIn& sign_in;
  const AccessTokens& access_tokens;
  Erasers& erasers;
  Clock& clock;
  // For what needs a password hash and may wait for it, apart from `dispatcher`, so that a flood of
  // sign-ins leaves workers to everything else.
  rpc::Dispatcher& sign_in_dispatcher;
  rpc::Dispatcher& dispatcher;
};

// Users and their tokens, as user_service.proto says.
class UserService final : public v1::UserService::CallbackService {
 public:
  explicit UserService(const UserServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                        const v1::CreateTokenRequest* request,
                                        v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* RefreshToken(grpc::CallbackServerContext* context,
                                         const v1::RefreshTokenRequest* request,
                                         v1::RefreshTokenResponse* response) override;
  grpc::ServerUnaryReactor* GetMe(grpc::CallbackServerContext* context,
                                  const v1::GetMeRequest* request,
                                  v1::GetMeResponse* response) override;
  grpc::ServerUnaryReactor* DeleteMe(grpc::CallbackServerContext* context,
                                     const v1::DeleteMeRequest* request,
                                     v1::DeleteMeResponse* response) override;

  absl::StatusOr<v1::RegisterResponse> Register(rpc::Call& call,
                                                const v1::RegisterRequest& request);
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(rpc::Call& call,
                                                      const v1::CreateTokenRequest& request);
  absl::StatusOr<v1::RefreshTokenResponse> RefreshToken(rpc::Call& call,
                                                        const v1::RefreshTokenRequest& request);
  // INVALID_TOKEN if the user was deleted.
  absl::StatusOr<v1::GetMeResponse> GetMe(rpc::Call& call, const v1::GetMeRequest& request);
  // UNAVAILABLE if a neighbour is away: the user is still there then and may try again.
  absl::StatusOr<v1::DeleteMeResponse> DeleteMe(rpc::Call& call,
                                                const v1::DeleteMeRequest& request);

 private:
  const UserServiceParts parts_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_USER_SERVICE_H_
