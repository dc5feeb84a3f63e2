#ifndef PLAYLOG_TESTS_STANDINS_SPOTIFY_JSON_H_
#define PLAYLOG_TESTS_STANDINS_SPOTIFY_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/standins/catalog.h"

namespace playlog::standins {

// A full track object as an app with extended quota gets it. Made once for each track; the
// reference lives as long as the catalog.
const std::string& SpotifyTrackJson(const Catalog& catalog, std::uint32_t track);

// What a play was started from; `type` is album, playlist or artist.
std::string ContextJson(std::string_view type, std::string_view id);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_SPOTIFY_JSON_H_
