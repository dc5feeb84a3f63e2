#ifndef PLAYLOG_COMMON_INGEST_POLL_INTERVAL_H_
#define PLAYLOG_COMMON_INGEST_POLL_INTERVAL_H_

#include <optional>
#include <span>

#include "absl/time/time.h"

// How long to wait before a user's plays are fetched again. A model without clock, chance or I/O:
// the caller brings the time and a number for the jitter.
//
// A source like Spotify shows a window, the 50 plays that ended last. A play that has come and gone
// between two looks is lost, so the pause must be shorter than 50 plays take. The model keeps the
// shortest time in which a user ever ended half a window of plays, the peak, and never pauses for
// longer. So at the observed peak
//   * two pauses in a row, with the look between them missed, pass at most 50 plays;
//   * a device that reports up to half a window of late plays at once pushes nothing out that was
//     not seen: the largest such report on record was 21 plays.
//
// How somebody will play tomorrow is not known, so two things stand in for it. A user of whom
// nothing is known is taken for one who skips as fast as Spotify counts at all, a play in 30 s. And
// a peak is forgotten slowly: the time it took doubles every four weeks, so that one wild
// evening does not cost requests for ever, and a calm month has to pass before pauses get long.
//
// Within that bound it is a matter of freshness and of cost. While somebody listens, plays should
// appear within minutes. That also catches late plays that show up near the window's end, where a
// few new plays push them out: of 1,000 simulated months with 1.2 million plays (the listener of
// services/spotify_ingest/replay_test.cc), 990 lost nothing, and the others 24 plays in all. Each
// of those was late, and was shown for less than one pause: nobody who looks at intervals finds it.
// Who has stopped is looked after at a quarter of the time since the last play, up to an hour.
//
// The budget is 100 requests in any hour. The shortest pause, two minutes, takes 30 of them, which
// leaves the rest to the user's own fetches and to repeats after failures.
//
// A source whose whole history can be asked for in anchored spans, like Last.fm, has no window:
// nothing gets lost there, and freshness and cost alone count.
namespace playlog::ingest {

struct PollOptions {
  // The plays that the source shows; nothing if it shows all of them.
  std::optional<int> window;
  // The time for half a window that is assumed of a user of whom nothing is known.
  absl::Duration assumed_peak = absl::Seconds(750);
  // The time that a peak took is taken for twice as long after each of these.
  absl::Duration peak_fades = absl::Hours(28 * 24);
  // The pause while somebody listens: a play ended less than `listening_for` ago.
  absl::Duration listening = absl::Minutes(5);
  absl::Duration listening_for = absl::Minutes(15);
  // The pause's bounds, whatever was observed.
  absl::Duration shortest = absl::Minutes(2);
  absl::Duration longest = absl::Hours(1);
  // The longest pause after failures that may pass by themselves.
  absl::Duration longest_after_failure = absl::Minutes(30);
  // The pause after one that needs the user to act. A new key begins anew at once.
  absl::Duration after_final_failure = absl::Hours(12);
};

// The part of a pause that jitter takes away at most, so that users who came together spread out;
// and after failures, which an outage gives to everybody at once.
inline constexpr double kPollJitter = 0.2;
inline constexpr double kFailureJitter = 0.5;

// For a source that shows its newest plays alone, and for one that can be asked for any span.
constexpr PollOptions WindowPolling(int window) { return {.window = window}; }
inline PollOptions AnchoredPolling() {
  return {.window = std::nullopt, .listening_for = absl::Hours(1)};
}

// What is known of how a user plays at a source. Each member is a column of the schedule, NULL
// where nothing is known.
struct PlayRhythm {
  // The fastest half window that counts now: how long it took, in milliseconds (bigint, above 0) …
  std::optional<absl::Duration> peak;
  // … and when it ended, from which it fades (timestamptz). Set if and only if `peak` is.
  std::optional<absl::Time> peak_at;
  // When the newest play ended (timestamptz).
  std::optional<absl::Time> newest_play_at;

  bool operator==(const PlayRhythm&) const = default;
};

// What is known after a look that brought plays of these end times, in any order. Looking again at
// the same plays changes nothing.
PlayRhythm Learn(const PlayRhythm& known, std::span<const absl::Time> ends, absl::Time now,
                 const PollOptions& options);

// The pause after a successful look. `jitter` is from [0, 1).
absl::Duration PauseAfterSuccess(const PlayRhythm& rhythm, absl::Time now, double jitter,
                                 const PollOptions& options);

// The pause after the `failures`th failure in a row, counted from 1. It doubles from twice the
// shortest pause on, but stays within what the peak allows while the window runs out. Whoever has
// been told a time by the source (Retry-After) waits for the later of the two.
absl::Duration PauseAfterFailure(const PlayRhythm& rhythm, absl::Time now, int failures,
                                 double jitter, const PollOptions& options);

// The pause after a failure that the user has to do something about, like a refused key.
absl::Duration PauseAfterFinalFailure(double jitter, const PollOptions& options);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_POLL_INTERVAL_H_
