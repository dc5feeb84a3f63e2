#ifndef PLAYLOG_SERVICES_AUTH_USER_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_USER_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/user_service.grpc.pb.h"
#include "services/auth/audit.h"
#include "services/auth/export_stream.h"
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
  Audit& audit;
  // Told that a user was deleted, whom the other services have yet to erase.
  std::function<void()> on_deletion;
  // What an export consists of.
  const std::vector<ExportSource>& export_sources;
  Clock& clock;
  // For what needs a password hash and may wait for it, apart from `dispatcher`, so that a flood of
  // sign-ins leaves workers to everything else.
  rpc::Dispatcher& sign_in_dispatcher;
  rpc::Dispatcher& dispatcher;
  // For exports, so that few of them are worked on at a time, and nobody else waits for it.
  rpc::Dispatcher& export_dispatcher;
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
  grpc::ServerUnaryReactor* Logout(grpc::CallbackServerContext* context,
                                   const v1::LogoutRequest* request,
                                   v1::LogoutResponse* response) override;
  grpc::ServerUnaryReactor* ChangePassword(grpc::CallbackServerContext* context,
                                           const v1::ChangePasswordRequest* request,
                                           v1::ChangePasswordResponse* response) override;
  grpc::ServerWriteReactor<v1::ExportMeResponse>* ExportMe(
      grpc::CallbackServerContext* context, const v1::ExportMeRequest* request) override;
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
  absl::StatusOr<v1::LogoutResponse> Logout(rpc::Call& call, const v1::LogoutRequest& request);
  // The sign-in that the caller's token comes from stays as it is: its access token goes on being
  // good, and so does its refresh token.
  absl::StatusOr<v1::ChangePasswordResponse> ChangePassword(
      rpc::Call& call, const v1::ChangePasswordRequest& request);
  // INVALID_TOKEN if the user was deleted. What else is wrong shows in the stream.
  absl::StatusOr<std::unique_ptr<rpc::Stream<v1::ExportMeResponse>>> ExportMe(
      rpc::Call& call, const v1::ExportMeRequest& request);
  // Needs nobody but the store: the other services are told afterwards, for as long as it takes.
  absl::StatusOr<v1::DeleteMeResponse> DeleteMe(rpc::Call& call,
                                                const v1::DeleteMeRequest& request);

 private:
  // Writes an event of the user's. What happened has happened all the same if that fails.
  void Note(const rpc::Call& call, std::int64_t user_id, v1::AuditAction action);

  const UserServiceParts parts_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_USER_SERVICE_H_
