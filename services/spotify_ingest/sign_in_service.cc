#include "services/spotify_ingest/sign_in_service.h"

#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"

namespace playlog::spotify_ingest {
namespace {

using spotify::v1::BeginSignInRequest;
using spotify::v1::BeginSignInResponse;
using spotify::v1::CompleteSignInRequest;
using spotify::v1::CompleteSignInResponse;

absl::Status NotSetUp() {
  return Error(errors::v1::ERROR_CODE_NOT_IMPLEMENTED, "This server is not registered at Spotify",
               "Store an access token of your own instead, or ask whoever runs the server to set "
               "SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET");
}

}  // namespace

grpc::ServerUnaryReactor* SpotifySignInService::BeginSignIn(grpc::CallbackServerContext* context,
                                                            const BeginSignInRequest* request,
                                                            BeginSignInResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const BeginSignInRequest& r) { return BeginSignIn(call, r); });
}

grpc::ServerUnaryReactor* SpotifySignInService::CompleteSignIn(grpc::CallbackServerContext* context,
                                                               const CompleteSignInRequest* request,
                                                               CompleteSignInResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const CompleteSignInRequest& r) { return CompleteSignIn(call, r); });
}

absl::StatusOr<BeginSignInResponse> SpotifySignInService::BeginSignIn(rpc::Call& call,
                                                                      const BeginSignInRequest&) {
  if (sign_ins_ == nullptr) return NotSetUp();
  PLAYLOG_ASSIGN_OR_RETURN(BegunSignIn begun, sign_ins_->Begin(call, call.user_id));
  BeginSignInResponse response;
  response.set_authorize_url(std::move(begun.authorize_url));
  response.set_browser(std::move(begun.browser));
  return response;
}

absl::StatusOr<CompleteSignInResponse> SpotifySignInService::CompleteSignIn(
    rpc::Call& call, const CompleteSignInRequest& request) {
  if (sign_ins_ == nullptr) return NotSetUp();
  const SignInEnd end = sign_ins_->Complete(call, {.state = request.state(),
                                                   .code = request.code(),
                                                   .error = request.error(),
                                                   .issuer = request.iss(),
                                                   .browser = request.browser()});
  const std::string name(NameOf(end));
  GetCounter("playlog_spotify_sign_ins_total", "Sign-ins at Spotify by how they ended.",
             {{"end", name}})
      .Increment();
  Log(Severity::kInfo, "spotify_sign_in", {{"request_id", call.request_id}, {"end", name}});
  call.alternative_status = end != SignInEnd::kConnected;
  CompleteSignInResponse response;
  response.set_body(PageOf(end));
  return response;
}

}  // namespace playlog::spotify_ingest
