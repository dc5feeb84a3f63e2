#include "services/auth/key_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/civil_time.h"

namespace playlog::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

KeyRecord Accepted(const KeyRecord& record, absl::Time now) {
  return AfterUse(record, v1::KEY_OUTCOME_ACCEPTED, now);
}
KeyRecord Rejected(const KeyRecord& record, absl::Time now) {
  return AfterUse(record, v1::KEY_OUTCOME_REJECTED, now);
}
KeyRecord GrantRejected(const KeyRecord& record, absl::Time now) {
  return AfterUse(record, v1::KEY_OUTCOME_GRANT_REJECTED, now);
}

absl::Time Utc(int year, int month, int day, int hour = 0) {
  return absl::FromCivil(absl::CivilHour(year, month, day, hour), absl::UTCTimeZone());
}

TEST(KeyRecord, OfANewKeyIsUnverified) {
  const KeyRecord record = NewKeyRecord(kNow);
  EXPECT_EQ(record.state, v1::KEY_STATE_UNVERIFIED);
  EXPECT_EQ(record.since, kNow);
  EXPECT_EQ(record.last_success_at, std::nullopt);
  EXPECT_EQ(record.grant_rejected_at, std::nullopt);
}

TEST(KeyRecord, IsOkFromTheFirstSuccessOn) {
  const KeyRecord first = Accepted(NewKeyRecord(kNow), kNow + absl::Seconds(1));
  EXPECT_EQ(first.state, v1::KEY_STATE_OK);
  EXPECT_EQ(first.since, kNow + absl::Seconds(1));
  const KeyRecord later = Accepted(first, kNow + absl::Hours(1));
  EXPECT_EQ(later.since, first.since);
  EXPECT_THAT(later.last_success_at, Optional(kNow + absl::Hours(1)));
}

TEST(KeyRecord, WritesNoSuccessThatFollowsAnotherSoon) {
  const KeyRecord record = Accepted(NewKeyRecord(kNow), kNow);
  EXPECT_EQ(Accepted(record, kNow + absl::Minutes(5) - absl::Microseconds(1)), record);
  EXPECT_NE(Accepted(record, kNow + absl::Minutes(5)), record);
  // A clock that was set back does not stop the writing.
  EXPECT_NE(Accepted(record, kNow - absl::Hours(1)), record);
}

TEST(KeyRecord, IsRejectedAndOkAgain) {
  const KeyRecord ok = Accepted(NewKeyRecord(kNow), kNow);
  const KeyRecord rejected = Rejected(ok, kNow + absl::Seconds(1));
  EXPECT_EQ(rejected.state, v1::KEY_STATE_REJECTED);
  EXPECT_EQ(rejected.since, kNow + absl::Seconds(1));
  EXPECT_THAT(rejected.last_success_at, Optional(kNow));
  EXPECT_EQ(Rejected(rejected, kNow + absl::Seconds(2)), rejected);
  const KeyRecord again = Accepted(rejected, kNow + absl::Seconds(3));
  EXPECT_EQ(again.state, v1::KEY_STATE_OK);
  EXPECT_THAT(again.last_success_at, Optional(kNow + absl::Seconds(3)));
}

TEST(KeyRecord, NeedsASignInOnlyWhenTheGrantIsRefusedAgainAnHourLater) {
  const KeyRecord first = GrantRejected(Accepted(NewKeyRecord(kNow), kNow), kNow);
  EXPECT_EQ(first.state, v1::KEY_STATE_REJECTED);
  EXPECT_THAT(first.grant_rejected_at, Optional(kNow));
  const KeyRecord soon = GrantRejected(first, kNow + absl::Hours(1) - absl::Microseconds(1));
  EXPECT_EQ(soon, first);
  const KeyRecord later = GrantRejected(soon, kNow + absl::Hours(1));
  EXPECT_EQ(later.state, v1::KEY_STATE_NEEDS_SIGN_IN);
  EXPECT_EQ(later.since, kNow + absl::Hours(1));
  EXPECT_EQ(GrantRejected(later, kNow + absl::Hours(2)), later);
  EXPECT_EQ(Rejected(later, kNow + absl::Hours(2)), later);
}

TEST(KeyRecord, StartsAnewWhenTheGrantGivesNewTokens) {
  const KeyRecord rejected = GrantRejected(NewKeyRecord(kNow), kNow);
  const KeyRecord refreshed = AfterRefresh(rejected, kNow + absl::Minutes(30));
  EXPECT_EQ(refreshed.state, v1::KEY_STATE_UNVERIFIED);
  EXPECT_EQ(refreshed.grant_rejected_at, std::nullopt);
  EXPECT_EQ(GrantRejected(refreshed, kNow + absl::Hours(2)).state, v1::KEY_STATE_REJECTED);
}

TEST(KeyRecord, StaysOkOverARefresh) {
  const KeyRecord ok = Accepted(NewKeyRecord(kNow), kNow);
  EXPECT_EQ(AfterRefresh(ok, kNow + absl::Hours(1)), ok);
}

