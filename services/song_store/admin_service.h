#ifndef PLAYLOG_SERVICES_SONG_STORE_ADMIN_SERVICE_H_
#define PLAYLOG_SERVICES_SONG_STORE_ADMIN_SERVICE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "common/rpc/call.h"
#include "common/rpc/dispatcher.h"
#include "playlog/songs/v1/song_admin_service.grpc.pb.h"
#include "services/song_store/cursor.h"
#include "services/song_store/listing.h"
#include "services/song_store/usernames.h"

namespace playlog::song_store {

// The RPCs of song_admin_service.proto. The functions below the entry points are what tests call.
// Thread-safe.
class SongAdminService final : public songs::v1::SongAdminService::CallbackService {
 public:
  // The pool is the listing's.
  SongAdminService(Listing& listing, db::Pool& pool, LookUpUsers look_up,
                   const CursorCodec& cursors, rpc::Dispatcher& dispatcher)
      : listing_(listing),
        pool_(pool),
        look_up_(std::move(look_up)),
        cursors_(cursors),
        dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* ListSongs(grpc::CallbackServerContext* context,
                                      const songs::v1::ListSongsRequest* request,
                                      songs::v1::ListSongsResponse* response) override;
  grpc::ServerUnaryReactor* CountListedSongs(
      grpc::CallbackServerContext* context, const songs::v1::CountListedSongsRequest* request,
      songs::v1::CountListedSongsResponse* response) override;
  grpc::ServerUnaryReactor* CountListedSongsByPeriod(
      grpc::CallbackServerContext* context,
      const songs::v1::CountListedSongsByPeriodRequest* request,
      songs::v1::CountListedSongsByPeriodResponse* response) override;
  grpc::ServerUnaryReactor* GetSong(grpc::CallbackServerContext* context,
                                    const songs::v1::GetSongRequest* request,
                                    songs::v1::GetSongResponse* response) override;
  grpc::ServerWriteReactor<songs::v1::ExportListedSongsResponse>* ExportListedSongs(
      grpc::CallbackServerContext* context,
      const songs::v1::ExportListedSongsRequest* request) override;
  grpc::ServerUnaryReactor* ListBatches(grpc::CallbackServerContext* context,
                                        const songs::v1::ListBatchesRequest* request,
                                        songs::v1::ListBatchesResponse* response) override;
  grpc::ServerUnaryReactor* CountSongsOfUsers(
      grpc::CallbackServerContext* context, const songs::v1::CountSongsOfUsersRequest* request,
      songs::v1::CountSongsOfUsersResponse* response) override;

  absl::StatusOr<songs::v1::ListSongsResponse> ListSongs(
      rpc::Call& call, const songs::v1::ListSongsRequest& request);
  absl::StatusOr<songs::v1::CountListedSongsResponse> CountListedSongs(
      rpc::Call& call, const songs::v1::CountListedSongsRequest& request);
  absl::StatusOr<songs::v1::CountListedSongsByPeriodResponse> CountListedSongsByPeriod(
      rpc::Call& call, const songs::v1::CountListedSongsByPeriodRequest& request);
  absl::StatusOr<songs::v1::GetSongResponse> GetSong(rpc::Call& call,
                                                     const songs::v1::GetSongRequest& request);
  absl::StatusOr<std::unique_ptr<rpc::Stream<songs::v1::ExportListedSongsResponse>>>
  ExportListedSongs(rpc::Call& call, const songs::v1::ExportListedSongsRequest& request);
  absl::StatusOr<songs::v1::ListBatchesResponse> ListBatches(
      rpc::Call& call, const songs::v1::ListBatchesRequest& request);
  absl::StatusOr<songs::v1::CountSongsOfUsersResponse> CountSongsOfUsers(
      rpc::Call& call, const songs::v1::CountSongsOfUsersRequest& request);

 private:
  // Reads a filter and looks its words up; appends to `unnamed` the words that too many names have.
  absl::StatusOr<Search> Find(rpc::Call& call, const songs::v1::SongFilter& filter,
                              std::vector<std::string>* unnamed = nullptr);
  absl::Status AddLag(rpc::Call& call, songs::v1::ListSongsResponse& response);

  Listing& listing_;
  db::Pool& pool_;
  const LookUpUsers look_up_;
  const CursorCodec& cursors_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_ADMIN_SERVICE_H_
