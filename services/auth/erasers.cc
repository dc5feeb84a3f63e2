#include "services/auth/erasers.h"

#include <array>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::auth {
namespace {

// A long history takes a while to erase; all three fit into the 30 s of the whole call.
constexpr absl::Duration kIngestTime = absl::Seconds(4);
constexpr absl::Duration kSongStoreTime = absl::Seconds(20);

absl::Status AwayError(const std::string& service, const absl::Status& status) {
  Log(Severity::kWarning, "erase_failed",
      {{"neighbour", service}, {"code", NameOf(CodeOf(status))}});
  return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "The account could not be deleted now",
                        "Try again; what is deleted already stays deleted.", absl::Seconds(5));
}

class GrpcErasers final : public Erasers {
 public:
  explicit GrpcErasers(const EraserChannels& channels)
      : ingests_{{{"spotify_ingest", ingest::v1::IngestService::NewStub(channels.spotify_ingest)},
                  {"lastfm_ingest", ingest::v1::IngestService::NewStub(channels.lastfm_ingest)}}},
        song_store_(songs::v1::SongStoreService::NewStub(channels.song_store)) {}

  absl::Status EraseUser(const rpc::Call& call, std::int64_t user_id) override {
    ingest::v1::EraseUserRequest request;
    request.set_user_id(user_id);
    for (const Ingest& ingest : ingests_) {
      const absl::Status status =
          rpc::Invoke(*ingest.stub, &ingest::v1::IngestService::Stub::EraseUser, call, request,
                      kIngestTime)
              .status();
      if (!status.ok()) return AwayError(ingest.name, status);
    }
    songs::v1::EraseSongsRequest songs_request;
    songs_request.set_user_id(user_id);
    const absl::Status status =
        rpc::Invoke(*song_store_, &songs::v1::SongStoreService::Stub::EraseSongs, call,
                    songs_request, kSongStoreTime)
            .status();
    return status.ok() ? status : AwayError("song_store", status);
  }

 private:
  struct Ingest {
    std::string name;
    std::unique_ptr<ingest::v1::IngestService::Stub> stub;
  };
  std::array<Ingest, 2> ingests_;
  std::unique_ptr<songs::v1::SongStoreService::Stub> song_store_;
};

}  // namespace

std::unique_ptr<Erasers> MakeErasers(const EraserChannels& channels) {
  return std::make_unique<GrpcErasers>(channels);
}

}  // namespace playlog::auth
