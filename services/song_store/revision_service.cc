#include "services/song_store/revision_service.h"

#include <vector>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"

namespace playlog::song_store {
namespace {

using revisions::v1::GetRevisionsRequest;
using revisions::v1::GetRevisionsResponse;

constexpr int kTokensMax = 64;
constexpr std::int64_t kNotAccepted = -1;
constexpr std::int64_t kNobody = 0;

}  // namespace

grpc::ServerUnaryReactor* RevisionService::GetRevisions(grpc::CallbackServerContext* context,
                                                        const GetRevisionsRequest* request,
                                                        GetRevisionsResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const GetRevisionsRequest& r) { return GetRevisions(call, r); });
}

absl::StatusOr<GetRevisionsResponse> RevisionService::GetRevisions(
    rpc::Call& call, const GetRevisionsRequest& request) {
  if (request.tokens_size() > kTokensMax) return InvalidField("tokens", "at most 64 tokens");
  GetRevisionsResponse response;
  std::vector<std::int64_t> askers;
  std::vector<std::int64_t> users;
  for (const std::string& token : request.tokens()) {
    const absl::StatusOr<jwt::Claims> claims = verifier_.Verify(token);
    askers.push_back(claims.ok() ? claims->user_id : kNobody);
    if (claims.ok()) users.push_back(claims->user_id);
  }
  if (users.empty()) {
    response.mutable_revisions()->Resize(request.tokens_size(), kNotAccepted);
    return response;
  }
  PLAYLOG_ASSIGN_OR_RETURN(const auto revisions, store_.Revisions(users, call.deadline));
  for (const std::int64_t asker : askers) {
    response.add_revisions(asker == kNobody ? kNotAccepted : revisions.at(asker));
  }
  return response;
}

}  // namespace playlog::song_store
