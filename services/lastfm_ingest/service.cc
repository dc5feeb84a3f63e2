#include "services/lastfm_ingest/service.h"

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "services/lastfm_ingest/recent_tracks.h"

namespace playlog::lastfm_ingest {
namespace {

using lastfm::v1::FetchRecentTracksRequest;
using lastfm::v1::FetchRecentTracksResponse;

constexpr int kDefaultLimit = 50;
constexpr int kMaxLimit = 200;

}  // namespace

grpc::ServerUnaryReactor* LastfmIngestService::FetchRecentTracks(
    grpc::CallbackServerContext* context, const FetchRecentTracksRequest* request,
    FetchRecentTracksResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const FetchRecentTracksRequest& r) {
                             return FetchRecentTracks(call, r);
                           });
}

absl::StatusOr<FetchRecentTracksResponse> LastfmIngestService::FetchRecentTracks(
    rpc::Call& call, const FetchRecentTracksRequest& request) {
  const int limit = request.has_limit() ? request.limit() : kDefaultLimit;
  if (limit < 1 || limit > kMaxLimit) return InvalidField("limit", "an integer from 1 to 200");
  PLAYLOG_ASSIGN_OR_RETURN(const ingest::Fetched fetched, engine_.Fetch(call, call.user_id, limit));
  FetchRecentTracksResponse response;
  response.set_message(absl::StrCat(
      "Last.fm recent tracks fetched and stored successfully for user '", fetched.account, "'."));
  for (const songs::v1::Play& play : fetched.plays) *response.add_data() = ToLastfmSong(play);
  response.set_count(response.data_size());
  return response;
}

}  // namespace playlog::lastfm_ingest
