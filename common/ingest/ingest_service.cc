#include "common/ingest/ingest_service.h"

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/row_export_stream.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);

}  // namespace

grpc::ServerUnaryReactor* IngestService::EraseUser(grpc::CallbackServerContext* context,
                                                   const v1::EraseUserRequest* request,
                                                   v1::EraseUserResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::EraseUserRequest& r) { return EraseUser(call, r); });
}

grpc::ServerWriteReactor<v1::ExportUserResponse>* IngestService::ExportUser(
    grpc::CallbackServerContext* context, const v1::ExportUserRequest* request) {
  return dispatcher_.Serve<v1::ExportUserResponse>(
      context, request,
      [this](rpc::Call& call, const v1::ExportUserRequest& r) { return ExportUser(call, r); });
}

absl::StatusOr<v1::EraseUserResponse> IngestService::EraseUser(
    rpc::Call& call, const v1::EraseUserRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::int64_t erased,
      store_.EraseUser(request.user_id(), std::min(call.deadline, absl::Now() + kStoreTimeout)));
  v1::EraseUserResponse response;
  response.set_erased(erased);
  return response;
}

absl::StatusOr<std::unique_ptr<rpc::Stream<v1::ExportUserResponse>>> IngestService::ExportUser(
    rpc::Call& call, const v1::ExportUserRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  return std::make_unique<rpc::RowExportStream<v1::ExportUserResponse>>(
      call, store_.Export(request.user_id()));
}

grpc::ServerUnaryReactor* IngestService::TryKey(grpc::CallbackServerContext* context,
                                                const v1::TryKeyRequest* request,
                                                v1::TryKeyResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::TryKeyRequest& r) { return TryKey(call, r); });
}

absl::StatusOr<v1::TryKeyResponse> IngestService::TryKey(rpc::Call& call,
                                                         const v1::TryKeyRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  const absl::StatusOr<std::optional<bool>> accepted = engine_.TryKey(call, request.user_id());
  NotedKey key{.user_id = request.user_id()};
  if (accepted.ok() && accepted->has_value()) {
    key.state = **accepted ? auth::v1::KEY_STATE_OK : auth::v1::KEY_STATE_REJECTED;
  }
  notes_.NoteStored(call, key);
  PLAYLOG_RETURN_IF_ERROR(accepted.status());
  v1::TryKeyResponse response;
  if (accepted->has_value()) response.set_accepted(**accepted);
  return response;
}

}  // namespace playlog::ingest
