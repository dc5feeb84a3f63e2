#ifndef PLAYLOG_TESTS_STANDINS_NAMES_H_
#define PLAYLOG_TESTS_STANDINS_NAMES_H_

#include <span>
#include <string_view>

namespace playlog::standins {

// Invented names in many scripts. Any likeness to an existing artist or song is chance.
std::span<const std::string_view> ArtistNames();
std::span<const std::string_view> AlbumNames();
std::span<const std::string_view> SongTitles();

// Two-letter codes of the countries that the real service lists as its markets.
std::span<const std::string_view> MarketCodes();

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_NAMES_H_
