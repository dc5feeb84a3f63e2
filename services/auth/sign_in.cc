#include "services/auth/sign_in.h"

#include <optional>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/jwt/jwt.h"
#include "services/auth/users.h"

namespace playlog::auth {
namespace {

constexpr std::string_view kTooManyFailures = "Too many failed sign-ins";
constexpr std::string_view kTooManyRegistrations = "Too many registrations";

absl::Status WrongOldPasswordError() {
  return Error(errors::v1::ERROR_CODE_INVALID_CREDENTIALS, "Invalid password",
               "`old` is not the password; passwords are taken exactly as sent.");
}

}  // namespace

absl::StatusOr<User> SignIn::Register(const Attempt& attempt, const std::string& name,
                                      std::string_view password) {
  PLAYLOG_RETURN_IF_ERROR(CheckUsername(name));
  PLAYLOG_RETURN_IF_ERROR(CheckPasswordLength("password", password));
  PLAYLOG_RETURN_IF_ERROR(CountRegistration(attempt));
  // A taken name is found out before the hash is paid for, and once more by the store.
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> taken,
                           store_.FindUserByName(attempt.deadline, name));
  if (taken.has_value()) return UsernameTakenError();
  std::string hash;
  {
    PLAYLOG_ASSIGN_OR_RETURN(const Passwords::Turn turn, passwords_.Wait(attempt.deadline));
    PLAYLOG_RETURN_IF_ERROR(CheckPasswordStrength(name, password));
    PLAYLOG_ASSIGN_OR_RETURN(hash, turn.Hash(password));
  }
  return store_.CreateUser(attempt.deadline, name, hash);
}

absl::StatusOr<User> SignIn::Check(const Attempt& attempt, const std::string& name,
                                   std::string_view password) {
  // Asked before queueing, so that guesses at one account do not take the places of others.
  PLAYLOG_RETURN_IF_ERROR(CountFailures(attempt, name).status());
  if (!HasPasswordLength(password)) return Fail(attempt, name, WrongCredentialsError());
  PLAYLOG_ASSIGN_OR_RETURN(const Passwords::Turn turn, passwords_.Wait(attempt.deadline));
  return CheckInTurn(attempt, turn, name, password);
}

absl::StatusOr<User> SignIn::CheckInTurn(const Attempt& attempt, const Passwords::Turn& turn,
                                         const std::string& name, std::string_view password) {
  // Asked again: those that were ahead in the queue may have failed.
  PLAYLOG_ASSIGN_OR_RETURN(const int failures, CountFailures(attempt, name));
  std::optional<User> user;
  if (IsUsername(name)) {
    PLAYLOG_ASSIGN_OR_RETURN(user, store_.FindUserByName(attempt.deadline, name));
  }
  if (!user.has_value()) {
    turn.VerifyNobody(password);
    return Fail(attempt, name, WrongCredentialsError());
  }
  if (!turn.Verify(password, user->password_hash)) {
    return Fail(attempt, name, WrongCredentialsError());
  }
  PLAYLOG_RETURN_IF_ERROR(Forgive(attempt, name, failures));
  Rehash(attempt.deadline, turn, *user, password);
  return *std::move(user);
}

absl::Status SignIn::ChangePassword(const Attempt& attempt, std::int64_t user_id,
                                    std::int64_t session_id, std::string_view old_password,
                                    std::string_view new_password) {
  PLAYLOG_RETURN_IF_ERROR(CheckPasswordLength("new", new_password));
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> user,
                           store_.FindUser(attempt.deadline, user_id));
  if (!user.has_value()) return jwt::InvalidTokenError();
  PLAYLOG_RETURN_IF_ERROR(CountFailures(attempt, user->name).status());
  if (!HasPasswordLength(old_password)) return Fail(attempt, user->name, WrongOldPasswordError());
  PLAYLOG_ASSIGN_OR_RETURN(const Passwords::Turn turn, passwords_.Wait(attempt.deadline));
  return ChangeInTurn(attempt, turn, *user, session_id, old_password, new_password);
}

absl::Status SignIn::ChangeInTurn(const Attempt& attempt, const Passwords::Turn& turn,
                                  const User& user, std::int64_t session_id,
                                  std::string_view old_password, std::string_view new_password) {
  PLAYLOG_ASSIGN_OR_RETURN(const int failures, CountFailures(attempt, user.name));
  if (!turn.Verify(old_password, user.password_hash)) {
    return Fail(attempt, user.name, WrongOldPasswordError());
  }
  PLAYLOG_RETURN_IF_ERROR(CheckPasswordStrength(user.name, new_password));
  PLAYLOG_ASSIGN_OR_RETURN(const std::string hash, turn.Hash(new_password));
  PLAYLOG_RETURN_IF_ERROR(
      store_.ChangePassword(attempt.deadline, user, hash, session_id, clock_.Now()));
  return Forgive(attempt, user.name, failures);
}

absl::Status SignIn::Forgive(const Attempt& attempt, std::string_view name, int failures) {
  if (failures == 0) return absl::OkStatus();
  return throttle_.Forget(attempt.deadline, Throttle::ForAccount(name));
}

void SignIn::Rehash(absl::Time deadline, const Passwords::Turn& turn, const User& user,
                    std::string_view password) {
  if (!passwords_.IsOutdated(user.password_hash)) return;
  const absl::StatusOr<std::string> hash = turn.Hash(password);
  const absl::Status status =
      hash.ok() ? store_.ReplacePasswordHash(deadline, user.id, user.password_hash, *hash)
                : hash.status();
  // The old hash is still good, and the next sign-in tries again.
  if (!status.ok()) Log(Severity::kWarning, "rehash_failed", {{"user_id", user.id}});
}

absl::StatusOr<int> SignIn::CountFailures(const Attempt& attempt, std::string_view name) {
  if (!attempt.address.empty()) {
    PLAYLOG_RETURN_IF_ERROR(
        throttle_.Check(attempt.deadline, Throttle::ForAddress(attempt.address), kTooManyFailures)
            .status());
  }
  return throttle_.Check(attempt.deadline, Throttle::ForAccount(name), kTooManyFailures);
}

absl::Status SignIn::Fail(const Attempt& attempt, std::string_view name,
                          const absl::Status& error) {
  PLAYLOG_RETURN_IF_ERROR(throttle_.Add(attempt.deadline, Throttle::ForAccount(name)));
  if (!attempt.address.empty()) {
    PLAYLOG_RETURN_IF_ERROR(throttle_.Add(attempt.deadline, Throttle::ForAddress(attempt.address)));
  }
  return error;
}

absl::Status SignIn::CountRegistration(const Attempt& attempt) {
  if (attempt.address.empty()) return absl::OkStatus();
  const ThrottleRule rule = Throttle::ForRegistrations(attempt.address);
  PLAYLOG_RETURN_IF_ERROR(throttle_.Check(attempt.deadline, rule, kTooManyRegistrations).status());
  return throttle_.Add(attempt.deadline, rule);
}

}  // namespace playlog::auth
