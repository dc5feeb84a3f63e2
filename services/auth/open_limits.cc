#include "services/auth/open_limits.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

namespace playlog::auth {
namespace {

void RaiseAlarm(const std::string& peer_service) {
  GetCounter("playlog_key_open_alarms_total",
             "Minutes in which a service opened more keys than it can need.",
             {{"peer", peer_service}})
      .Increment();
  Log(Severity::kWarning, "many_keys_opened",
      {{"peer", peer_service}, {"in_a_minute_over", OpenLimits::kAlarmAbove}});
}

}  // namespace

absl::Status OpenLimits::Count(const std::string& peer_service, std::int64_t user_id,
                               const std::string& service_name) {
  const absl::Time now = clock_.Now();
  const absl::MutexLock lock(&mutex_);
  // A clock that was set back starts a minute too.
  if (now >= window_.started_at + kWindow || now < window_.started_at) {
    window_ = {.started_at = now};
  }
  const std::pair<std::int64_t, std::string> key(user_id, service_name);
  const bool counted = window_.of_keys.size() < kKeysMax || window_.of_keys.contains(key);
  if (!counted || window_.of_keys[key] >= kOfOneKeyMax) {
    return RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, "Too many uses of one API key",
                          "Try again in a minute.", window_.started_at + kWindow - now);
  }
  ++window_.of_keys[key];
  if (++window_.of_services[peer_service] == kAlarmAbove + 1) RaiseAlarm(peer_service);
  return absl::OkStatus();
}

}  // namespace playlog::auth
