#ifndef PLAYLOG_TESTS_STANDINS_LIBRARY_H_
#define PLAYLOG_TESTS_STANDINS_LIBRARY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/standins/catalog.h"

namespace playlog::standins {

// All times are milliseconds of Unix time.
std::int64_t NowMs();

struct Play {
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
  std::uint32_t track = 0;
};

// One person's plays, in the order of their ends. Not thread-safe.
class Listener {
 public:
  // `plays` are taken in any order.
  Listener(std::string name, std::vector<Play> plays);

  const std::string& name() const { return name_; }
  const std::vector<Play>& by_end() const { return by_end_; }
  // The same plays in the order of their starts.
  const std::vector<Play>& by_start() const;

  void AddPlay(const Play& play);

  // Whether the listener loves the track; by nature, until SetLoved says otherwise.
  bool Loves(std::uint32_t track) const;
  void SetLoved(std::uint32_t track, bool loved);

  bool now_playing() const { return now_playing_; }
  void set_now_playing(bool now_playing) { now_playing_ = now_playing; }

  // When `Library::Advance` last gave this listener a play.
  std::int64_t live_until_ms = 0;

  // A changed history cannot be made again from the seed, so it is not let go.
  bool changed() const { return changed_; }
  void set_changed() { changed_ = true; }

 private:
  std::string name_;
  std::vector<Play> by_end_;
  mutable std::vector<Play> by_start_;  // Empty until somebody asks, and after a change.
  std::map<std::uint32_t, bool> loved_;
  bool now_playing_ = false;
  bool changed_ = false;
};

// All listeners. A listener is made from the seed and the name when first asked for.
// Not thread-safe.
class Library {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::int64_t history_plays = 1000;
    std::int64_t history_end_ms = 0;
  };

  static constexpr std::int64_t kMaxPlays = 1'000'000;

  explicit Library(const Options& options);

  const Catalog& catalog() const { return catalog_; }
  void set_art_address(std::string address) { catalog_.set_art_address(std::move(address)); }

  // `plays` matters only when the listener is new here. The reference is good until the next
  // call of Find or Replace.
  Listener& Find(const std::string& name, std::optional<std::int64_t> plays = std::nullopt);

  // Gives the listener a new history.
  Listener& Replace(const std::string& name, std::optional<std::int64_t> plays,
                    std::optional<std::int64_t> end_ms);

  // Adds one play of a track that a generated history could hold.
  void AddAnyPlay(Listener& listener, std::int64_t ended_ms);

  // Adds a play of the given words and returns its track.
  std::uint32_t AddPlay(Listener& listener, std::string_view title,
                        const std::vector<std::string>& artists, std::string_view album,
                        std::int64_t duration_ms, std::int64_t ended_ms);

  // The listener finishes one more song every `every_ms` since the first call: adds those due.
  void Advance(Listener& listener, std::int64_t every_ms, std::int64_t now_ms);

  // Forgets one listener, or all.
  void Forget(const std::string& name) { listeners_.erase(name); }
  void ForgetAll() { listeners_.clear(); }

 private:
  std::vector<Play> Generate(const std::string& name, std::int64_t plays,
                             std::int64_t end_ms) const;
  void MakeRoom();

  const Options options_;
  Catalog catalog_;
  std::unordered_map<std::string, Listener> listeners_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_LIBRARY_H_
