#ifndef PLAYLOG_COMMON_INGEST_JOB_SERVICE_H_
#define PLAYLOG_COMMON_INGEST_JOB_SERVICE_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/ingest/engine.h"
#include "common/ingest/job_store.h"
#include "common/ingest/source.h"
#include "common/rpc/call.h"
#include "playlog/ingest/v1/job_service.grpc.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::ingest {

// The jobs of one source, as their owners see them. Thread-safe.
class JobService final : public v1::JobService::CallbackService {
 public:
  // All of them live longer than the service. `on_start` is told that a job may be due.
  JobService(const SourceProfile& profile, Engine& engine, JobStore& jobs, Clock& clock,
             std::function<void()> on_start, rpc::Dispatcher& dispatcher);

  grpc::ServerUnaryReactor* StartBackfill(grpc::CallbackServerContext* context,
                                          const v1::StartBackfillRequest* request,
                                          v1::StartBackfillResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::GetJobResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchJob(
      grpc::CallbackServerContext* context, const v1::WatchJobRequest* request) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;

  absl::StatusOr<v1::StartBackfillResponse> StartBackfill(rpc::Call& call,
                                                          const v1::StartBackfillRequest& request);
  absl::StatusOr<v1::ListJobsResponse> ListJobs(rpc::Call& call,
                                                const v1::ListJobsRequest& request);
  absl::StatusOr<v1::GetJobResponse> GetJob(rpc::Call& call, const v1::GetJobRequest& request);
  absl::StatusOr<std::unique_ptr<rpc::Stream<v1::WatchJobResponse>>> WatchJob(
      rpc::Call& call, const v1::WatchJobRequest& request);
  absl::StatusOr<v1::CancelJobResponse> CancelJob(rpc::Call& call,
                                                  const v1::CancelJobRequest& request);

 private:
  const SourceProfile& profile_;
  Engine& engine_;
  JobStore& jobs_;
  Clock& clock_;
  const std::function<void()> on_start_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_JOB_SERVICE_H_
