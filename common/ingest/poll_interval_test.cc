#include "common/ingest/poll_interval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace playlog::ingest {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr PollOptions kWindow = WindowPolling(50);

// `count` plays, one after the other, the last of which ends at `last`.
std::vector<absl::Time> Plays(int count, absl::Duration each, absl::Time last) {
  std::vector<absl::Time> ends;
  for (int i = 0; i < count; ++i) ends.push_back(last - i * each);
  return ends;
}

PlayRhythm Learned(const std::vector<absl::Time>& ends, absl::Time now = kNow) {
  return Learn({}, ends, now, kWindow);
}

absl::Duration Pause(const PlayRhythm& rhythm, absl::Time now, double jitter = 0) {
  return PauseAfterSuccess(rhythm, now, jitter, kWindow);
}

TEST(PollInterval, TakesANewUserForOneWhoSkipsFast) {
  EXPECT_EQ(Pause({}, kNow), kWindow.assumed_peak);
  const PlayRhythm rhythm = Learned({});
  EXPECT_EQ(rhythm.newest_play_at, std::nullopt);
  EXPECT_EQ(Pause(rhythm, kNow), kWindow.assumed_peak);
  // 50 plays of 30 seconds fit into no two pauses.
  EXPECT_LE(2 * kWindow.assumed_peak, 50 * absl::Seconds(30));
}

TEST(PollInterval, PausesNeverLongerThanHalfAWindowTookAtThePeak) {
  for (const int seconds : {7, 10, 20, 40, 60, 100}) {
    const std::vector<absl::Time> spree = Plays(30, absl::Seconds(seconds), kNow);
    const PlayRhythm rhythm = Learned(spree);
    for (const auto since : {absl::Minutes(1), absl::Hours(1), absl::Hours(10)}) {
      for (const double jitter : {0.0, 0.5, 0.99}) {
        EXPECT_LE(Pause(rhythm, kNow + since, jitter), 25 * absl::Seconds(seconds) * 1.1)
            << seconds << " s a play, after " << since;
      }
    }
  }
}

TEST(PollInterval, LooksForThePeakAnywhereOnThePageAndInAnyOrder) {
  std::vector<absl::Time> ends = Plays(13, absl::Minutes(4), kNow);
  const std::vector<absl::Time> spree = Plays(25, absl::Seconds(15), kNow - absl::Hours(20));
  ends.insert(ends.begin() + 5, spree.begin(), spree.end());
  const PlayRhythm rhythm = Learned(ends);
  EXPECT_EQ(rhythm.peak, 24 * absl::Seconds(15));
  EXPECT_EQ(rhythm.peak_at, kNow - absl::Hours(20));
  EXPECT_EQ(rhythm.newest_play_at, kNow);
}

TEST(PollInterval, NeedsHalfAWindowOfPlaysToKnowAPeak) {
  EXPECT_EQ(Learned(Plays(24, absl::Seconds(15), kNow)).peak, kWindow.assumed_peak);
  EXPECT_EQ(Learned(Plays(25, absl::Seconds(15), kNow)).peak, 24 * absl::Seconds(15));
}

TEST(PollInterval, LearnsNothingFromTheSamePageAgain) {
  const std::vector<absl::Time> ends = Plays(50, absl::Seconds(20), kNow);
  const PlayRhythm once = Learned(ends);
  for (const auto later : {absl::Minutes(1), absl::Hours(24 * 40)}) {
    EXPECT_EQ(Learn(once, ends, kNow + later, kWindow), once);
  }
}

TEST(PollInterval, ForgetsAPeakSlowly) {
  PlayRhythm rhythm = Learned(Plays(25, absl::Seconds(20), kNow));
  EXPECT_EQ(Pause(rhythm, kNow + absl::Hours(24)), 24 * absl::Seconds(20) * std::exp2(1.0 / 28));
  EXPECT_EQ(Pause(rhythm, kNow + 2 * kWindow.peak_fades), 4 * 24 * absl::Seconds(20));
  // A slower peak counts once the faster one has faded below it.
  const absl::Time later = kNow + 2 * kWindow.peak_fades;
  const std::vector<absl::Time> slower = Plays(25, absl::Seconds(60), later);
  rhythm = Learn(rhythm, slower, later, kWindow);
  EXPECT_EQ(rhythm.peak, 24 * absl::Seconds(60));
  EXPECT_EQ(Pause(rhythm, kNow + 400 * kWindow.peak_fades), kWindow.longest);
}

