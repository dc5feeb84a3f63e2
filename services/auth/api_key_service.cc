#include "services/auth/api_key_service.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "services/auth/api_keys.h"

namespace playlog::auth {
namespace {

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

// ApiKey and StoreApiKeyResponse have the same fields.
template <class Message>
void Describe(const StoredKey& key, Message& message) {
  message.set_service_name(SourceOf(key.service_name));
  if (key.service_user_id.has_value()) message.set_service_user_id(*key.service_user_id);
  *message.mutable_created_at() = ToProto(key.created_at);
  *message.mutable_updated_at() = ToProto(key.updated_at);
}

}  // namespace

grpc::ServerUnaryReactor* ApiKeyService::StoreApiKey(grpc::CallbackServerContext* context,
                                                     const v1::StoreApiKeyRequest* request,
                                                     v1::StoreApiKeyResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::StoreApiKeyRequest& r) { return StoreApiKey(call, r); });
}

grpc::ServerUnaryReactor* ApiKeyService::ListApiKeys(grpc::CallbackServerContext* context,
                                                     const v1::ListApiKeysRequest* request,
                                                     v1::ListApiKeysResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::ListApiKeysRequest& r) { return ListApiKeys(call, r); });
}

grpc::ServerUnaryReactor* ApiKeyService::DeleteApiKey(grpc::CallbackServerContext* context,
                                                      const v1::DeleteApiKeyRequest* request,
                                                      v1::DeleteApiKeyResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::DeleteApiKeyRequest& r) { return DeleteApiKey(call, r); });
}

absl::StatusOr<v1::StoreApiKeyResponse> ApiKeyService::StoreApiKey(
    rpc::Call& call, const v1::StoreApiKeyRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, ServiceNameOf(request.service_name()));
  PLAYLOG_RETURN_IF_ERROR(CheckApiKey(request.api_key()));
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<std::string> service_user_id,
                           ReadServiceUserId(request.service_user_id()));
  const Secret key(request.api_key());
  const auto seal = [&](std::int64_t row_id, std::int64_t version) {
    const RecordContext context{
        .user_id = call.user_id, .service_name = service, .row_id = row_id, .version = version};
    return vault_.Seal(context, key);
  };
  // In microseconds, as the database keeps it.
  const absl::Time now = absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now()));
  PLAYLOG_ASSIGN_OR_RETURN(
      const StoredKey stored,
      store_.PutKey(call.deadline, call.user_id, service, service_user_id, now, seal));
  call.alternative_status = stored.replaced;
  v1::StoreApiKeyResponse response;
  Describe(stored, response);
  return response;
}

absl::StatusOr<v1::ListApiKeysResponse> ApiKeyService::ListApiKeys(rpc::Call& call,
                                                                   const v1::ListApiKeysRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<StoredKey> keys,
                           store_.ListKeys(call.deadline, call.user_id));
  v1::ListApiKeysResponse response;
  for (const StoredKey& key : keys) Describe(key, *response.add_results());
  return response;
}

absl::StatusOr<v1::DeleteApiKeyResponse> ApiKeyService::DeleteApiKey(
    rpc::Call& call, const v1::DeleteApiKeyRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::string service, ServiceNameOf(request.service_name()));
  PLAYLOG_ASSIGN_OR_RETURN(const bool deleted,
                           store_.DeleteKey(call.deadline, call.user_id, service));
  if (!deleted) {
    return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such API key",
                 "No key is stored for this service.");
  }
  return v1::DeleteApiKeyResponse();
}

}  // namespace playlog::auth
