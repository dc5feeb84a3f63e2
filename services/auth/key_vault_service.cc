#include "services/auth/key_vault_service.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <vector>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/dispatcher.h"
#include "services/auth/api_keys.h"

namespace playlog::auth {
namespace {

using google::protobuf::util::TimeUtil;

constexpr std::size_t kTokenSizeMax = 4096;
constexpr int kListLimitMax = 1000;

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

// Returns the name of the service whose keys the caller may use, if it is this one.
absl::StatusOr<std::string> CheckCaller(const rpc::Call& call, songs::v1::Source source) {
  const std::string_view caller = CallerOf(source);
  if (caller.empty() || call.peer_service != caller) {
    return Error(errors::v1::ERROR_CODE_PERMISSION_DENIED, "Permission denied",
                 "Each ingest service may use the keys of its own source only.");
  }
  return ServiceNameOf(source);
}

// What the requests about one key say: whose key, of which service. Returns the service's name.
template <class Request>
absl::StatusOr<std::string> CheckKeyOf(const rpc::Call& call, const Request& request) {
  PLAYLOG_ASSIGN_OR_RETURN(std::string service, CheckCaller(call, request.service_name()));
  if (request.user_id() <= 0) return InvalidField("user_id", "greater than 0");
  return service;
}

absl::Status CheckToken(std::string_view field, const std::string& token) {
  if (!token.empty() && token.size() <= kTokenSizeMax && IsPrintableAscii(token)) {
    return absl::OkStatus();
  }
  return InvalidField(field, "1 to 4096 printable ASCII characters");
}

bool IsTime(const google::protobuf::Timestamp& time) {
  return time.seconds() >= TimeUtil::kTimestampMinSeconds &&
         time.seconds() <= TimeUtil::kTimestampMaxSeconds && time.nanos() >= 0 &&
         time.nanos() < 1'000'000'000;
}

absl::Status CheckTokens(const v1::SaveTokensRequest& request) {
  if (request.expected_version() < 0) return InvalidField("expected_version", "0 or greater");
  PLAYLOG_RETURN_IF_ERROR(CheckToken("access_token", request.access_token()));
  PLAYLOG_RETURN_IF_ERROR(CheckToken("refresh_token", request.refresh_token()));
  if (!request.previous_refresh_token().empty()) {
    PLAYLOG_RETURN_IF_ERROR(CheckToken("previous_refresh_token", request.previous_refresh_token()));
  }
  if (request.has_expires_at() && IsTime(request.expires_at())) return absl::OkStatus();
  return InvalidField("expires_at", "a time in the years 1 to 9999");
}

Credential CredentialOf(const v1::SaveTokensRequest& request) {
  return {
      .key = Secret(request.access_token()),
      .refresh_token = Secret(request.refresh_token()),
      .previous_refresh_token = Secret(request.previous_refresh_token()),
      .expires_at = absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(request.expires_at()))};
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

v1::OpenKeyResponse Describe(const StoredKey& key, const Credential& credential) {
  v1::OpenKeyResponse response;
  response.set_api_key(std::string(credential.key.Reveal()));
  if (key.service_user_id.has_value()) response.set_service_user_id(*key.service_user_id);
  response.set_version(key.version);
  response.set_state(key.record.state);
  if (key.record.last_success_at.has_value()) {
    *response.mutable_last_success_at() = ToProto(*key.record.last_success_at);
  }
  if (!credential.is_sign_in()) return response;
  response.set_refresh_token(std::string(credential.refresh_token.Reveal()));
  response.set_previous_refresh_token(std::string(credential.previous_refresh_token.Reveal()));
  *response.mutable_expires_at() = ToProto(credential.expires_at);
  return response;
}

// In microseconds, as the database keeps it.
absl::Time NowOf(Clock& clock) { return absl::FromUnixMicros(absl::ToUnixMicros(clock.Now())); }

}  // namespace

grpc::ServerUnaryReactor* KeyVaultService::OpenKey(grpc::CallbackServerContext* context,
                                                   const v1::OpenKeyRequest* request,
                                                   v1::OpenKeyResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::OpenKeyRequest& r) { return OpenKey(call, r); });
}

grpc::ServerUnaryReactor* KeyVaultService::SaveTokens(grpc::CallbackServerContext* context,
                                                      const v1::SaveTokensRequest* request,
                                                      v1::SaveTokensResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::SaveTokensRequest& r) { return SaveTokens(call, r); });
}

grpc::ServerUnaryReactor* KeyVaultService::ReportKeyUse(grpc::CallbackServerContext* context,
                                                        const v1::ReportKeyUseRequest* request,
                                                        v1::ReportKeyUseResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::ReportKeyUseRequest& r) { return ReportKeyUse(call, r); });
}

grpc::ServerUnaryReactor* KeyVaultService::ListKeys(grpc::CallbackServerContext* context,
                                                    const v1::ListKeysRequest* request,
                                                    v1::ListKeysResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::ListKeysRequest& r) { return ListKeys(call, r); });
}

