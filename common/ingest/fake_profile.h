#ifndef PLAYLOG_COMMON_INGEST_FAKE_PROFILE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_PROFILE_H_

#include "common/ingest/source.h"

namespace playlog::ingest {

// What a source that is invented for a test says of itself: the codes of the one that it stands
// for, and texts that a test can tell from real ones.
constexpr SourceProfile FakeProfile(songs::v1::Source source) {
  SourceProfile profile{.source = source,
                        .name = "spotify",
                        .key_missing_code = errors::v1::ERROR_CODE_SPOTIFY_KEY_MISSING,
                        .key_missing_text = "No key",
                        .key_missing_detail = "Add one",
                        .failed_text = "It failed",
                        .rejected_code = errors::v1::ERROR_CODE_SPOTIFY_REJECTED,
                        .rejected_detail = "Add another",
                        .unavailable_code = errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE};
  if (source == songs::v1::SOURCE_LASTFM) {
    profile.name = "lastfm";
    profile.key_missing_code = errors::v1::ERROR_CODE_LASTFM_KEY_MISSING;
    profile.rejected_code = errors::v1::ERROR_CODE_LASTFM_REJECTED;
    profile.unavailable_code = errors::v1::ERROR_CODE_LASTFM_UNAVAILABLE;
  }
  return profile;
}

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_PROFILE_H_
