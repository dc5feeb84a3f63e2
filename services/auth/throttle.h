#ifndef PLAYLOG_SERVICES_AUTH_THROTTLE_H_
#define PLAYLOG_SERVICES_AUTH_THROTTLE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "services/auth/store.h"

namespace playlog::auth {

// Returns what addresses are counted by: of IPv4 the whole address, of IPv6 the first 64 bits,
// which is the least that one customer has. An IPv4 address in the clothes of IPv6 is one of IPv4;
// what is no address stands for itself.
std::string NetworkOf(std::string_view address);

// Something of which only so many may happen within Throttle::kWindow.
struct ThrottleRule {
  std::string subject;  // The SHA-256 of what is counted.
  int limit;
};

// Counts failures in the store, where they hold for all processes and survive a restart. Nobody is
// ever locked out for longer than the window: what is refused is not counted. Thread-safe.
class Throttle {
 public:
  static constexpr absl::Duration kWindow = absl::Minutes(5);
  // Failed sign-ins to one account, whether or not it exists.
  static constexpr int kAccountFailuresMax = 10;
  // Failed sign-ins from one address, to whatever accounts.
  static constexpr int kAddressFailuresMax = 100;
  // Registrations from one address, refused ones too. Many people may share an address.
  static constexpr int kRegistrationsMax = 600;

  static ThrottleRule ForAccount(std::string_view name);
  static ThrottleRule ForAddress(std::string_view address);
  static ThrottleRule ForRegistrations(std::string_view address);

  Throttle(Store& store, Clock& clock) : store_(store), clock_(clock) {}

  // Returns how many of them the window has; RATE_LIMITED if that is the limit, until the oldest
  // has left the window. `text` is the error's.
  absl::StatusOr<int> Check(absl::Time deadline, const ThrottleRule& rule, std::string_view text);
  // Counts one.
  absl::Status Add(absl::Time deadline, const ThrottleRule& rule);
  absl::Status Forget(absl::Time deadline, const ThrottleRule& rule);

 private:
  Store& store_;
  Clock& clock_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_THROTTLE_H_
