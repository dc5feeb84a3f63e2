#ifndef PLAYLOG_COMMON_TESTING_MUTATION_H_
#define PLAYLOG_COMMON_TESTING_MUTATION_H_

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace playlog::testing {

// Returns the text spoilt in 1 to 8 places: bits flipped, bytes removed, repeated, or replaced by
// fragments that parsers find hard. The same for the same generator.
inline std::string Mutate(std::string text, std::mt19937_64& generator) {
  static constexpr std::string_view kFragments[] = {
      "\"",      "{",       "}",     "[",
      "]",       ",",       ":",     "null",
      "true",    "-1",      "1e999", "99999999999999999999",
      "\\u0000", "\\ud800", "\xFF",  "\"\"",
      "[]",      "{}",      "\\",    std::string_view("\0", 1)};
  const auto below = [&generator](std::size_t limit) { return generator() % limit; };
  for (std::size_t times = 1 + below(8); times > 0 && !text.empty(); --times) {
    const std::size_t place = below(text.size());
    const std::size_t length = 1 + below(16);
    switch (below(4)) {
      case 0:
        text[place] = static_cast<char>(static_cast<unsigned char>(text[place]) ^ (1U << below(8)));
        break;
      case 1:
        text.erase(place, length);
        break;
      case 2:
        text.insert(place, text.substr(place, length));
        break;
      default:
        text.replace(place, length, kFragments[below(std::size(kFragments))]);
        break;
    }
  }
  return text;
}

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_MUTATION_H_
