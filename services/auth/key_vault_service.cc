#include "services/auth/key_vault_service.h"

#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "services/auth/api_keys.h"

namespace playlog::auth {
namespace {

// The one caller that gets keys of a source.
std::string_view CallerOf(songs::v1::Source source) {
  switch (source) {
    case songs::v1::SOURCE_SPOTIFY:
      return "spotify_ingest";
    case songs::v1::SOURCE_LASTFM:
      return "lastfm_ingest";
    default:
      return "";
  }
}

}  // namespace

grpc::ServerUnaryReactor* KeyVaultService::OpenKey(grpc::CallbackServerContext* context,
                                                   const v1::OpenKeyRequest* request,
                                                   v1::OpenKeyResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::OpenKeyRequest& r) { return OpenKey(call, r); });
}

absl::StatusOr<v1::OpenKeyResponse> KeyVaultService::OpenKey(rpc::Call& call,
                                                             const v1::OpenKeyRequest& request) {
  const std::string_view caller = CallerOf(request.service_name());
  if (caller.empty() || call.peer_service != caller) {
    return Error(errors::v1::ERROR_CODE_PERMISSION_DENIED, "Permission denied",
                 "Each ingest service may open the keys of its own source only.");
  }
  if (request.user_id() <= 0) return InvalidField("user_id", "greater than 0");
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, ServiceNameOf(request.service_name()));
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<SealedKey> sealed,
                           store_.FindKey(call.deadline, request.user_id(), service));
  if (!sealed.has_value()) {
    return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such API key",
                 "The user has stored no key for this service.");
  }
  const RecordContext context{.user_id = request.user_id(),
                              .service_name = service,
                              .row_id = sealed->about.row_id,
                              .version = sealed->about.version};
  const absl::StatusOr<Secret> key = vault_.Open(context, sealed->blob);
  if (!key.ok()) {
    Log(Severity::kError, "key_does_not_open",
        {{"request_id", call.request_id}, {"user_id", request.user_id()}, {"key_of", service}});
    return key.status();
  }
  v1::OpenKeyResponse response;
  response.set_api_key(std::string(key->Reveal()));
  if (sealed->about.service_user_id) response.set_service_user_id(*sealed->about.service_user_id);
  response.set_version(sealed->about.version);
  return response;
}

}  // namespace playlog::auth
