#include "services/spotify_ingest/service.h"

#include "common/base/status_macros.h"
#include "common/rpc/dispatcher.h"
#include "services/spotify_ingest/recently_played.h"

namespace playlog::spotify_ingest {
namespace {

using spotify::v1::FetchRecentlyPlayedRequest;
using spotify::v1::FetchRecentlyPlayedResponse;

// All that Spotify ever tells.
constexpr int kWindow = 50;

}  // namespace

grpc::ServerUnaryReactor* SpotifyIngestService::FetchRecentlyPlayed(
    grpc::CallbackServerContext* context, const FetchRecentlyPlayedRequest* request,
    FetchRecentlyPlayedResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const FetchRecentlyPlayedRequest& r) {
                             return FetchRecentlyPlayed(call, r);
                           });
}

absl::StatusOr<FetchRecentlyPlayedResponse> SpotifyIngestService::FetchRecentlyPlayed(
    rpc::Call& call, const FetchRecentlyPlayedRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const ingest::Fetched fetched,
                           engine_.Fetch(call, call.user_id, kWindow));
  FetchRecentlyPlayedResponse response;
  response.set_message("Recently played songs fetched and stored successfully.");
  for (const songs::v1::Play& play : fetched.plays) *response.add_data() = ToSpotifySong(play);
  return response;
}

}  // namespace playlog::spotify_ingest
