#ifndef PLAYLOG_COMMON_INGEST_COVERAGE_SERVICE_H_
#define PLAYLOG_COMMON_INGEST_COVERAGE_SERVICE_H_

#include <optional>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/ingest/coverage_store.h"
#include "common/ingest/schedule_store.h"
#include "common/rpc/call.h"
#include "playlog/ingest/v1/coverage_service.grpc.pb.h"
#include "playlog/songs/v1/song.pb.h"

namespace playlog::rpc {
class Dispatcher;
}

namespace playlog::ingest {

// Tells users how whole their history is. Thread-safe.
class CoverageService final : public v1::CoverageService::CallbackService {
 public:
  // `has_window`: the source shows its newest plays alone, so a hole between two looks is what a
  // full page without overlap leaves. The others live longer than the service.
  CoverageService(CoverageStore& store, ScheduleStore& schedules, songs::v1::Source source,
                  bool has_window, Clock& clock, rpc::Dispatcher& dispatcher)
      : store_(store),
        schedules_(schedules),
        source_(source),
        has_window_(has_window),
        clock_(clock),
        dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* GetCoverage(grpc::CallbackServerContext* context,
                                        const v1::GetCoverageRequest* request,
                                        v1::GetCoverageResponse* response) override;

  // Nothing is returned for a source that another service fetches from, and no day that has not
  // begun in UTC. INVALID_FIELD for dates that do not exist or are too far apart.
  absl::StatusOr<v1::GetCoverageResponse> GetCoverage(rpc::Call& call,
                                                      const v1::GetCoverageRequest& request);

 private:
  absl::StatusOr<std::optional<KnownCoverage>> Load(const rpc::Call& call);

  CoverageStore& store_;
  ScheduleStore& schedules_;  // Knows who has ever stored a key.
  const songs::v1::Source source_;
  const bool has_window_;
  Clock& clock_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_COVERAGE_SERVICE_H_
