#ifndef PLAYLOG_TESTS_STANDINS_LASTFM_ODDITIES_H_
#define PLAYLOG_TESTS_STANDINS_LASTFM_ODDITIES_H_

#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "tests/standins/scenario.h"

namespace playlog::standins {

// The scenarios that spoil a page of recent tracks, or items of it.
bool IsLastfmOddity(const Scenario& scenario);
void ApplyLastfmOddity(const Scenario& scenario, boost::json::value& page);
std::vector<std::string> LastfmOddityNames();

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_LASTFM_ODDITIES_H_
