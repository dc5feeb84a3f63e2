#include "services/auth/user_service.h"

#include <optional>
#include <utility>

#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"

namespace playlog::auth {
namespace {

Attempt AttemptOf(const rpc::Call& call) {
  return {.deadline = call.deadline, .address = call.client_address};
}

}  // namespace

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

grpc::ServerUnaryReactor* UserService::Logout(grpc::CallbackServerContext* context,
                                              const v1::LogoutRequest* request,
                                              v1::LogoutResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::LogoutRequest& r) { return Logout(call, r); });
}

grpc::ServerUnaryReactor* UserService::ChangePassword(grpc::CallbackServerContext* context,
                                                      const v1::ChangePasswordRequest* request,
                                                      v1::ChangePasswordResponse* response) {
  return parts_.sign_in_dispatcher.Unary(
      context, request, response, [this](rpc::Call& call, const v1::ChangePasswordRequest& r) {
        return ChangePassword(call, r);
      });
}

grpc::ServerWriteReactor<v1::ExportMeResponse>* UserService::ExportMe(
    grpc::CallbackServerContext* context, const v1::ExportMeRequest* request) {
  return parts_.export_dispatcher.Serve<v1::ExportMeResponse>(
      context, request,
      [this](rpc::Call& call, const v1::ExportMeRequest& r) { return ExportMe(call, r); });
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
      parts_.sign_in.Register(AttemptOf(call), request.username(), request.password()));
  PLAYLOG_CRASH_POINT("user_written");
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
      const User user,
      parts_.sign_in.Check(AttemptOf(call), request.username(), request.password()));
  const auth::RefreshToken refresh = auth::RefreshToken::NewFamily();
  const absl::Time now = parts_.clock.Now();
  PLAYLOG_ASSIGN_OR_RETURN(const Session session,
                           parts_.store.AddRefreshFamily(call.deadline, user, refresh.Hash(), now,
                                                         now + kRefreshTokenLifetime));
  PLAYLOG_ASSIGN_OR_RETURN(std::string access,
                           parts_.access_tokens.Issue(session.user, session.id));
  Note(call, user.id, v1::AUDIT_ACTION_SIGNED_IN);
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
  PLAYLOG_ASSIGN_OR_RETURN(const RefreshOutcome outcome,
                           parts_.store.RotateRefreshToken(call.deadline, token->Hash(),
                                                           next.Hash(), parts_.clock.Now()));
  if (outcome.reused_from != 0) {
    Note(call, outcome.reused_from, v1::AUDIT_ACTION_REFRESH_TOKEN_REUSED);
  }
  if (!outcome.session.has_value()) return jwt::InvalidTokenError();
  PLAYLOG_ASSIGN_OR_RETURN(std::string access,
                           parts_.access_tokens.Issue(outcome.session->user, outcome.session->id));
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

absl::StatusOr<v1::LogoutResponse> UserService::Logout(rpc::Call& call,
                                                       const v1::LogoutRequest& request) {
  const absl::Time now = parts_.clock.Now();
  PLAYLOG_RETURN_IF_ERROR(
      request.all() ? parts_.store.EndAllSessions(call.deadline, call.user_id, now)
                    : parts_.store.EndSession(call.deadline, call.user_id, call.session_id, now));
  Note(call, call.user_id,
       request.all() ? v1::AUDIT_ACTION_LOGGED_OUT_EVERYWHERE : v1::AUDIT_ACTION_LOGGED_OUT);
  return v1::LogoutResponse();
}

absl::StatusOr<v1::ChangePasswordResponse> UserService::ChangePassword(
    rpc::Call& call, const v1::ChangePasswordRequest& request) {
  if (request.old().empty()) return InvalidField("old", "the password until now");
  PLAYLOG_RETURN_IF_ERROR(parts_.sign_in.ChangePassword(
      AttemptOf(call), call.user_id, call.session_id, request.old(), request.new_()));
  Note(call, call.user_id, v1::AUDIT_ACTION_PASSWORD_CHANGED);
  return v1::ChangePasswordResponse();
}

absl::StatusOr<std::unique_ptr<rpc::Stream<v1::ExportMeResponse>>> UserService::ExportMe(
    rpc::Call& call, const v1::ExportMeRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                           parts_.store.FindUser(call.deadline, call.user_id));
  if (!user.has_value()) return jwt::InvalidTokenError();
  return std::make_unique<ExportStream>(call, parts_.export_sources, parts_.clock.Now());
}

absl::StatusOr<v1::DeleteMeResponse> UserService::DeleteMe(rpc::Call& call,
                                                           const v1::DeleteMeRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                           parts_.store.FindUser(call.deadline, call.user_id));
  // Whoever is gone already was deleted by an earlier call, whose answer may have been lost.
  if (user.has_value()) {
    PLAYLOG_RETURN_IF_ERROR(
        parts_.store.DeleteUser(call.deadline, user->id, SignIn::SubjectOf(user->name)));
    parts_.on_deletion();
  }
  return v1::DeleteMeResponse();
}

void UserService::Note(const rpc::Call& call, std::int64_t user_id, v1::AuditAction action) {
  const absl::Status status =
      parts_.audit.Write(call.deadline, MakeAuditEvent(call, parts_.clock.Now(), user_id, action));
  if (status.ok()) return;
  Log(Severity::kError, "audit_failed",
      {{"user_id", user_id},
       {"action", v1::AuditAction_Name(action)},
       {"error", status.ToString()},
       {"request_id", call.request_id}});
}

}  // namespace playlog::auth
