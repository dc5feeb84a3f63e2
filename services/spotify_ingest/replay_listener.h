#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_REPLAY_LISTENER_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_REPLAY_LISTENER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

// For the replay test alone.
namespace playlog::spotify_ingest {

// One play of a simulated listener.
struct HeardPlay {
  std::string title;  // Each play of a track has the track's title.
  absl::Time ended_at;
  // When Spotify learns of it; the infinite future for one of a private session.
  absl::Time reported_at;
  int duration_ms = 0;

  bool IsPrivate() const { return reported_at == absl::InfiniteFuture(); }
  bool IsLate() const { return !IsPrivate() && reported_at - ended_at > absl::Hours(1); }
};

// What somebody hears in 30 days from `start` on, and in the ten days before, in the order of the
// reports. Made of sessions as people have them: albums and evenings, one track again and again,
// sprees of skipping, private sessions, two devices at once, and an offline device whose plays are
// reported together hours or days late. Rates and lags are those that were measured on four years
// of one user's polls: 1 % of the plays late, by 17 hours at the median, 86 at the ninth decile and
// nine days at most, up to 21 in one report; a millisecond fraction that is zero for one in 1,300;
// the same track twice within a second for one in 1,000. The same seed gives the same month.
std::vector<HeardPlay> HearForAMonth(std::uint64_t seed, absl::Time start);

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_REPLAY_LISTENER_H_
