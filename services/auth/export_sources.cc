#include "services/auth/export_sources.h"

#include <grpcpp/channel.h>

#include <utility>

#include "common/rpc/client_stream.h"
#include "common/rpc/row_export_stream.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::auth {
namespace {

using ingest::v1::IngestService;
using songs::v1::SongStoreService;

// Less than what the gateway waits for the first part.
constexpr absl::Duration kPartTime = absl::Seconds(3);

ExportSource SongStoreSource(const std::shared_ptr<grpc::Channel>& channel) {
  const std::shared_ptr<SongStoreService::Stub> stub = SongStoreService::NewStub(channel);
  return {"", [stub](const rpc::Call& call, std::int64_t user_id) {
            songs::v1::ExportSongsRequest request;
            request.set_user_id(user_id);
            return rpc::ReadRowExport(rpc::OpenStream(*stub, &SongStoreService::Stub::ExportSongs,
                                                      call, request, kPartTime));
          }};
}

ExportSource IngestSource(std::string prefix, const std::shared_ptr<grpc::Channel>& channel) {
  const std::shared_ptr<IngestService::Stub> stub = IngestService::NewStub(channel);
  return {std::move(prefix), [stub](const rpc::Call& call, std::int64_t user_id) {
            ingest::v1::ExportUserRequest request;
            request.set_user_id(user_id);
            return rpc::ReadRowExport(
                rpc::OpenStream(*stub, &IngestService::Stub::ExportUser, call, request, kPartTime));
          }};
}

}  // namespace

std::vector<ExportSource> MakeExportSources(db::Pool& pool, const EraserChannels& channels) {
  return {{"", [&pool](const rpc::Call&,
                       std::int64_t user_id) { return ExportAccount(pool, user_id); }},
          SongStoreSource(channels.song_store),
          IngestSource("spotify_", channels.spotify_ingest),
          IngestSource("lastfm_", channels.lastfm_ingest)};
}

}  // namespace playlog::auth
