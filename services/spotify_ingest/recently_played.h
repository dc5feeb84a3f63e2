#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_RECENTLY_PLAYED_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_RECENTLY_PLAYED_H_

#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "common/ingest/page.h"
#include "playlog/spotify/v1/spotify_ingest_service.pb.h"

namespace playlog::spotify_ingest {

// Reads the body of an answer of GET /v1/me/player/recently-played. A page is taken whole or not at
// all: nothing is returned unless it is JSON with a list of items. In a page each item stands for
// itself: one without a usable title or time, or with a text that is too long, is rejected; every
// other oddity is read as empty.
std::optional<ingest::Page> ParseRecentlyPlayed(std::string_view body, absl::Time now);

// The play as the fetch answers it.
spotify::v1::SpotifySong ToSpotifySong(const songs::v1::Play& play);

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_RECENTLY_PLAYED_H_
