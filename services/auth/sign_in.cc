#include "services/auth/sign_in.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "services/auth/crypto.h"
#include "services/auth/users.h"

namespace playlog::auth {
namespace {

absl::Status WrongCredentialsError() {
  return Error(errors::v1::ERROR_CODE_INVALID_CREDENTIALS, "Invalid username or password",
               "Check both; passwords are taken exactly as sent.");
}

}  // namespace

std::string SignIn::SubjectOf(std::string_view name) {
  // The prefix keeps accounts apart from whatever else comes to be counted.
  return Sha256(absl::StrCat("account:", FoldUsername(name)));
}

absl::StatusOr<User> SignIn::Register(absl::Time deadline, const std::string& name,
                                      std::string_view password) {
  PLAYLOG_RETURN_IF_ERROR(CheckUsername(name));
  PLAYLOG_RETURN_IF_ERROR(CheckPasswordLength(password));
  // A taken name is found out before the hash is paid for, and once more by the store.
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<User> taken, store_.FindUserByName(deadline, name));
  if (taken.has_value()) return UsernameTakenError();
  std::string hash;
  {
    PLAYLOG_ASSIGN_OR_RETURN(const Passwords::Turn turn, passwords_.Wait(deadline));
    PLAYLOG_RETURN_IF_ERROR(CheckPasswordStrength(name, password));
    PLAYLOG_ASSIGN_OR_RETURN(hash, turn.Hash(password));
  }
  return store_.CreateUser(deadline, name, hash);
}

absl::StatusOr<User> SignIn::Check(absl::Time deadline, const std::string& name,
                                   std::string_view password) {
  const std::string subject = SubjectOf(name);
  // Asked before queueing, so that guesses at one account do not take the places of others.
  PLAYLOG_RETURN_IF_ERROR(CountFailures(deadline, subject).status());
  if (!HasPasswordLength(password)) return Fail(deadline, subject);
  PLAYLOG_ASSIGN_OR_RETURN(const Passwords::Turn turn, passwords_.Wait(deadline));
  return CheckInTurn(deadline, turn, name, password);
}

absl::StatusOr<User> SignIn::CheckInTurn(absl::Time deadline, const Passwords::Turn& turn,
                                         const std::string& name, std::string_view password) {
  const std::string subject = SubjectOf(name);
  // Asked again: those that were ahead in the queue may have failed.
  PLAYLOG_ASSIGN_OR_RETURN(const int failures, CountFailures(deadline, subject));
  std::optional<User> user;
  if (IsUsername(name)) {
    PLAYLOG_ASSIGN_OR_RETURN(user, store_.FindUserByName(deadline, name));
  }
  if (!user.has_value()) {
    turn.VerifyNobody(password);
    return Fail(deadline, subject);
  }
  if (!turn.Verify(password, user->password_hash)) return Fail(deadline, subject);
  if (failures > 0) {
    PLAYLOG_RETURN_IF_ERROR(store_.ClearLoginFailures(deadline, subject));
  }
  Rehash(deadline, turn, *user, password);
  return *std::move(user);
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

absl::StatusOr<int> SignIn::CountFailures(absl::Time deadline, const std::string& subject) {
  const absl::Time now = clock_.Now();
  PLAYLOG_ASSIGN_OR_RETURN(
      const LoginFailures failures,
      store_.CountLoginFailures(deadline, subject, now - kFailureWindow, kFailuresMax));
  if (failures.count < kFailuresMax) return failures.count;
  return RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, "Too many failed sign-ins",
                        "Wait before the next try; the account is not locked.",
                        failures.oldest + kFailureWindow - now);
}

absl::Status SignIn::Fail(absl::Time deadline, const std::string& subject) {
  const absl::Time now = clock_.Now();
  PLAYLOG_RETURN_IF_ERROR(store_.AddLoginFailure(deadline, subject, now, now - kFailureWindow));
  return WrongCredentialsError();
}

}  // namespace playlog::auth
