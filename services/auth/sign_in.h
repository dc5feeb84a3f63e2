#ifndef PLAYLOG_SERVICES_AUTH_SIGN_IN_H_
#define PLAYLOG_SERVICES_AUTH_SIGN_IN_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "services/auth/passwords.h"
#include "services/auth/store.h"

namespace playlog::auth {

// Makes accounts and finds out who signs in. Thread-safe.
class SignIn {
 public:
  // So many failed sign-ins to one account within the window are followed by RATE_LIMITED until the
  // oldest of them has left it. They are kept in the store, so that they hold for all processes and
  // after a restart; nobody is ever locked out for longer than the window.
  static constexpr int kFailuresMax = 10;
  static constexpr absl::Duration kFailureWindow = absl::Minutes(5);

  SignIn(Store& store, Passwords& passwords, Clock& clock)
      : store_(store), passwords_(passwords), clock_(clock) {}

  // Adds a user. INVALID_FIELD, WEAK_PASSWORD, ALREADY_EXISTS, OVERLOADED; the length is checked
  // before anything costly.
  absl::StatusOr<User> Register(absl::Time deadline, const std::string& name,
                                std::string_view password);

  // Returns the user whose name and password these are. INVALID_CREDENTIALS for a wrong name as for
  // a wrong password, with the same words and after the same time; RATE_LIMITED, OVERLOADED. A
  // password of a length that no user's has is wrong like any other. Replaces a hash that was made
  // at another cost.
  absl::StatusOr<User> Check(absl::Time deadline, const std::string& name,
                             std::string_view password);

  // What the failures of an account are counted under, whether or not it exists.
  static std::string SubjectOf(std::string_view name);

 private:
  // Returns the number of failures in the window, RATE_LIMITED if there are too many.
  absl::StatusOr<int> CountFailures(absl::Time deadline, const std::string& subject);
  // Counts a failure and returns INVALID_CREDENTIALS.
  absl::Status Fail(absl::Time deadline, const std::string& subject);
  absl::StatusOr<User> CheckInTurn(absl::Time deadline, const Passwords::Turn& turn,
                                   const std::string& name, std::string_view password);
  void Rehash(absl::Time deadline, const Passwords::Turn& turn, const User& user,
              std::string_view password);

  Store& store_;
  Passwords& passwords_;
  Clock& clock_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_SIGN_IN_H_
