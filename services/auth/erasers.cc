#include "services/auth/erasers.h"

#include <array>

#include "common/rpc/client.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::auth {
namespace {

// A service that is away refuses at once; one that hangs holds the others up for no longer. All
// three fit into the claim of an erasure.
constexpr absl::Duration kIngestTime = absl::Seconds(3);
// A long history takes a while to erase, and what is erased stays erased.
constexpr absl::Duration kSongStoreTime = absl::Seconds(8);

class GrpcErasers final : public Erasers {
 public:
  explicit GrpcErasers(const EraserChannels& channels)
      : ingests_{ingest::v1::IngestService::NewStub(channels.spotify_ingest),
                 ingest::v1::IngestService::NewStub(channels.lastfm_ingest)},
        song_store_(songs::v1::SongStoreService::NewStub(channels.song_store)) {}

  absl::Status EraseUser(const rpc::Call& call, std::int64_t user_id) override {
    absl::Status first_error;
    ingest::v1::EraseUserRequest request;
    request.set_user_id(user_id);
    for (const auto& ingest : ingests_) {
      first_error.Update(rpc::Invoke(*ingest, &ingest::v1::IngestService::Stub::EraseUser, call,
                                     request, kIngestTime)
                             .status());
    }
    songs::v1::EraseSongsRequest songs_request;
    songs_request.set_user_id(user_id);
    first_error.Update(rpc::Invoke(*song_store_, &songs::v1::SongStoreService::Stub::EraseSongs,
                                   call, songs_request, kSongStoreTime)
                           .status());
    return first_error;
  }

 private:
  std::array<std::unique_ptr<ingest::v1::IngestService::Stub>, 2> ingests_;
  std::unique_ptr<songs::v1::SongStoreService::Stub> song_store_;
};

}  // namespace

std::unique_ptr<Erasers> MakeErasers(const EraserChannels& channels) {
  return std::make_unique<GrpcErasers>(channels);
}

}  // namespace playlog::auth
