#include "common/ingest/ingest_service.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"

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

}  // namespace playlog::ingest
