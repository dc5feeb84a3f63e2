#include "services/spotify_ingest/replay_listener.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace playlog::spotify_ingest {
namespace {

constexpr int kDays = 30;
constexpr int kDaysBefore = 10;
constexpr int kTracks = 400;
constexpr int kMostInOneReport = 21;
// Some of the late plays come too late to be shown; 1 % of those that are shown are late.
constexpr double kLateShare = 0.0105;

class Listener {
 public:
  Listener(std::uint64_t seed, absl::Time start)
      : generator_(seed), start_(start), activity_(Real(0.2, 1.2)) {}

  std::vector<HeardPlay> Hear() && {
    for (int day = -kDaysBefore; day < kDays; ++day) {
      const int sessions = Whole(0, 3);
      for (int i = 0; i < sessions; ++i) HearSession(start_ + absl::Hours(24 * day));
    }
    HearOffline();
    std::stable_sort(plays_.begin(), plays_.end(), [](const HeardPlay& a, const HeardPlay& b) {
      return a.reported_at < b.reported_at;
    });
    return std::move(plays_);
  }

 private:
  double Real(double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(generator_);
  }
  int Whole(int from, int to) { return std::uniform_int_distribution<int>(from, to)(generator_); }
  bool Chance(double probability) { return Real(0, 1) < probability; }
  absl::Duration Between(absl::Duration from, absl::Duration to) {
    return from + Real(0, 1) * (to - from);
  }

  // A play that ends then, in whole milliseconds.
  HeardPlay Play(int track, absl::Time ended_at) {
    std::int64_t milliseconds = absl::ToUnixMillis(ended_at);
    if (Chance(1.0 / 1300)) milliseconds -= milliseconds % 1000;
    return {.title = absl::StrCat("Track ", track),
            .ended_at = absl::FromUnixMillis(milliseconds),
            .reported_at = absl::InfiniteFuture(),
            .duration_ms = 120'000 + 500 * track};
  }

  void Report(HeardPlay play, absl::Time at) {
    play.reported_at = at;
    plays_.push_back(play);
    if (!Chance(1.0 / 1000)) return;
    play.ended_at += absl::Milliseconds(Whole(1, 900));
    plays_.push_back(std::move(play));
  }

  // How long a play lasts: most are heard to their end, some are left early.
  absl::Duration Listening() {
    return Chance(0.85) ? Between(absl::Seconds(130), absl::Seconds(330))
                        : Between(absl::Seconds(31), absl::Seconds(130));
  }
  // Spotify lists what was heard for half a minute, and a few clips and ends that are shorter.
  absl::Duration Skipping() {
    return Chance(0.85) ? Between(absl::Seconds(30), absl::Seconds(50))
                        : Between(absl::Seconds(9), absl::Seconds(30));
  }

  void HearSession(absl::Time day) {
    const absl::Time begin = day + Between(absl::Hours(6), absl::Hours(23));
    const double kind = Real(0, 1);
    if (kind < 0.05) {
      HearTracks(begin, Between(absl::Minutes(15), absl::Minutes(50)), /*skips=*/true, -1, false);
    } else if (kind < 0.12) {
      HearTracks(begin, Between(absl::Minutes(20), absl::Minutes(90)), false, Whole(1, kTracks),
                 false);
    } else if (kind < 0.17) {
      HearTracks(begin, Between(absl::Minutes(20), absl::Hours(2)), false, -1, /*hidden=*/true);
    } else if (kind < 0.22) {
      // A party: another device plays for the same account.
      HearTracks(begin, absl::Hours(4), false, -1, false);
      HearTracks(begin + absl::Minutes(1), absl::Hours(4), Chance(0.2), -1, false);
    } else {
      HearTracks(begin, Between(absl::Minutes(10), absl::Hours(3)), false, -1, false);
    }
  }

  // `track` again and again, or another track each time if it is negative.
  void HearTracks(absl::Time begin, absl::Duration length, bool skips, int track, bool hidden) {
    for (absl::Time end = begin; end < begin + length * activity_;) {
      end += skips ? Skipping() : Listening();
      const HeardPlay play = Play(track < 0 ? Whole(1, kTracks) : track, end);
      if (hidden) {
        plays_.push_back(play);
      } else {
        Report(play, play.ended_at + Between(absl::Milliseconds(200), absl::Seconds(40)));
      }
    }
  }

  // Lags with the measured median and ninth decile: a log-normal distribution, cut at nine days.
  absl::Duration Lag() {
    const double exponent = std::normal_distribution<double>(0, 1.265)(generator_);
    return std::min(absl::Hours(17) * std::exp(exponent), absl::Hours(9 * 24));
  }

  void HearOffline() {
    const int late =
        std::max(1, static_cast<int>(std::lround(kLateShare * static_cast<double>(plays_.size()))));
    for (int made = 0; made < late;) {
      const int count = Chance(0.5) ? Whole(1, 3) : Whole(4, kMostInOneReport);
      const absl::Time reported_at = start_ + Between(absl::Hours(1), absl::Hours(24 * kDays));
      absl::Time end = reported_at - Lag();
      for (int i = 0; i < count; ++i) {
        end += Listening();
        if (end >= reported_at) break;
        Report(Play(Whole(1, kTracks), end), reported_at);
        ++made;
      }
      if (end >= reported_at) ++made;  // The next lag may be longer.
    }
  }

  std::mt19937_64 generator_;
  const absl::Time start_;
  const double activity_;  // What sessions are stretched by.
  std::vector<HeardPlay> plays_;
};

}  // namespace

std::vector<HeardPlay> HearForAMonth(std::uint64_t seed, absl::Time start) {
  return Listener(seed, start).Hear();
}

}  // namespace playlog::spotify_ingest
