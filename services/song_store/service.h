#ifndef PLAYLOG_SERVICES_SONG_STORE_SERVICE_H_
#define PLAYLOG_SERVICES_SONG_STORE_SERVICE_H_

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "common/rpc/dispatcher.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"
#include "services/song_store/cursor.h"
#include "services/song_store/store.h"

namespace playlog::song_store {

// The RPCs of song_store_service.proto. The functions below the entry points are what tests call.
// GetStoredSongs is raw: its parts are bytes already, as they come from the store. Thread-safe.
class SongStoreService final
    : public songs::v1::SongStoreService::WithRawCallbackMethod_GetStoredSongs<
          songs::v1::SongStoreService::CallbackService> {
 public:
  SongStoreService(SongStore& store, const CursorCodec& cursors, rpc::Dispatcher& dispatcher)
      : store_(store), cursors_(cursors), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* UpsertSongs(grpc::CallbackServerContext* context,
                                        const songs::v1::UpsertSongsRequest* request,
                                        songs::v1::UpsertSongsResponse* response) override;
  grpc::ServerUnaryReactor* CountSongs(grpc::CallbackServerContext* context,
                                       const songs::v1::CountSongsRequest* request,
                                       songs::v1::CountSongsResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* GetStoredSongs(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<songs::v1::ExportSongsResponse>* ExportSongs(
      grpc::CallbackServerContext* context, const songs::v1::ExportSongsRequest* request) override;
  grpc::ServerUnaryReactor* EraseSongs(grpc::CallbackServerContext* context,
                                       const songs::v1::EraseSongsRequest* request,
                                       songs::v1::EraseSongsResponse* response) override;

  absl::StatusOr<songs::v1::UpsertSongsResponse> UpsertSongs(
      rpc::Call& call, const songs::v1::UpsertSongsRequest& request);
  absl::StatusOr<songs::v1::CountSongsResponse> CountSongs(
      rpc::Call& call, const songs::v1::CountSongsRequest& request);
  absl::StatusOr<std::unique_ptr<rpc::Stream<grpc::ByteBuffer>>> GetStoredSongs(
      rpc::Call& call, const songs::v1::GetStoredSongsRequest& request);
  absl::StatusOr<std::unique_ptr<rpc::Stream<songs::v1::ExportSongsResponse>>> ExportSongs(
      rpc::Call& call, const songs::v1::ExportSongsRequest& request);
  absl::StatusOr<songs::v1::EraseSongsResponse> EraseSongs(
      rpc::Call& call, const songs::v1::EraseSongsRequest& request);

  // How many batches have come in.
  std::int64_t upserts() const { return upserts_; }

 private:
  std::atomic<std::int64_t> upserts_ = 0;
  SongStore& store_;
  const CursorCodec& cursors_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_SERVICE_H_
