#include "services/auth/key_health.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace playlog::auth {
namespace {

constexpr std::string_view kStatePrefix = "KEY_STATE_";
constexpr std::string_view kLastfm = "lastfm";

std::string DateOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone());
}

std::string AdviceForLastfm(const KeyFacts& key, v1::KeyState state) {
  if (!key.has_service_user_id) {
    return "Store the key again with service_user_id, your Last.fm username: fetching needs it.";
  }
  switch (state) {
    case v1::KEY_STATE_REJECTED:
    case v1::KEY_STATE_NEEDS_SIGN_IN:
      return "Last.fm refused the key or the username when it was last used. Check both at "
             "https://www.last.fm/api/accounts and store them again.";
    case v1::KEY_STATE_UNVERIFIED:
      return "Last.fm has not yet said whether it takes the key. The next fetch tells.";
    default:
      return "";
  }
}

std::string AdviceForPastedToken(v1::KeyState state) {
  switch (state) {
    case v1::KEY_STATE_REJECTED:
    case v1::KEY_STATE_NEEDS_SIGN_IN:
      return "Spotify refused the token when it was last used; a pasted token lasts an hour. Store "
             "a new one, or connect Spotify (/users/spotify/connect/), which lasts.";
    case v1::KEY_STATE_UNVERIFIED:
      return "Spotify has not yet said whether it takes the token. The next fetch tells.";
    default:
      return "";
  }
}

std::string AdviceForSignIn(v1::KeyState state, absl::Time ends_at) {
  switch (state) {
    case v1::KEY_STATE_EXPIRING:
      return absl::StrCat("The sign-in at Spotify ends on ", DateOf(ends_at),
                          ". Connect Spotify again before then (/users/spotify/connect/).");
    case v1::KEY_STATE_NEEDS_SIGN_IN:
      return "The sign-in at Spotify has ended. Connect Spotify again (/users/spotify/connect/).";
    case v1::KEY_STATE_REJECTED:
      return "Spotify refused the sign-in when it was last used. Playlog tries it again; if this "
             "stays for over an hour, connect Spotify again (/users/spotify/connect/).";
    case v1::KEY_STATE_UNVERIFIED:
      return "Spotify has not yet said whether it takes the sign-in. The next fetch tells.";
    default:
      return "";
  }
}

std::string AdviceFor(const KeyFacts& key, const KeyHealth& health) {
  if (key.service_name == kLastfm) return AdviceForLastfm(key, health.state);
  if (!health.ends_at.has_value()) return AdviceForPastedToken(health.state);
  return AdviceForSignIn(health.state, *health.ends_at);
}

KeyRecord In(KeyRecord record, v1::KeyState state, absl::Time now) {
  if (record.state != state) record.since = now;
  record.state = state;
  return record;
}

KeyRecord AfterSuccess(const KeyRecord& record, absl::Time now) {
  const bool fresh = record.last_success_at.has_value() &&
                     now - *record.last_success_at < kSuccessWrittenAfter &&
                     now >= *record.last_success_at;
  if (record.state == v1::KEY_STATE_OK && fresh) return record;
  KeyRecord next = In(record, v1::KEY_STATE_OK, now);
  next.last_success_at = now;
  return next;
}

KeyRecord AfterRejection(const KeyRecord& record, absl::Time now) {
  // What needs a new sign-in is rejected until then.
  if (record.state == v1::KEY_STATE_NEEDS_SIGN_IN) return record;
  return In(record, v1::KEY_STATE_REJECTED, now);
}

KeyRecord AfterGrantRejection(const KeyRecord& record, absl::Time now) {
  if (!record.grant_rejected_at.has_value()) {
    KeyRecord next = AfterRejection(record, now);
    next.grant_rejected_at = now;
    return next;
  }
  if (now - *record.grant_rejected_at < kGrantRejectedAgainAfter)
    return AfterRejection(record, now);
  return In(record, v1::KEY_STATE_NEEDS_SIGN_IN, now);
}

}  // namespace

KeyRecord NewKeyRecord(absl::Time now) { return {.state = v1::KEY_STATE_UNVERIFIED, .since = now}; }

KeyRecord AfterUse(const KeyRecord& record, v1::KeyOutcome outcome, absl::Time now) {
  switch (outcome) {
    case v1::KEY_OUTCOME_ACCEPTED:
      return AfterSuccess(record, now);
    case v1::KEY_OUTCOME_REJECTED:
      return AfterRejection(record, now);
    case v1::KEY_OUTCOME_GRANT_REJECTED:
      return AfterGrantRejection(record, now);
    default:
      return record;
  }
}

KeyRecord AfterRefresh(const KeyRecord& record, absl::Time now) {
  KeyRecord next = record;
  next.grant_rejected_at.reset();
  // The new tokens may well be good where the old ones were not.
  if (record.state != v1::KEY_STATE_OK) next = In(next, v1::KEY_STATE_UNVERIFIED, now);
  return next;
}

absl::Time SignInEndsAt(absl::Time signed_in_at) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::CivilSecond start = absl::ToCivilSecond(signed_in_at, utc);
  const absl::CivilMonth month = absl::CivilMonth(start) + kSignInMonths;
  const int days = static_cast<int>(absl::CivilDay(month + 1) - absl::CivilDay(month));
  const absl::CivilSecond end(month.year(), month.month(), std::min(start.day(), days),
                              start.hour(), start.minute(), start.second());
  return absl::FromCivil(end, utc) + (signed_in_at - absl::FromCivil(start, utc));
}

KeyHealth HealthOf(const KeyFacts& key, absl::Time now) {
  KeyHealth health{.state = key.record.state, .since = key.record.since};
  if (key.signed_in_at.has_value()) {
    const absl::Time ends_at = SignInEndsAt(*key.signed_in_at);
    health.ends_at = ends_at;
    if (now >= ends_at && health.state != v1::KEY_STATE_NEEDS_SIGN_IN) {
      health.state = v1::KEY_STATE_NEEDS_SIGN_IN;
      health.since = ends_at;
    } else if (now >= ends_at - kExpiringBefore && health.state == v1::KEY_STATE_OK) {
      health.state = v1::KEY_STATE_EXPIRING;
      health.since = std::max(health.since, ends_at - kExpiringBefore);
    }
  }
  health.advice = AdviceFor(key, health);
  return health;
}

std::string KeyStateName(v1::KeyState state) {
  return absl::AsciiStrToLower(v1::KeyState_Name(state).substr(kStatePrefix.size()));
}

v1::KeyState KeyStateFromName(std::string_view name) {
  v1::KeyState state = v1::KEY_STATE_UNSPECIFIED;
  v1::KeyState_Parse(absl::AsciiStrToUpper(std::string(kStatePrefix) + std::string(name)), &state);
  return state;
}

}  // namespace playlog::auth
