#ifndef PLAYLOG_TESTS_STANDINS_SPOTIFY_ODDITIES_H_
#define PLAYLOG_TESTS_STANDINS_SPOTIFY_ODDITIES_H_

#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "tests/standins/scenario.h"

namespace playlog::standins {

// The scenarios that spoil a page of recently played tracks, or items of it.
bool IsSpotifyOddity(const Scenario& scenario);
void ApplySpotifyOddity(const Scenario& scenario, boost::json::value& page);
std::vector<std::string> SpotifyOddityNames();

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_SPOTIFY_ODDITIES_H_
