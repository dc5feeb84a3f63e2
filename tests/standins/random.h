#ifndef PLAYLOG_TESTS_STANDINS_RANDOM_H_
#define PLAYLOG_TESTS_STANDINS_RANDOM_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace playlog::standins {

// A small generator (splitmix64) whose numbers are the same on every machine and library, which
// those of <random>'s distributions are not. Not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
  }

  // From 0 to `bound` - 1; `bound` is at least 1.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }

  // From `low` to `high`, both included.
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(high - low + 1)));
  }

  bool OneIn(std::uint64_t count) { return Below(count) == 0; }

  std::string Text(std::string_view alphabet, std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text.push_back(alphabet[Below(alphabet.size())]);
    return text;
  }

 private:
  std::uint64_t state_;
};

// FNV-1a, mixed with the seed.
inline std::uint64_t HashOf(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return Random(hash).Next();
}

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_RANDOM_H_
