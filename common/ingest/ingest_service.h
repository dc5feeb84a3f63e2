#ifndef PLAYLOG_COMMON_INGEST_INGEST_SERVICE_H_
#define PLAYLOG_COMMON_INGEST_INGEST_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/ingest/engine.h"
#include "common/ingest/key_notes.h"
#include "common/ingest/store.h"
#include "common/rpc/call.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::ingest {

// The calls that every ingest service answers alike. Thread-safe.
class IngestService final : public v1::IngestService::CallbackService {
 public:
  // All of them live longer than the service.
  IngestService(Store& store, Engine& engine, KeyNotes& notes, rpc::Dispatcher& dispatcher)
      : store_(store), engine_(engine), notes_(notes), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* EraseUser(grpc::CallbackServerContext* context,
                                      const v1::EraseUserRequest* request,
                                      v1::EraseUserResponse* response) override;
  grpc::ServerUnaryReactor* TryKey(grpc::CallbackServerContext* context,
                                   const v1::TryKeyRequest* request,
                                   v1::TryKeyResponse* response) override;

  grpc::ServerWriteReactor<v1::ExportUserResponse>* ExportUser(
      grpc::CallbackServerContext* context, const v1::ExportUserRequest* request) override;

  absl::StatusOr<v1::EraseUserResponse> EraseUser(rpc::Call& call,
                                                  const v1::EraseUserRequest& request);
  // Also schedules the first background run with the key, whatever comes of the try.
  absl::StatusOr<v1::TryKeyResponse> TryKey(rpc::Call& call, const v1::TryKeyRequest& request);
  absl::StatusOr<std::unique_ptr<rpc::Stream<v1::ExportUserResponse>>> ExportUser(
      rpc::Call& call, const v1::ExportUserRequest& request);

 private:
  Store& store_;
  Engine& engine_;
  KeyNotes& notes_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_INGEST_SERVICE_H_