absl::StatusOr<v1::OpenKeyResponse> KeyVaultService::OpenKey(rpc::Call& call,
                                                             const v1::OpenKeyRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, CheckKeyOf(call, request));
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<SealedKey> sealed,
                           parts_.store.FindKey(call.deadline, request.user_id(), service));
  if (!sealed.has_value()) return KeyGoneError();
  PLAYLOG_RETURN_IF_ERROR(parts_.limits.Count(call.peer_service, request.user_id(), service));
  const absl::StatusOr<Credential> credential = Open(*sealed);
  if (!credential.ok()) {
    TellOfFailure(call, sealed->about);
    return credential.status();
  }
  PLAYLOG_RETURN_IF_ERROR(
      parts_.audit.Write(call.deadline, MakeAuditEvent(call, NowOf(parts_.clock), request.user_id(),
                                                       v1::AUDIT_ACTION_KEY_OPENED, service)));
  return Describe(sealed->about, *credential);
}

absl::StatusOr<Credential> KeyVaultService::Open(const SealedKey& sealed) const {
  PLAYLOG_ASSIGN_OR_RETURN(const Secret payload,
                           parts_.vault.Open(ContextOf(sealed.about), sealed.blob));
  return UnpackCredential(payload);
}

void KeyVaultService::TellOfFailure(const rpc::Call& call, const StoredKey& key) {
  GetCounter("playlog_keys_not_opened_total", "Stored keys that did not open when asked for.")
      .Increment();
  Log(Severity::kError, "key_does_not_open",
      {{"request_id", call.request_id}, {"user_id", key.user_id}, {"key_of", key.service_name}});
  const absl::Status told = parts_.audit.Write(
      call.deadline, MakeAuditEvent(call, NowOf(parts_.clock), key.user_id,
                                    v1::AUDIT_ACTION_KEY_OPEN_FAILED, key.service_name));
  if (told.ok()) return;
  Log(Severity::kError, "audit_not_written",
      {{"request_id", call.request_id}, {"code", NameOf(CodeOf(told))}});
}

absl::StatusOr<v1::SaveTokensResponse> KeyVaultService::SaveTokens(
    rpc::Call& call, const v1::SaveTokensRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, CheckKeyOf(call, request));
  PLAYLOG_RETURN_IF_ERROR(CheckTokens(request));
  const std::int64_t user_id = request.user_id();
  const Secret payload = PackCredential(CredentialOf(request));
  const auto seal = [&](std::int64_t row_id, std::int64_t version) {
    const RecordContext context{
        .user_id = user_id, .service_name = service, .row_id = row_id, .version = version};
    return parts_.vault.Seal(context, payload);
  };
  const absl::Time now = NowOf(parts_.clock);
  absl::StatusOr<StoredKey> stored;
  if (request.expected_version() == 0) {
    const NewKey key{.user_id = user_id, .service_name = service, .is_sign_in = true};
    stored = parts_.store.PutKey(
        call.deadline, key, now, seal,
        MakeAuditEvent(call, now, user_id, v1::AUDIT_ACTION_KEY_STORED, service));
    // The token that is no good any more is not the caller's.
    if (CodeOf(stored.status()) == errors::v1::ERROR_CODE_INVALID_TOKEN) return KeyGoneError();
  } else {
    stored = parts_.store.RefreshTokens(
        call.deadline, user_id, service, request.expected_version(), now, seal,
        MakeAuditEvent(call, now, user_id, v1::AUDIT_ACTION_KEY_REFRESHED, service));
  }
  if (!stored.ok()) return stored.status();
  v1::SaveTokensResponse response;
  response.set_version(stored->version);
  return response;
}

absl::StatusOr<v1::ReportKeyUseResponse> KeyVaultService::ReportKeyUse(
    rpc::Call& call, const v1::ReportKeyUseRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, CheckKeyOf(call, request));
  if (request.version() <= 0) return InvalidField("version", "greater than 0");
  if (request.outcome() == v1::KEY_OUTCOME_UNSPECIFIED ||
      !v1::KeyOutcome_IsValid(request.outcome())) {
    return InvalidField("outcome", "accepted, rejected or grant_rejected");
  }
  const KeyUse use{.user_id = request.user_id(),
                   .service_name = service,
                   .version = request.version(),
                   .outcome = request.outcome()};
  PLAYLOG_RETURN_IF_ERROR(parts_.store.RecordUse(call.deadline, use, NowOf(parts_.clock)));
  return v1::ReportKeyUseResponse();
}

absl::StatusOr<v1::ListKeysResponse> KeyVaultService::ListKeys(rpc::Call& call,
                                                               const v1::ListKeysRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, CheckCaller(call, request.service_name()));
  if (request.after_user_id() < 0) return InvalidField("after_user_id", "0 or greater");
  if (request.limit() < 1 || request.limit() > kListLimitMax) {
    return InvalidField("limit", "an integer from 1 to 1000");
  }
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::vector<StoredKey> keys,
      parts_.store.ListKeysOf(call.deadline, service, request.after_user_id(), request.limit()));
  const absl::Time now = NowOf(parts_.clock);
  v1::ListKeysResponse response;
  for (const StoredKey& key : keys) {
    v1::StoredKey& listed = *response.add_keys();
    listed.set_user_id(key.user_id);
    listed.set_version(key.version);
    listed.set_state(HealthOf(key, now).state);
    *listed.mutable_updated_at() = ToProto(key.updated_at);
  }
  return response;
}

}  // namespace playlog::auth
