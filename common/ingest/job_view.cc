#include "common/ingest/job_view.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::ingest {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp& timestamp) {
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void SetTallies(const Tallies& tallies, google::protobuf::RepeatedPtrField<v1::Tally>& view) {
  for (const auto& [reason, count] : tallies) {
    v1::Tally& tally = *view.Add();
    tally.set_reason(reason);
    tally.set_count(count);
  }
}

double RateOf(const Job& job) {
  const double worked_s = absl::ToDoubleSeconds(job.worked);
  return worked_s > 0 ? static_cast<double>(job.read) / worked_s : 0;
}

std::optional<std::int32_t> SecondsLeft(const Job& job) {
  const double rate = RateOf(job);
  if (job.state != Job::State::kOpen || !job.walk.total.has_value() || rate <= 0) return {};
  const auto left =
      static_cast<double>(std::max<std::int64_t>(0, *job.walk.total - job.walk.position));
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::min(kMost, std::ceil(left / rate)));
}

}  // namespace

std::string JobIdOf(const SourceProfile& profile, std::int64_t number) {
  return absl::StrCat(profile.name, "-", number);
}

std::optional<std::int64_t> JobNumberOf(const SourceProfile& profile, std::string_view job_id) {
  const std::size_t hyphen = job_id.find('-');
  if (hyphen == std::string_view::npos || job_id.substr(0, hyphen) != profile.name) return {};
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(job_id.substr(hyphen + 1)), &number)) return {};
  // One id for each job: no signs, blanks or leading zeros.
  return JobIdOf(profile, number) == job_id ? std::optional(number) : std::nullopt;
}

v1::JobState StateOf(const Job& job) {
  switch (job.state) {
    case Job::State::kDone:
      return v1::JOB_STATE_DONE;
    case Job::State::kFailed:
      return v1::JOB_STATE_FAILED;
    case Job::State::kCancelled:
      return v1::JOB_STATE_CANCELLED;
    case Job::State::kOpen:
      break;
  }
  return job.running ? v1::JOB_STATE_RUNNING : v1::JOB_STATE_QUEUED;
}

v1::Job ViewOf(const SourceProfile& profile, const Job& job) {
  v1::Job view;
  view.set_job_id(JobIdOf(profile, job.number));
  view.set_source(profile.source);
  view.set_state(StateOf(job));
  view.set_done(job.walk.position);
  if (job.walk.total.has_value()) view.set_total(*job.walk.total);
  view.set_added(job.added);
  view.set_walks(job.walks);
  view.set_rate_per_s(RateOf(job));
  if (const auto seconds = SecondsLeft(job)) view.set_seconds_left(*seconds);
  SetTallies(job.rejected, *view.mutable_rejected());
  SetTallies(job.differences, *view.mutable_differences());
  if (job.span.from != absl::InfinitePast()) SetTime(job.span.from, *view.mutable_from());
  SetTime(job.span.to, *view.mutable_to());
  SetTime(job.created_at, *view.mutable_created_at());
  if (job.ended_at.has_value()) SetTime(*job.ended_at, *view.mutable_ended_at());
  if (!job.last_error.empty()) view.set_last_error(job.last_error);
  return view;
}

}  // namespace playlog::ingest
