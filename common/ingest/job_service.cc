#include "common/ingest/job_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/ingest/job_view.h"
#include "common/rpc/dispatcher.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
// A scrobble becomes visible some minutes after its time, which is when the track began.
constexpr absl::Duration kSettled = absl::Minutes(10);
// How often a watched job is looked at, and how long its watcher hears nothing at most.
constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr absl::Duration kTellAgain = absl::Seconds(15);

absl::Time StoreDeadlineFor(const rpc::Call& call, Clock& clock) {
  return std::min(call.deadline, clock.Now() + kStoreTimeout);
}

absl::Status NoSuchJob() {
  return Error(errors::v1::ERROR_CODE_NOT_FOUND, "Job not found", "There is no job of this id.");
}

// A time that PostgreSQL and the source's API can both say.
absl::StatusOr<absl::Time> ReadTime(const char* field, const google::protobuf::Timestamp& time) {
  constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01
  constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59
  const bool usable = time.seconds() >= kFirst && time.seconds() <= kLast && time.nanos() >= 0 &&
                      time.nanos() < 1'000'000'000;
  if (!usable) return InvalidField(field, "a time of the years 1 to 9999");
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

// The whole seconds of the span that is asked for, up to where the history is settled.
absl::StatusOr<Span> ReadSpan(const v1::StartBackfillRequest& request, absl::Time now) {
  Span span{.to = now - kSettled};
  if (request.has_to()) {
    PLAYLOG_ASSIGN_OR_RETURN(const absl::Time to, ReadTime("to", request.to()));
    span.to = std::min(span.to, to);
  }
  span.to = absl::FromUnixSeconds(absl::ToUnixSeconds(span.to));
  if (!request.has_from()) return span;
  PLAYLOG_ASSIGN_OR_RETURN(const absl::Time from, ReadTime("from", request.from()));
  if (request.has_to() && from >= *ReadTime("to", request.to())) {
    return InvalidField("from", "earlier than `to`");
  }
  const absl::Time whole = absl::FromUnixSeconds(absl::ToUnixSeconds(from));
  span.from = whole < from ? whole + absl::Seconds(1) : whole;
  if (span.from > span.to) return InvalidField("from", "earlier than ten minutes ago");
  return span;
}

// Tells how a job goes on, until it has ended.
class JobWatch final : public rpc::Stream<v1::WatchJobResponse> {
 public:
  JobWatch(const SourceProfile& profile, JobStore& jobs, Clock& clock, const rpc::Call& call,
           std::int64_t number)
      : profile_(profile), jobs_(jobs), clock_(clock), user_id_(call.user_id), number_(number) {}

  absl::StatusOr<bool> Next(v1::WatchJobResponse& part) override {
    if (ended_) return false;
    PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Job> job,
                             jobs_.Find(user_id_, number_, clock_.Now() + kStoreTimeout));
    if (!job.has_value()) {
      ended_ = true;  // Its owner is being erased.
      return false;
    }
    *part.mutable_job() = ViewOf(profile_, *job);
    std::string bytes = part.SerializeAsString();
    ended_ = job->state != Job::State::kOpen;
    if (bytes == told_ && clock_.Now() - told_at_ < kTellAgain) return false;
    told_ = std::move(bytes);
    told_at_ = clock_.Now();
    return true;
  }
  absl::Duration PauseBeforeNext() const override {
    return ended_ ? absl::ZeroDuration() : kLookAgain;
  }

 private:
  const SourceProfile& profile_;
  JobStore& jobs_;
  Clock& clock_;
  const std::int64_t user_id_;
  const std::int64_t number_;
  std::string told_;  // The last part.
  absl::Time told_at_ = absl::InfinitePast();
  bool ended_ = false;
};

}  // namespace

JobService::JobService(const SourceProfile& profile, Engine& engine, JobStore& jobs, Clock& clock,
                       std::function<void()> on_start, rpc::Dispatcher& dispatcher)
    : profile_(profile),
      engine_(engine),
      jobs_(jobs),
      clock_(clock),
      on_start_(std::move(on_start)),
      dispatcher_(dispatcher) {}

