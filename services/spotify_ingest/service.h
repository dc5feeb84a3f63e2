#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_SERVICE_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/ingest/engine.h"
#include "common/rpc/call.h"
#include "playlog/spotify/v1/spotify_ingest_service.grpc.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::spotify_ingest {

// The RPCs of spotify_ingest. Thread-safe.
class SpotifyIngestService final : public spotify::v1::SpotifyIngestService::CallbackService {
 public:
  // Both live longer than the service.
  SpotifyIngestService(ingest::Engine& engine, rpc::Dispatcher& dispatcher)
      : engine_(engine), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* FetchRecentlyPlayed(
      grpc::CallbackServerContext* context, const spotify::v1::FetchRecentlyPlayedRequest* request,
      spotify::v1::FetchRecentlyPlayedResponse* response) override;

  // Fetches and stores the caller's latest 50 plays. The answer lists each play once, in Spotify's
  // order.
  absl::StatusOr<spotify::v1::FetchRecentlyPlayedResponse> FetchRecentlyPlayed(
      rpc::Call& call, const spotify::v1::FetchRecentlyPlayedRequest& request);

 private:
  ingest::Engine& engine_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_SERVICE_H_
