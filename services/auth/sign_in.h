#ifndef PLAYLOG_SERVICES_AUTH_SIGN_IN_H_
#define PLAYLOG_SERVICES_AUTH_SIGN_IN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "services/auth/passwords.h"
#include "services/auth/store.h"
#include "services/auth/throttle.h"

namespace playlog::auth {

// Who tries something that is throttled.
struct Attempt {
  absl::Time deadline;
  // As rpc::Call::client_address; where it is empty, nothing is counted by address.
  std::string address;
};

// Makes accounts, finds out who signs in and changes passwords. Too many failed tries within
// Throttle::kWindow, to one account or from one address, are followed by RATE_LIMITED. Thread-safe.
class SignIn {
 public:
  SignIn(Store& store, Passwords& passwords, Clock& clock)
      : store_(store), passwords_(passwords), clock_(clock), throttle_(store, clock) {}

  // Adds a user. INVALID_FIELD, WEAK_PASSWORD, ALREADY_EXISTS, OVERLOADED, and RATE_LIMITED for an
  // address that registers without end; what is cheap is checked before anything costly.
  absl::StatusOr<User> Register(const Attempt& attempt, const std::string& name,
                                std::string_view password);

  // Returns the user whose name and password these are. INVALID_CREDENTIALS for a wrong name as for
  // a wrong password, with the same words and after the same time; RATE_LIMITED, OVERLOADED. A
  // password of a length that no user's has is wrong like any other. Replaces a hash that was made
  // at another cost.
  absl::StatusOr<User> Check(const Attempt& attempt, const std::string& name,
                             std::string_view password);

  // Changes a password and ends every sign-in of the user but `session_id`, whose access and
  // refresh tokens stay good. INVALID_CREDENTIALS for a wrong old one, which counts as a failed
  // sign-in; INVALID_FIELD and WEAK_PASSWORD for a new one that Register would refuse;
  // INVALID_TOKEN if the user is gone; RATE_LIMITED, OVERLOADED.
  absl::Status ChangePassword(const Attempt& attempt, std::int64_t user_id, std::int64_t session_id,
                              std::string_view old_password, std::string_view new_password);

  // What the failures of an account are counted under, whether or not it exists.
  static std::string SubjectOf(std::string_view name) { return Throttle::ForAccount(name).subject; }

 private:
  // Returns the account's number of failures in the window, RATE_LIMITED if the account or the
  // address has too many.
  absl::StatusOr<int> CountFailures(const Attempt& attempt, std::string_view name);
  // Counts a failure and returns `error`.
  absl::Status Fail(const Attempt& attempt, std::string_view name, const absl::Status& error);
  absl::Status CountRegistration(const Attempt& attempt);
  absl::StatusOr<User> CheckInTurn(const Attempt& attempt, const Passwords::Turn& turn,
                                   const std::string& name, std::string_view password);
  absl::Status ChangeInTurn(const Attempt& attempt, const Passwords::Turn& turn, const User& user,
                            std::int64_t session_id, std::string_view old_password,
                            std::string_view new_password);
  // Forgets the account's failures if there were any; those of the address stay.
  absl::Status Forgive(const Attempt& attempt, std::string_view name, int failures);
  void Rehash(absl::Time deadline, const Passwords::Turn& turn, const User& user,
              std::string_view password);

  Store& store_;
  Passwords& passwords_;
  Clock& clock_;
  Throttle throttle_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_SIGN_IN_H_
