#ifndef PLAYLOG_SERVICES_AUTH_KEY_HEALTH_H_
#define PLAYLOG_SERVICES_AUTH_KEY_HEALTH_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "playlog/auth/v1/api_key_service.pb.h"
#include "playlog/auth/v1/key_vault_service.pb.h"

namespace playlog::auth {

// How a key fares at its service. Pure. Nothing here ever takes a key away.

// A sign-in at Spotify ends so many months after it was made, however often its tokens are
// refreshed.
inline constexpr int kSignInMonths = 6;
// How long before that its owner is told.
inline constexpr absl::Duration kExpiringBefore = absl::Hours(24 * 30);
// A refresh token that is refused once may have been refused by mistake; refused again after so
// long, it was not.
inline constexpr absl::Duration kGrantRejectedAgainAfter = absl::Hours(1);
// A success that follows another so soon is not written down.
inline constexpr absl::Duration kSuccessWrittenAfter = absl::Minutes(5);

// What is kept of a key's use.
struct KeyRecord {
  // KEY_STATE_UNVERIFIED, _OK, _REJECTED or _NEEDS_SIGN_IN.
  v1::KeyState state = v1::KEY_STATE_UNVERIFIED;
  absl::Time since = absl::InfinitePast();
  std::optional<absl::Time> last_success_at = std::nullopt;
  // When the refresh token was first refused, since tokens were last stored.
  std::optional<absl::Time> grant_rejected_at = std::nullopt;

  bool operator==(const KeyRecord&) const = default;
};

// The record of a key that has just been stored.
KeyRecord NewKeyRecord(absl::Time now);

// The record after the key was used. Equal to `record` if nothing need be written.
KeyRecord AfterUse(const KeyRecord& record, v1::KeyOutcome outcome, absl::Time now);

// The record after the accounts service gave new tokens for the old refresh token.
KeyRecord AfterRefresh(const KeyRecord& record, absl::Time now);

// When a sign-in ends: the same day and time of day in kSignInMonths, or the last day of that month
// if it is shorter, in UTC.
absl::Time SignInEndsAt(absl::Time signed_in_at);

// What the owner of a key sees of it.
struct KeyHealth {
  v1::KeyState state = v1::KEY_STATE_UNSPECIFIED;
  absl::Time since = absl::InfinitePast();
  // When the sign-in ends; nothing for a pasted key.
  std::optional<absl::Time> ends_at = std::nullopt;
  // What to do, in words; empty if nothing need be done.
  std::string advice = "";
};

// What a key's health depends on.
struct KeyFacts {
  std::string_view service_name;  // "spotify" or "lastfm"
  bool has_service_user_id = false;
  // When the user signed in at the service; nothing for a pasted key.
  std::optional<absl::Time> signed_in_at = std::nullopt;
  KeyRecord record = {};
};

// A sign-in that ends soon is KEY_STATE_EXPIRING, and one that has ended KEY_STATE_NEEDS_SIGN_IN,
// whatever was last written down.
KeyHealth HealthOf(const KeyFacts& key, absl::Time now);

// The names of the kept states in the database: "unverified", "ok", "rejected", "needs_sign_in".
std::string KeyStateName(v1::KeyState state);
v1::KeyState KeyStateFromName(std::string_view name);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_HEALTH_H_