grpc::ServerUnaryReactor* JobService::StartBackfill(grpc::CallbackServerContext* context,
                                                    const v1::StartBackfillRequest* request,
                                                    v1::StartBackfillResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const v1::StartBackfillRequest& r) {
                             return StartBackfill(call, r);
                           });
}

grpc::ServerUnaryReactor* JobService::ListJobs(grpc::CallbackServerContext* context,
                                               const v1::ListJobsRequest* request,
                                               v1::ListJobsResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::ListJobsRequest& r) { return ListJobs(call, r); });
}

grpc::ServerUnaryReactor* JobService::GetJob(grpc::CallbackServerContext* context,
                                             const v1::GetJobRequest* request,
                                             v1::GetJobResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::GetJobRequest& r) { return GetJob(call, r); });
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobService::WatchJob(
    grpc::CallbackServerContext* context, const v1::WatchJobRequest* request) {
  return dispatcher_.Serve<v1::WatchJobResponse>(
      context, request,
      [this](rpc::Call& call, const v1::WatchJobRequest& r) { return WatchJob(call, r); });
}

grpc::ServerUnaryReactor* JobService::CancelJob(grpc::CallbackServerContext* context,
                                                const v1::CancelJobRequest* request,
                                                v1::CancelJobResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::CancelJobRequest& r) { return CancelJob(call, r); });
}

absl::StatusOr<v1::StartBackfillResponse> JobService::StartBackfill(
    rpc::Call& call, const v1::StartBackfillRequest& request) {
  if (request.source() != profile_.source || !profile_.tells_past) {
    return InvalidField("source", "a source that tells the past: lastfm");
  }
  PLAYLOG_ASSIGN_OR_RETURN(const Span span, ReadSpan(request, clock_.Now()));
  PLAYLOG_RETURN_IF_ERROR(engine_.OpenKey(call, call.user_id).status());
  PLAYLOG_ASSIGN_OR_RETURN(const Job job,
                           jobs_.Start(call.user_id, span, StoreDeadlineFor(call, clock_)));
  on_start_();
  v1::StartBackfillResponse response;
  response.set_job_id(JobIdOf(profile_, job.number));
  response.set_state(StateOf(job));
  return response;
}

absl::StatusOr<v1::ListJobsResponse> JobService::ListJobs(rpc::Call& call,
                                                          const v1::ListJobsRequest&) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<Job> jobs,
                           jobs_.List(call.user_id, StoreDeadlineFor(call, clock_)));
  v1::ListJobsResponse response;
  for (const Job& job : jobs) *response.add_results() = ViewOf(profile_, job);
  return response;
}

absl::StatusOr<v1::GetJobResponse> JobService::GetJob(rpc::Call& call,
                                                      const v1::GetJobRequest& request) {
  const std::optional<std::int64_t> number = JobNumberOf(profile_, request.job_id());
  if (!number.has_value()) return NoSuchJob();
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Job> job,
                           jobs_.Find(call.user_id, *number, StoreDeadlineFor(call, clock_)));
  if (!job.has_value()) return NoSuchJob();
  v1::GetJobResponse response;
  *response.mutable_job() = ViewOf(profile_, *job);
  return response;
}

absl::StatusOr<std::unique_ptr<rpc::Stream<v1::WatchJobResponse>>> JobService::WatchJob(
    rpc::Call& call, const v1::WatchJobRequest& request) {
  v1::GetJobRequest look;
  look.set_job_id(request.job_id());
  PLAYLOG_RETURN_IF_ERROR(GetJob(call, look).status());
  return std::make_unique<JobWatch>(profile_, jobs_, clock_, call,
                                    *JobNumberOf(profile_, request.job_id()));
}

absl::StatusOr<v1::CancelJobResponse> JobService::CancelJob(rpc::Call& call,
                                                            const v1::CancelJobRequest& request) {
  const std::optional<std::int64_t> number = JobNumberOf(profile_, request.job_id());
  if (!number.has_value()) return NoSuchJob();
  PLAYLOG_ASSIGN_OR_RETURN(const bool found,
                           jobs_.Cancel(call.user_id, *number, StoreDeadlineFor(call, clock_)));
  if (!found) return NoSuchJob();
  return v1::CancelJobResponse();
}

}  // namespace playlog::ingest
