#include "services/auth/api_key_service.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "services/auth/api_keys.h"
#include "services/auth/credential.h"

namespace playlog::auth {
namespace {

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

// What ApiKey and StoreApiKeyResponse have in common.
template <class Message>
void Describe(const StoredKey& key, const KeyHealth& health, Message& message) {
  message.set_service_name(SourceOf(key.service_name));
  if (key.service_user_id.has_value()) message.set_service_user_id(*key.service_user_id);
  *message.mutable_created_at() = ToProto(key.created_at);
  *message.mutable_updated_at() = ToProto(key.updated_at);
  message.set_state(health.state);
  message.set_advice(health.advice);
}

void DescribeWhole(const StoredKey& key, absl::Time now, v1::ApiKey& message) {
  const KeyHealth health = HealthOf(key, now);
  Describe(key, health, message);
  *message.mutable_state_since() = ToProto(health.since);
  if (health.ends_at.has_value()) *message.mutable_ends_at() = ToProto(*health.ends_at);
  if (key.record.last_success_at.has_value()) {
    *message.mutable_last_success_at() = ToProto(*key.record.last_success_at);
  }
}

// In microseconds, as the database keeps it.
absl::Time NowOf(Clock& clock) { return absl::FromUnixMicros(absl::ToUnixMicros(clock.Now())); }

}  // namespace

grpc::ServerUnaryReactor* ApiKeyService::StoreApiKey(grpc::CallbackServerContext* context,
                                                     const v1::StoreApiKeyRequest* request,
                                                     v1::StoreApiKeyResponse* response) {
  return parts_.trying_dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::StoreApiKeyRequest& r) { return StoreApiKey(call, r); });
}

grpc::ServerUnaryReactor* ApiKeyService::ListApiKeys(grpc::CallbackServerContext* context,
                                                     const v1::ListApiKeysRequest* request,
                                                     v1::ListApiKeysResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::ListApiKeysRequest& r) { return ListApiKeys(call, r); });
}

grpc::ServerUnaryReactor* ApiKeyService::DeleteApiKey(grpc::CallbackServerContext* context,
                                                      const v1::DeleteApiKeyRequest* request,
                                                      v1::DeleteApiKeyResponse* response) {
  return parts_.dispatcher.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::DeleteApiKeyRequest& r) { return DeleteApiKey(call, r); });
}

absl::StatusOr<v1::StoreApiKeyResponse> ApiKeyService::StoreApiKey(
    rpc::Call& call, const v1::StoreApiKeyRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, ServiceNameOf(request.service_name()));
  PLAYLOG_RETURN_IF_ERROR(CheckApiKey(request.api_key()));
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<std::string> service_user_id,
                           ReadServiceUserId(request.service_user_id()));
  const NewKey key{
      .user_id = call.user_id, .service_name = service, .service_user_id = service_user_id};
  const Secret payload = PackCredential({.key = Secret(request.api_key())});
  const auto seal = [&](std::int64_t row_id, std::int64_t version) {
    const RecordContext context{
        .user_id = key.user_id, .service_name = service, .row_id = row_id, .version = version};
    return parts_.vault.Seal(context, payload);
  };
  const absl::Time now = NowOf(parts_.clock);
  const AuditEvent event =
      MakeAuditEvent(call, now, call.user_id, v1::AUDIT_ACTION_KEY_STORED, service);
  PLAYLOG_ASSIGN_OR_RETURN(StoredKey stored,
                           parts_.store.PutKey(call.deadline, key, now, seal, event));
  call.alternative_status = stored.replaced;
  stored.record = Try(call, stored, request.service_name());
  v1::StoreApiKeyResponse response;
  Describe(stored, HealthOf(stored, now), response);
  return response;
}

KeyRecord ApiKeyService::Try(const rpc::Call& call, const StoredKey& stored,
                             songs::v1::Source service) {
  const std::optional<bool> accepted = parts_.trier.Try(call, stored.user_id, service);
  if (!accepted.has_value()) return stored.record;
  const KeyUse use{.user_id = stored.user_id,
                   .service_name = stored.service_name,
                   .version = stored.version,
                   .outcome = *accepted ? v1::KEY_OUTCOME_ACCEPTED : v1::KEY_OUTCOME_REJECTED};
  const absl::Time now = NowOf(parts_.clock);
  const absl::Status recorded = parts_.store.RecordUse(call.deadline, use, now);
  if (!recorded.ok()) {
    Log(Severity::kWarning, "key_use_not_recorded",
        {{"request_id", call.request_id}, {"code", NameOf(CodeOf(recorded))}});
    return stored.record;
  }
  return AfterUse(stored.record, use.outcome, now);
}

absl::StatusOr<v1::ListApiKeysResponse> ApiKeyService::ListApiKeys(rpc::Call& call,
                                                                   const v1::ListApiKeysRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<StoredKey> keys,
                           parts_.store.ListKeys(call.deadline, call.user_id));
  v1::ListApiKeysResponse response;
  for (const StoredKey& key : keys) {
    DescribeWhole(key, parts_.clock.Now(), *response.add_results());
  }
  return response;
}

absl::StatusOr<v1::DeleteApiKeyResponse> ApiKeyService::DeleteApiKey(
    rpc::Call& call, const v1::DeleteApiKeyRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, ServiceNameOf(request.service_name()));
  const AuditEvent event = MakeAuditEvent(call, NowOf(parts_.clock), call.user_id,
                                          v1::AUDIT_ACTION_KEY_DELETED, service);
  PLAYLOG_ASSIGN_OR_RETURN(const bool deleted,
                           parts_.store.DeleteKey(call.deadline, call.user_id, service, event));
  if (!deleted) {
    return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such API key",
                 "No key is stored for this service.");
  }
  return v1::DeleteApiKeyResponse();
}

}  // namespace playlog::auth
