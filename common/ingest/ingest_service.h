#ifndef PLAYLOG_COMMON_INGEST_INGEST_SERVICE_H_
#define PLAYLOG_COMMON_INGEST_INGEST_SERVICE_H_

#include "absl/status/statusor.h"
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
  // Both live longer than the service.
  IngestService(Store& store, rpc::Dispatcher& dispatcher)
      : store_(store), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* EraseUser(grpc::CallbackServerContext* context,
                                      const v1::EraseUserRequest* request,
                                      v1::EraseUserResponse* response) override;

  absl::StatusOr<v1::EraseUserResponse> EraseUser(rpc::Call& call,
                                                  const v1::EraseUserRequest& request);

 private:
  Store& store_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_INGEST_SERVICE_H_
