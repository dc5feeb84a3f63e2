#ifndef PLAYLOG_TESTS_STANDINS_LASTFM_ERRORS_H_
#define PLAYLOG_TESTS_STANDINS_LASTFM_ERRORS_H_

#include <string_view>

#include "tests/standins/http_message.h"

namespace playlog::standins {

// Last.fm's error of that number. `status` 0 takes the HTTP status in which it usually comes.
Content LastfmError(int number, int status = 0);
Content LastfmError(int number, int status, std::string_view message);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_LASTFM_ERRORS_H_
