#ifndef PLAYLOG_SERVICES_LASTFM_INGEST_SERVICE_H_
#define PLAYLOG_SERVICES_LASTFM_INGEST_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/ingest/engine.h"
#include "common/ingest/neighbours.h"
#include "common/rpc/call.h"
#include "playlog/lastfm/v1/lastfm_ingest_service.grpc.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::lastfm_ingest {

// The RPCs of lastfm_ingest. Thread-safe.
class LastfmIngestService final : public lastfm::v1::LastfmIngestService::CallbackService {
 public:
  // Both live longer than the service.
  LastfmIngestService(ingest::Engine& engine, rpc::Dispatcher& dispatcher)
      : engine_(engine), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* FetchRecentTracks(
      grpc::CallbackServerContext* context, const lastfm::v1::FetchRecentTracksRequest* request,
      lastfm::v1::FetchRecentTracksResponse* response) override;

  // Fetches and stores the caller's latest scrobbles, at most `limit`. The answer lists each play
  // once, in Last.fm's order.
  absl::StatusOr<lastfm::v1::FetchRecentTracksResponse> FetchRecentTracks(
      rpc::Call& call, const lastfm::v1::FetchRecentTracksRequest& request);

 private:
  ingest::Engine& engine_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::lastfm_ingest

#endif  // PLAYLOG_SERVICES_LASTFM_INGEST_SERVICE_H_
