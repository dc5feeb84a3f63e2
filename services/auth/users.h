#ifndef PLAYLOG_SERVICES_AUTH_USERS_H_
#define PLAYLOG_SERVICES_AUTH_USERS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace playlog::auth {

// The rules for names and passwords. Pure.

// Returns whether a name may be a user's: 1 to 150 ASCII letters, digits and @ . + - _.
bool IsUsername(std::string_view name);

// INVALID_FIELD unless IsUsername.
absl::Status CheckUsername(std::string_view name);

// Returns the spelling by which names are compared: two names that differ in case alone are one.
std::string FoldUsername(std::string_view name);

// Returns whether a password has the length of a registered one: 8 to 128 characters (code points)
// of UTF-8. Checked before any costly work; a password is never trimmed, cut or normalised.
bool HasPasswordLength(std::string_view password);

// INVALID_FIELD, naming the field, unless HasPasswordLength.
absl::Status CheckPasswordLength(std::string_view field, std::string_view password);

// WEAK_PASSWORD if a guesser who knows the name would need fewer than a million guesses, or if the
// password is, in whatever case, one of the 16,000 or so that everybody tries first
// (make_common_passwords.sh). Call it after CheckPasswordLength; takes up to some 40 ms of CPU for
// a long monotonous password.
absl::Status CheckPasswordStrength(std::string_view name, std::string_view password);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_USERS_H_