TEST(SignIn, EndsAfterSixMonths) {
  EXPECT_EQ(SignInEndsAt(Utc(2026, 1, 15, 10)), Utc(2026, 7, 15, 10));
  EXPECT_EQ(SignInEndsAt(Utc(2026, 8, 31)), Utc(2027, 2, 28));
  EXPECT_EQ(SignInEndsAt(Utc(2027, 8, 30)), Utc(2028, 2, 29));
  EXPECT_EQ(SignInEndsAt(Utc(2026, 10, 31)), Utc(2027, 4, 30));
  EXPECT_EQ(SignInEndsAt(Utc(2026, 1, 15) + absl::Microseconds(7)),
            Utc(2026, 7, 15) + absl::Microseconds(7));
}

KeyFacts SignInOf(absl::Time signed_in_at) {
  return {.service_name = "spotify",
          .signed_in_at = signed_in_at,
          .record = Accepted(NewKeyRecord(signed_in_at), signed_in_at)};
}

TEST(KeyHealth, OfASignInExpiresAndEnds) {
  const KeyFacts key = SignInOf(Utc(2026, 1, 15));
  const absl::Time end = Utc(2026, 7, 15);
  const absl::Time warned = end - absl::Hours(24 * 30);
  const KeyHealth ok = HealthOf(key, warned - absl::Microseconds(1));
  EXPECT_EQ(ok.state, v1::KEY_STATE_OK);
  EXPECT_EQ(ok.since, Utc(2026, 1, 15));
  EXPECT_THAT(ok.ends_at, Optional(end));
  EXPECT_THAT(ok.advice, IsEmpty());
  const KeyHealth expiring = HealthOf(key, warned);
  EXPECT_EQ(expiring.state, v1::KEY_STATE_EXPIRING);
  EXPECT_EQ(expiring.since, warned);
  EXPECT_THAT(expiring.advice, HasSubstr("2026-07-15"));
  const KeyHealth ended = HealthOf(key, end);
  EXPECT_EQ(ended.state, v1::KEY_STATE_NEEDS_SIGN_IN);
  EXPECT_EQ(ended.since, end);
}

TEST(KeyHealth, OfASignInThatEndsSoonIsStillRejected) {
  KeyFacts key = SignInOf(Utc(2026, 1, 15));
  key.record = Rejected(key.record, Utc(2026, 7, 1));
  EXPECT_EQ(HealthOf(key, Utc(2026, 7, 2)).state, v1::KEY_STATE_REJECTED);
  EXPECT_EQ(HealthOf(key, Utc(2026, 7, 2)).since, Utc(2026, 7, 1));
}

TEST(KeyHealth, OfAPastedKeyNeverExpires) {
  const KeyFacts key{.service_name = "spotify", .record = Accepted(NewKeyRecord(kNow), kNow)};
  const KeyHealth health = HealthOf(key, kNow + absl::Hours(24 * 3650));
  EXPECT_EQ(health.state, v1::KEY_STATE_OK);
  EXPECT_EQ(health.ends_at, std::nullopt);
}

TEST(KeyHealth, SaysInWordsWhatToDoUnlessAllIsWell) {
  for (const auto state : {v1::KEY_STATE_UNVERIFIED, v1::KEY_STATE_OK, v1::KEY_STATE_REJECTED,
                           v1::KEY_STATE_NEEDS_SIGN_IN}) {
    KeyFacts sign_in{.service_name = "spotify", .signed_in_at = kNow, .record = {state, kNow}};
    KeyFacts pasted{.service_name = "spotify", .record = {state, kNow}};
    KeyFacts lastfm{.service_name = "lastfm", .has_service_user_id = true, .record = {state, kNow}};
    for (const KeyFacts& key : {sign_in, pasted, lastfm}) {
      const std::string advice = HealthOf(key, kNow).advice;
      EXPECT_EQ(advice.empty(), state == v1::KEY_STATE_OK) << advice;
      EXPECT_TRUE(advice.empty() || advice.ends_with('.')) << advice;
    }
    EXPECT_THAT(HealthOf(lastfm, kNow).advice, Not(HasSubstr("Spotify")));
    EXPECT_THAT(HealthOf(pasted, kNow).advice, Not(HasSubstr("Last.fm")));
    KeyFacts without_name{.service_name = "lastfm", .record = {state, kNow}};
    EXPECT_THAT(HealthOf(without_name, kNow).advice, HasSubstr("service_user_id"));
  }
}

TEST(KeyState, HasANameInTheDatabase) {
  EXPECT_EQ(KeyStateName(v1::KEY_STATE_NEEDS_SIGN_IN), "needs_sign_in");
  for (const auto state : {v1::KEY_STATE_UNVERIFIED, v1::KEY_STATE_OK, v1::KEY_STATE_REJECTED,
                           v1::KEY_STATE_NEEDS_SIGN_IN}) {
    EXPECT_EQ(KeyStateFromName(KeyStateName(state)), state);
  }
  EXPECT_EQ(KeyStateFromName("lost"), v1::KEY_STATE_UNSPECIFIED);
}

}  // namespace
}  // namespace playlog::auth
