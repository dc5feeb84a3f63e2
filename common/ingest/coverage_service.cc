#include "common/ingest/coverage_service.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/ingest/coverage.h"
#include "common/rpc/dispatcher.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);
constexpr int kMaxDays = 3660;
constexpr int kDefaultDays = 30;

struct Days {
  absl::CivilDay first;
  absl::CivilDay last;
};

// Reads a date of the form 2024-01-15 that exists.
std::optional<absl::CivilDay> ReadDate(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (text.size() != kForm.size()) return std::nullopt;
  int numbers[3] = {};
  int part = 0;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !is_digit : text[i] != kForm[i]) return std::nullopt;
    if (is_digit) {
      numbers[part] = numbers[part] * 10 + (text[i] - '0');
    } else {
      ++part;
    }
  }
  const absl::CivilDay day(numbers[0], numbers[1], numbers[2]);
  const bool exists = day.year() == numbers[0] && day.month() == numbers[1] &&
                      day.day() == numbers[2] && numbers[0] > 0;
  return exists ? std::optional(day) : std::nullopt;
}

std::string FormatDate(absl::CivilDay day) {
  return absl::StrFormat("%04d-%02d-%02d", day.year(), day.month(), day.day());
}

absl::StatusOr<Days> ReadDays(const v1::GetCoverageRequest& request, absl::Time now) {
  Days days;
  days.last = absl::ToCivilDay(now, absl::UTCTimeZone());
  if (request.has_to()) {
    const std::optional<absl::CivilDay> to = ReadDate(request.to());
    if (!to.has_value()) return InvalidField("to", "a date such as 2024-01-15");
    days.last = *to;
  }
  days.first = days.last - kDefaultDays;
  if (request.has_from()) {
    const std::optional<absl::CivilDay> from = ReadDate(request.from());
    if (!from.has_value()) return InvalidField("from", "a date such as 2024-01-15");
    days.first = *from;
  }
  if (days.first > days.last) return InvalidField("from", "no later than `to`");
  if (days.last - days.first > kMaxDays)
    return InvalidField("to", "at most 3660 days after `from`");
  return days;
}

}  // namespace

grpc::ServerUnaryReactor* CoverageService::GetCoverage(grpc::CallbackServerContext* context,
                                                       const v1::GetCoverageRequest* request,
                                                       v1::GetCoverageResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::GetCoverageRequest& r) { return GetCoverage(call, r); });
}

absl::StatusOr<v1::GetCoverageResponse> CoverageService::GetCoverage(
    rpc::Call& call, const v1::GetCoverageRequest& request) {
  const absl::Time now = clock_.Now();
  PLAYLOG_ASSIGN_OR_RETURN(const Days days, ReadDays(request, now));
  v1::GetCoverageResponse response;
  if (request.has_source() && request.source() != source_) return response;
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<KnownCoverage> known, Load(call));
  if (!known.has_value()) return response;
  for (const DayState& state :
       JudgeDays(known->coverage, days.first, days.last, now, has_window_)) {
    v1::DayCoverage& day = *response.add_results();
    day.set_date(FormatDate(state.day));
    day.set_source(source_);
    day.set_state(state.reason.empty() ? v1::COVERAGE_STATE_COMPLETE
                                       : v1::COVERAGE_STATE_POSSIBLE_GAP);
    if (!state.reason.empty()) day.set_reason(std::string(state.reason));
  }
  if (known->count.has_value()) {
    v1::SourceCount& count = *response.add_counts();
    count.set_source(source_);
    count.set_theirs(known->count->theirs);
    count.set_ours(known->count->ours);
    *count.mutable_counted_at() = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
        absl::ToUnixMicros(known->count->counted_at));
  }
  return response;
}

// Nothing if the user never stored a key; nothing covered if nothing was fetched with it yet.
absl::StatusOr<std::optional<KnownCoverage>> CoverageService::Load(const rpc::Call& call) {
  const absl::Time deadline = std::min(call.deadline, absl::Now() + kStoreTimeout);
  PLAYLOG_ASSIGN_OR_RETURN(std::optional<KnownCoverage> known,
                           store_.LoadCoverage(call.user_id, deadline));
  if (known.has_value()) return known;
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Schedule> schedule,
                           schedules_.Find(call.user_id, deadline));
  if (schedule.has_value()) known.emplace();
  return known;
}

}  // namespace playlog::ingest
