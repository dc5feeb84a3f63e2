#ifndef PLAYLOG_TESTS_STANDINS_ART_H_
#define PLAYLOG_TESTS_STANDINS_ART_H_

#include <optional>
#include <string>
#include <string_view>

#include "tests/standins/http_message.h"

namespace playlog::standins {

// The path below which album art is drawn. What follows looks as it does at the real servers:
// `image/<width><the album's digits>` at Spotify's, `i/u/<size>/<the album's digits>.jpg` at
// Last.fm's.
inline constexpr std::string_view kArtPath = "/art/";

// Draws the picture of a path below kArtPath, an SVG. The same album has the same picture in every
// size and at both services; the size is that which the path names. Empty for any other path.
std::optional<Content> DrawArt(std::string_view path);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_ART_H_
