#ifndef PLAYLOG_SERVICES_LASTFM_INGEST_RECENT_TRACKS_H_
#define PLAYLOG_SERVICES_LASTFM_INGEST_RECENT_TRACKS_H_

#include <optional>
#include <string_view>
#include <variant>

#include "absl/time/time.h"
#include "common/ingest/page.h"
#include "playlog/lastfm/v1/lastfm_ingest_service.pb.h"

namespace playlog::lastfm_ingest {

// An error of the Last.fm API, which comes with any HTTP status, 200 included.
struct ApiError {
  int code = 0;
};

// What a body that is neither is.
struct NotAnAnswer {};

// Reads the body of an answer of user.getRecentTracks, plain or with extended=1. A page is taken
// whole or not at all. In a page each entry stands for itself: what is playing now has no date and
// is skipped; an entry without a usable title or time, or with a text that is too long, is
// rejected; every other oddity is read as empty.
std::variant<ingest::Page, ApiError, NotAnAnswer> ParseRecentTracks(std::string_view body,
                                                                    absl::Time now);

// The scrobble as the fetch answers it.
lastfm::v1::LastfmSong ToLastfmSong(const songs::v1::Play& play);

}  // namespace playlog::lastfm_ingest

#endif  // PLAYLOG_SERVICES_LASTFM_INGEST_RECENT_TRACKS_H_