TEST(PollInterval, HeedsNoPeakThatIsFasterThanTheShortestPause) {
  // A device that was offline may report many plays with one time.
  const PlayRhythm rhythm = Learned(Plays(50, absl::ZeroDuration(), kNow));
  EXPECT_EQ(rhythm.peak, kWindow.shortest);
  EXPECT_EQ(Pause(rhythm, kNow), kWindow.shortest);
  EXPECT_EQ(Pause(rhythm, kNow, 0.99), kWindow.shortest);
  EXPECT_EQ(Pause(rhythm, kNow + 6 * kWindow.peak_fades), kWindow.longest);
}

TEST(PollInterval, IsShortWhileSomebodyListensAndGrowsWhenIdle) {
  const PlayRhythm rhythm = Learned(Plays(50, absl::Minutes(4), kNow));
  ASSERT_EQ(rhythm.peak, kWindow.assumed_peak);
  PlayRhythm calm = rhythm;
  calm.peak = absl::Hours(5);
  EXPECT_EQ(Pause(calm, kNow), kWindow.listening);
  EXPECT_EQ(Pause(calm, kNow + absl::Minutes(14)), kWindow.listening);
  EXPECT_EQ(Pause(calm, kNow + absl::Minutes(16)), kWindow.listening);
  EXPECT_EQ(Pause(calm, kNow + absl::Hours(2)), absl::Minutes(30));
  EXPECT_EQ(Pause(calm, kNow + absl::Hours(50)), kWindow.longest);
}

TEST(PollInterval, BelievesNoPlayThatEndsAfterNow) {
  const PlayRhythm rhythm = Learned({kNow + absl::Hours(20), kNow - absl::Hours(1)});
  EXPECT_EQ(rhythm.newest_play_at, kNow);
  EXPECT_EQ(Learn(rhythm, {}, kNow + absl::Hours(1), kWindow).newest_play_at, kNow);
}

TEST(PollInterval, StaysWellInsideTheBudget) {
  // Whoever plays as fast as can be, with the strongest jitter, for an hour.
  absl::Time now = kNow;
  PlayRhythm rhythm;
  int requests = 0;
  for (; now < kNow + absl::Hours(1); ++requests) {
    rhythm = Learn(rhythm, Plays(50, absl::Seconds(1), now), now, kWindow);
    now += Pause(rhythm, now, 0.999);
  }
  EXPECT_LE(requests, 30);
}

TEST(PollInterval, SpreadsUsersByAFifth) {
  PlayRhythm rhythm = Learned({kNow});
  EXPECT_EQ(Pause(rhythm, kNow, 0), absl::Minutes(5));
  EXPECT_EQ(Pause(rhythm, kNow, 0.5), absl::Minutes(4.5));
}

TEST(PollInterval, BacksOffAfterFailuresWithinWhatTheWindowAllows) {
  PlayRhythm calm = Learned({kNow});
  calm.peak = absl::Hours(5);
  const auto pause = [&](int failures, double jitter) {
    return PauseAfterFailure(calm, kNow, failures, jitter, kWindow);
  };
  EXPECT_EQ(pause(1, 0), absl::Minutes(4));
  EXPECT_EQ(pause(1, 0.5), absl::Minutes(3));
  EXPECT_EQ(pause(2, 0), absl::Minutes(8));
  EXPECT_EQ(pause(4, 0), kWindow.longest_after_failure);
  EXPECT_EQ(pause(1'000'000, 0), kWindow.longest_after_failure);
  calm.peak = absl::Minutes(6);
  EXPECT_EQ(pause(9, 0), absl::Minutes(6));
  EXPECT_EQ(pause(9, 0.99), absl::Minutes(6) * (1 - 0.99 / 2));
}

TEST(PollInterval, TriesRarelyWhereTheUserHasToAct) {
  EXPECT_EQ(PauseAfterFinalFailure(0, kWindow), absl::Hours(12));
  EXPECT_EQ(PauseAfterFinalFailure(0.5, kWindow), absl::Hours(9));
}

TEST(PollInterval, KnowsNoPeakWhereTheSourceShowsEverything) {
  const PollOptions anchored = AnchoredPolling();
  const PlayRhythm rhythm = Learn({}, Plays(200, absl::Seconds(1), kNow), kNow, anchored);
  EXPECT_EQ(rhythm.peak, std::nullopt);
  EXPECT_EQ(rhythm.newest_play_at, kNow);
  EXPECT_EQ(PauseAfterSuccess(rhythm, kNow, 0, anchored), anchored.listening);
  EXPECT_EQ(PauseAfterSuccess(rhythm, kNow + absl::Hours(9), 0, anchored), anchored.longest);
  EXPECT_EQ(PauseAfterSuccess({}, kNow, 0, anchored), anchored.longest);
}

}  // namespace
}  // namespace playlog::ingest
