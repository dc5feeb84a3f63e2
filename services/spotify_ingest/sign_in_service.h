#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_SERVICE_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "playlog/spotify/v1/spotify_sign_in_service.grpc.pb.h"
#include "services/spotify_ingest/sign_in.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::spotify_ingest {

// The RPCs that connect a user's Spotify account. Thread-safe.
class SpotifySignInService final : public spotify::v1::SpotifySignInService::CallbackService {
 public:
  // Both live longer than the service. `sign_ins` is nullptr where the server has no client id:
  // then both RPCs answer NOT_IMPLEMENTED.
  SpotifySignInService(SignIns* sign_ins, rpc::Dispatcher& dispatcher)
      : sign_ins_(sign_ins), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* BeginSignIn(grpc::CallbackServerContext* context,
                                        const spotify::v1::BeginSignInRequest* request,
                                        spotify::v1::BeginSignInResponse* response) override;
  grpc::ServerUnaryReactor* CompleteSignIn(grpc::CallbackServerContext* context,
                                           const spotify::v1::CompleteSignInRequest* request,
                                           spotify::v1::CompleteSignInResponse* response) override;

  absl::StatusOr<spotify::v1::BeginSignInResponse> BeginSignIn(
      rpc::Call& call, const spotify::v1::BeginSignInRequest& request);
  // Whatever came of it, the answer is a page; its status is the alternative one unless the account
  // is connected.
  absl::StatusOr<spotify::v1::CompleteSignInResponse> CompleteSignIn(
      rpc::Call& call, const spotify::v1::CompleteSignInRequest& request);

 private:
  SignIns* const sign_ins_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_SERVICE_H_
