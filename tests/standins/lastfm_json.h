#ifndef PLAYLOG_TESTS_STANDINS_LASTFM_JSON_H_
#define PLAYLOG_TESTS_STANDINS_LASTFM_JSON_H_

#include <cstdint>
#include <optional>
#include <string>

#include "tests/standins/catalog.h"

namespace playlog::standins {

// One entry of a page of recent tracks. The now-playing one has no start.
struct LastfmEntry {
  std::uint32_t track = 0;
  std::optional<std::int64_t> started_s;
  bool loved = false;
};

// `extended` is the request's parameter: artists with links, and `loved`.
std::string LastfmEntryJson(const Catalog& catalog, const LastfmEntry& entry, bool extended);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_LASTFM_JSON_H_
