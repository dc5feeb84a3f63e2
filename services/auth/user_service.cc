#include "services/auth/user_service.h"

#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"

namespace playlog::auth {

grpc::ServerUnaryReactor* UserService::Register(grpc::CallbackServerContext* context,
                                                const v1::RegisterRequest* request,
                                                v1::RegisterResponse* response) {
  return parts_.sign_in_dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::RegisterRequest& r) { return Register(call, r); });
}

grpc::ServerUnaryReactor* UserService::CreateToken(grpc::CallbackServerContext* context,
                                                   const v1::CreateTokenRequest* request,
                                                   v1::CreateTokenResponse* response) {
  return parts_.sign_in_dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::CreateTokenRequest& r) { return CreateToken(call, r); });
}

grpc::ServerUnaryReactor* UserService::RefreshToken(grpc::CallbackServerContext* context,
                                                    const v1::RefreshTokenRequest* request,
                                                    v1::RefreshTokenResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::RefreshTokenRequest& r) { return RefreshToken(call, r); });
}

grpc::ServerUnaryReactor* UserService::GetMe(grpc::CallbackServerContext* context,
                                             const v1::GetMeRequest* request,
                                             v1::GetMeResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::GetMeRequest& r) { return GetMe(call, r); });
}

grpc::ServerUnaryReactor* UserService::DeleteMe(grpc::CallbackServerContext* context,
                                                const v1::DeleteMeRequest* request,
                                                v1::DeleteMeResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::DeleteMeRequest& r) { return DeleteMe(call, r); });
}

absl::StatusOr<v1::RegisterResponse> UserService::Register(rpc::Call& call,
                                                           const v1::RegisterRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const User user,
      parts_.sign_in.Register(call.deadline, request.username(), request.password()));
  v1::RegisterResponse response;
  response.set_id(user.id);
  response.set_username(user.name);
  return response;
}

absl::StatusOr<v1::CreateTokenResponse> UserService::CreateToken(
    rpc::Call& call, const v1::CreateTokenRequest& request) {
  if (request.username().empty()) return InvalidField("username", "the name of a user");
  if (request.password().empty()) return InvalidField("password", "the user's password");
  PLAYLOG_ASSIGN_OR_RETURN(
      const User user, parts_.sign_in.Check(call.deadline, request.username(), request.password()));
  PLAYLOG_ASSIGN_OR_RETURN(std::string access, parts_.access_tokens.Issue(user));
  const auth::RefreshToken refresh = auth::RefreshToken::NewFamily();
  const absl::Time now = parts_.clock.Now();
  PLAYLOG_RETURN_IF_ERROR(parts_.store.AddRefreshFamily(call.deadline, user.id, refresh.Hash(), now,
                                                        now + kRefreshTokenLifetime));
  v1::CreateTokenResponse response;
  response.set_access(std::move(access));
  response.set_refresh(refresh.Text());
  return response;
}

absl::StatusOr<v1::RefreshTokenResponse> UserService::RefreshToken(
    rpc::Call& call, const v1::RefreshTokenRequest& request) {
  if (request.refresh().empty()) return InvalidField("refresh", "a refresh token");
  const std::optional<auth::RefreshToken> token = auth::RefreshToken::Parse(request.refresh());
  if (!token.has_value()) return jwt::InvalidTokenError();
  const auth::RefreshToken next = token->Next();
  PLAYLOG_ASSIGN_OR_RETURN(
      const User user, parts_.store.RotateRefreshToken(call.deadline, token->Hash(), next.Hash(),
                                                       parts_.clock.Now()));
  PLAYLOG_ASSIGN_OR_RETURN(std::string access, parts_.access_tokens.Issue(user));
  v1::RefreshTokenResponse response;
  response.set_access(std::move(access));
  response.set_refresh(next.Text());
  return response;
}

absl::StatusOr<v1::GetMeResponse> UserService::GetMe(rpc::Call& call, const v1::GetMeRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                           parts_.store.FindUser(call.deadline, call.user_id));
  if (!user.has_value()) return jwt::InvalidTokenError();
  v1::GetMeResponse response;
  response.set_id(user->id);
  response.set_username(user->name);
  return response;
}

absl::StatusOr<v1::DeleteMeResponse> UserService::DeleteMe(rpc::Call& call,
                                                           const v1::DeleteMeRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                           parts_.store.FindUser(call.deadline, call.user_id));
  // The user goes last: as long as anything is left, somebody can sign in and ask again. Who is
  // gone already is asked for again all the same, since the answer may have been lost.
  PLAYLOG_RETURN_IF_ERROR(parts_.erasers.EraseUser(call, call.user_id));
  if (user.has_value()) {
    PLAYLOG_RETURN_IF_ERROR(
        parts_.store.DeleteUser(call.deadline, user->id, SignIn::SubjectOf(user->name)));
  }
  return v1::DeleteMeResponse();
}

}  // namespace playlog::auth
