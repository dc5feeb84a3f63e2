#include "common/ingest/poll_interval.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace playlog::ingest {
namespace {

// The share of the time since the last play after which an idle user is looked after again.
constexpr double kIdleShare = 0.25;
// Doubling more often than this passes every bound.
constexpr int kMaxDoublings = 30;

struct Peak {
  absl::Duration took;
  absl::Time at;
};

// The time that counts for a peak now.
absl::Duration Faded(const Peak& peak, absl::Time now, const PollOptions& options) {
  const absl::Duration age = std::max(now - peak.at, absl::ZeroDuration());
  const double doublings = absl::FDivDuration(age, options.peak_fades);
  return peak.took * std::exp2(std::min(doublings, double{kMaxDoublings}));
}

// The fastest run of `run` plays, by what counts now; nothing if there are fewer plays.
std::optional<Peak> FastestRun(std::vector<absl::Time> ends, std::size_t run, absl::Time now,
                               const PollOptions& options) {
  std::sort(ends.begin(), ends.end());
  std::optional<Peak> fastest;
  for (std::size_t last = run - 1; last < ends.size(); ++last) {
    // Plays that a device reports late may share one time. What is faster than the shortest pause
    // cannot be heeded, and would take all the longer to fade.
    const Peak peak{std::max(ends[last] - ends[last - (run - 1)], options.shortest), ends[last]};
    if (!fastest.has_value() || Faded(peak, now, options) < Faded(*fastest, now, options)) {
      fastest = peak;
    }
  }
  return fastest;
}

// The longest pause that the window allows.
absl::Duration WindowLimit(const PlayRhythm& rhythm, absl::Time now, const PollOptions& options) {
  if (!options.window.has_value()) return absl::InfiniteDuration();
  if (!rhythm.peak.has_value() || !rhythm.peak_at.has_value()) return options.assumed_peak;
  return Faded({*rhythm.peak, *rhythm.peak_at}, now, options);
}

absl::Duration Shorten(absl::Duration pause, double share, double jitter) {
  return pause * (1.0 - share * jitter);
}

}  // namespace

PlayRhythm Learn(const PlayRhythm& known, std::span<const absl::Time> ends, absl::Time now,
                 const PollOptions& options) {
  PlayRhythm learnt = known;
  for (const absl::Time end : ends) {
    // A clock that is ahead elsewhere is no reason to believe that somebody listens for hours.
    const absl::Time ended = std::min(end, now);
    learnt.newest_play_at = std::max(learnt.newest_play_at.value_or(ended), ended);
  }
  if (!options.window.has_value()) return learnt;
  Peak peak{known.peak.value_or(options.assumed_peak), known.peak_at.value_or(now)};
  const auto half = static_cast<std::size_t>(std::max(*options.window / 2, 2));
  const std::optional<Peak> seen =
      FastestRun(std::vector<absl::Time>(ends.begin(), ends.end()), half, now, options);
  if (seen.has_value() && Faded(*seen, now, options) < Faded(peak, now, options)) peak = *seen;
  learnt.peak = peak.took;
  learnt.peak_at = peak.at;
  return learnt;
}

absl::Duration PauseAfterSuccess(const PlayRhythm& rhythm, absl::Time now, double jitter,
                                 const PollOptions& options) {
  absl::Duration pause = options.longest;
  if (rhythm.newest_play_at.has_value()) {
    const absl::Duration idle = now - *rhythm.newest_play_at;
    pause = idle < options.listening_for ? options.listening
                                         : std::max(options.listening, idle * kIdleShare);
  }
  pause = std::min({pause, options.longest, WindowLimit(rhythm, now, options)});
  return std::max(Shorten(pause, kPollJitter, jitter), options.shortest);
}

absl::Duration PauseAfterFailure(const PlayRhythm& rhythm, absl::Time now, int failures,
                                 double jitter, const PollOptions& options) {
  const int doublings = std::clamp(failures, 1, kMaxDoublings);
  const absl::Duration pause =
      std::min({options.shortest * std::exp2(doublings), options.longest_after_failure,
                WindowLimit(rhythm, now, options)});
  return std::max(Shorten(pause, kFailureJitter, jitter), options.shortest);
}

absl::Duration PauseAfterFinalFailure(double jitter, const PollOptions& options) {
  return Shorten(options.after_final_failure, kFailureJitter, jitter);
}

}  // namespace playlog::ingest
