#include "services/auth/store.h"

#include "common/base/error.h"

namespace playlog::auth {

absl::Status UsernameTakenError() {
  return Error(errors::v1::ERROR_CODE_ALREADY_EXISTS, "Username already taken",
               "Choose another username; upper and lower case count as the same.");
}

absl::Status WrongCredentialsError() {
  return Error(errors::v1::ERROR_CODE_INVALID_CREDENTIALS, "Invalid username or password",
               "Check both; passwords are taken exactly as sent.");
}

}  // namespace playlog::auth
