#ifndef PLAYLOG_SERVICES_AUTH_OPEN_LIMITS_H_
#define PLAYLOG_SERVICES_AUTH_OPEN_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace playlog::auth {

// Notices a service that opens more keys than it can need, because somebody else speaks in its
// name. This is no quota: the counts are of this process and start anew each minute. Thread-safe.
class OpenLimits {
 public:
  // A key is opened for each fetch, and again when tokens have just been refreshed.
  static constexpr int kOfOneKeyMax = 600;
  // A service that opens more than so many, of all users, raises the alarm: a line in the log and
  // the counter playlog_key_open_alarms_total, once a minute. Nothing is refused for it.
  static constexpr int kAlarmAbove = 1000;
  // Keys that are counted apart.
  static constexpr std::size_t kKeysMax = 100'000;
  static constexpr absl::Duration kWindow = absl::Minutes(1);

  explicit OpenLimits(Clock& clock) : clock_(clock) {}

  // Counts an opening of a user's key by a service. RATE_LIMITED with the time to wait if the key
  // was opened kOfOneKeyMax times in this minute, or if this one would be one key too many.
  absl::Status Count(const std::string& peer_service, std::int64_t user_id,
                     const std::string& service_name);

 private:
  struct Window {
    absl::Time started_at = absl::InfinitePast();
    std::map<std::pair<std::int64_t, std::string>, int> of_keys = {};
    std::map<std::string, int> of_services = {};
  };

  Clock& clock_;
  absl::Mutex mutex_;
  Window window_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_OPEN_LIMITS_H_
