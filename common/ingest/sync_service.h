#ifndef PLAYLOG_COMMON_INGEST_SYNC_SERVICE_H_
#define PLAYLOG_COMMON_INGEST_SYNC_SERVICE_H_

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/ingest/engine.h"
#include "common/ingest/schedule_store.h"
#include "common/ingest/source.h"
#include "common/rpc/call.h"
#include "playlog/ingest/v1/sync_service.grpc.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::ingest {

// Shows and steers the caller's background fetches from the process's one source, as
// sync_service.proto says. Thread-safe.
class SyncService final : public v1::SyncService::CallbackService {
 public:
  // All of them live longer than the service.
  SyncService(ScheduleStore& store, Engine& engine, const SourceProfile& profile, Clock& clock,
              rpc::Dispatcher& dispatcher)
      : store_(store), engine_(engine), profile_(profile), clock_(clock), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* GetSync(grpc::CallbackServerContext* context,
                                    const v1::GetSyncRequest* request,
                                    v1::GetSyncResponse* response) override;
  grpc::ServerUnaryReactor* SetSync(grpc::CallbackServerContext* context,
                                    const v1::SetSyncRequest* request,
                                    v1::SetSyncResponse* response) override;

  absl::StatusOr<v1::GetSyncResponse> GetSync(rpc::Call& call, const v1::GetSyncRequest& request);
  absl::StatusOr<v1::SetSyncResponse> SetSync(rpc::Call& call, const v1::SetSyncRequest& request);

 private:
  ScheduleStore& store_;
  Engine& engine_;
  const SourceProfile& profile_;
  Clock& clock_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SYNC_SERVICE_H_
