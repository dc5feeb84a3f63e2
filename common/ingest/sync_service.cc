#include "common/ingest/sync_service.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/ingest/attempts.h"
#include "common/rpc/dispatcher.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

absl::Time StoreDeadline(const rpc::Call& call) {
  return std::min(call.deadline, absl::Now() + kStoreTimeout);
}

std::int32_t WholeSeconds(absl::Duration duration) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(
      absl::ToInt64Seconds(duration), 0, std::numeric_limits<std::int32_t>::max()));
}

void Describe(const Schedule& schedule, v1::Sync& sync) {
  sync.set_enabled(schedule.enabled);
  if (schedule.last_run_at.has_value()) {
    *sync.mutable_last_run_at() = ToProto(*schedule.last_run_at);
  }
  if (schedule.last_success_at.has_value()) {
    *sync.mutable_last_success_at() = ToProto(*schedule.last_success_at);
  }
  if (schedule.enabled) *sync.mutable_next_run_at() = ToProto(schedule.next_run_at);
  sync.set_interval_s(WholeSeconds(schedule.interval));
  sync.set_plays_added(schedule.plays_added);
  if (schedule.last_error.has_value()) sync.set_last_error(*schedule.last_error);
  if (schedule.key_state.has_value()) sync.set_credential_state(*schedule.key_state);
}

}  // namespace

grpc::ServerUnaryReactor* SyncService::GetSync(grpc::CallbackServerContext* context,
                                               const v1::GetSyncRequest* request,
                                               v1::GetSyncResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::GetSyncRequest& r) { return GetSync(call, r); });
}

grpc::ServerUnaryReactor* SyncService::SetSync(grpc::CallbackServerContext* context,
                                               const v1::SetSyncRequest* request,
                                               v1::SetSyncResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::SetSyncRequest& r) { return SetSync(call, r); });
}

absl::StatusOr<v1::GetSyncResponse> SyncService::GetSync(rpc::Call& call,
                                                         const v1::GetSyncRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Schedule> schedule,
                           store_.Find(call.user_id, StoreDeadline(call)));
  v1::GetSyncResponse response;
  if (!schedule.has_value()) return response;
  v1::Sync& sync = *response.add_results();
  sync.set_source(profile_.source);
  Describe(*schedule, sync);
  if (schedule->limited_until > clock_.Now()) {
    *sync.mutable_rate_limited_until() = ToProto(*schedule->limited_until);
  }
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<LimitUse> limits,
                           engine_.UseOfLimits(call, call.user_id));
  for (const LimitUse& use : limits) {
    v1::Budget& budget = *sync.add_budgets();
    budget.set_window_s(WholeSeconds(use.limit.window));
    budget.set_limit(use.limit.calls);
    budget.set_used(use.used);
  }
  return response;
}

absl::StatusOr<v1::SetSyncResponse> SyncService::SetSync(rpc::Call& call,
                                                         const v1::SetSyncRequest& request) {
  if (request.source() != profile_.source) return InvalidField("source", profile_.name);
  if (!request.has_enabled()) return InvalidField("enabled", "true or false");
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Schedule> schedule,
                           store_.SetEnabled(call.user_id, request.enabled(), StoreDeadline(call)));
  if (!schedule.has_value()) return KeyMissingError(profile_);
  v1::SetSyncResponse response;
  response.set_source(profile_.source);
  response.set_enabled(schedule->enabled);
  if (schedule->enabled) *response.mutable_next_run_at() = ToProto(schedule->next_run_at);
  return response;
}

}  // namespace playlog::ingest
