#ifndef PLAYLOG_SERVICES_SONG_STORE_REVISION_SERVICE_H_
#define PLAYLOG_SERVICES_SONG_STORE_REVISION_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "common/rpc/token_verifier.h"
#include "playlog/revisions/v1/revision_service.grpc.pb.h"
#include "services/song_store/store.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::song_store {

// Tells the revisions of users' plays, as revision_service.proto says. Thread-safe.
class RevisionService final : public revisions::v1::RevisionService::CallbackService {
 public:
  RevisionService(SongStore& store, rpc::TokenVerifier& verifier, rpc::Dispatcher& dispatcher)
      : store_(store), verifier_(verifier), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* GetRevisions(grpc::CallbackServerContext* context,
                                         const revisions::v1::GetRevisionsRequest* request,
                                         revisions::v1::GetRevisionsResponse* response) override;

  absl::StatusOr<revisions::v1::GetRevisionsResponse> GetRevisions(
      rpc::Call& call, const revisions::v1::GetRevisionsRequest& request);

 private:
  SongStore& store_;
  rpc::TokenVerifier& verifier_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_REVISION_SERVICE_H_
