#ifndef PLAYLOG_TESTS_STANDINS_ODDITIES_H_
#define PLAYLOG_TESTS_STANDINS_ODDITIES_H_

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/standins/scenario.h"

namespace playlog::standins {

// One change to an item. The patches with one name and variant make up one oddity.
struct Patch {
  std::string name;
  std::string variant;                      // "" for oddities without variants.
  std::string pointer;                      // JSON pointer into the item; "" for the item itself.
  std::optional<boost::json::value> value;  // Without it, what the pointer names is removed.
};

// The oddities of titles and links, which both services share, at that pointer.
void AppendTitlePatches(const std::string& pointer, std::vector<Patch>& patches);
void AppendUrlPatches(const std::string& pointer, std::vector<Patch>& patches);

// Spoils items so that good ones stay around them: the first stays good, then comes one for each
// oddity that the scenario names (one variant, all variants, or "oddities:2", the second 48 of
// all), then a good one; the rest is dropped. A scenario that names no oddity changes nothing.
void SpoilItems(const std::vector<Patch>& patches, const Scenario& scenario,
                boost::json::array& items);

// Whether the scenario names an oddity of the patches, with a variant that exists if any.
bool IsOddity(const std::vector<Patch>& patches, const Scenario& scenario);

// Puts the items into another order: "duplicates", "oldest_first", "shuffled", or "twins", which
// gives the second item the `time_member` of the first. False for other names.
bool Reorder(std::string_view name, std::string_view time_member, boost::json::array& items);

// The names of the oddities, each once, in the order of the table.
std::vector<std::string> NamesOf(const std::vector<Patch>& patches);

std::string Repeated(std::string_view text, std::size_t times);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_ODDITIES_H_
