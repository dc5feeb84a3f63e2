#include "tests/standins/library.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace playlog::standins {
namespace {

// An ordinary history of 1,000 plays takes 48 KB, both orders together; beyond this many listeners
// those that can be made again are let go.
constexpr std::size_t kMaxListeners = 4096;
constexpr std::int64_t kMostCatchUpPlays = 1000;

bool EndsBefore(const Play& left, const Play& right) { return left.ended_ms < right.ended_ms; }
bool StartsBefore(const Play& left, const Play& right) {
  return left.started_ms < right.started_ms;
}

// What a person has on repeat: a few dozen of the catalog's tracks.
std::vector<std::uint32_t> TasteOf(Random& random, std::uint32_t track_count) {
  std::vector<std::uint32_t> taste;
  const std::int64_t count = random.Between(60, 200);
  for (std::int64_t i = 0; i < count; ++i) {
    taste.push_back(static_cast<std::uint32_t>(random.Below(track_count)));
  }
  return taste;
}

// The silence before a play: mostly none, sometimes a break, sometimes a night.
std::int64_t GapMs(Random& random) {
  if (random.OneIn(14)) return random.Between(1, 14) * 3'600'000 + random.Between(0, 3'599'999);
  if (random.OneIn(9)) return random.Between(20'000, 900'000);
  return random.Between(0, 1'800);
}

// How long a play of a track really took: mostly its duration, sometimes with a pause or a skip.
std::int64_t ElapsedMs(Random& random, std::int64_t duration_ms) {
  if (random.OneIn(12)) return duration_ms + random.Between(5'000, 240'000);
  if (random.OneIn(20)) return duration_ms * random.Between(55, 95) / 100;
  return duration_ms + random.Between(0, 400);
}

}  // namespace

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Listener::Listener(std::string name, std::vector<Play> plays)
    : name_(std::move(name)), by_end_(std::move(plays)), now_playing_(name_ == "demo") {
  std::stable_sort(by_end_.begin(), by_end_.end(), EndsBefore);
}

const std::vector<Play>& Listener::by_start() const {
  if (by_start_.size() != by_end_.size()) {
    by_start_ = by_end_;
    std::stable_sort(by_start_.begin(), by_start_.end(), StartsBefore);
  }
  return by_start_;
}

void Listener::AddPlay(const Play& play) {
  by_end_.insert(std::upper_bound(by_end_.begin(), by_end_.end(), play, EndsBefore), play);
  by_start_.clear();
  changed_ = true;
}

bool Listener::Loves(std::uint32_t track) const {
  const auto found = loved_.find(track);
  if (found != loved_.end()) return found->second;
  return HashOf(name_, track) % 6 == 0;
}

void Listener::SetLoved(std::uint32_t track, bool loved) {
  loved_[track] = loved;
  changed_ = true;
}

Library::Library(const Options& options) : options_(options), catalog_(options.seed) {}

Listener& Library::Find(const std::string& name, std::optional<std::int64_t> plays) {
  const auto found = listeners_.find(name);
  if (found != listeners_.end()) return found->second;
  MakeRoom();
  const std::int64_t count =
      std::clamp<std::int64_t>(plays.value_or(options_.history_plays), 0, kMaxPlays);
  Listener listener(name, Generate(name, count, options_.history_end_ms));
  return listeners_.emplace(name, std::move(listener)).first->second;
}

Listener& Library::Replace(const std::string& name, std::optional<std::int64_t> plays,
                           std::optional<std::int64_t> end_ms) {
  listeners_.erase(name);
  MakeRoom();
  const std::int64_t count =
      std::clamp<std::int64_t>(plays.value_or(options_.history_plays), 0, kMaxPlays);
  Listener listener(name, Generate(name, count, end_ms.value_or(options_.history_end_ms)));
  listener.set_changed();
  return listeners_.emplace(name, std::move(listener)).first->second;
}

void Library::MakeRoom() {
  if (listeners_.size() < kMaxListeners) return;
  std::erase_if(listeners_, [](const auto& entry) { return !entry.second.changed(); });
  if (listeners_.size() >= kMaxListeners) listeners_.clear();
}

std::vector<Play> Library::Generate(const std::string& name, std::int64_t plays,
                                    std::int64_t end_ms) const {
  Random random(HashOf(name, options_.seed));
  const std::vector<std::uint32_t> taste = TasteOf(random, catalog_.generated_count());
  std::vector<Play> history;
  history.reserve(static_cast<std::size_t>(plays));
  std::int64_t ended_ms = end_ms - random.Between(1'000, 60'000);
  for (std::int64_t i = 0; i < plays; ++i) {
    // Old favourites come more often: the smaller of two draws.
    const std::uint64_t pick = std::min(random.Below(taste.size()), random.Below(taste.size()));
    const std::uint32_t track = taste[pick];
    // Spotify leaves the fraction out when it is zero, which readers must survive: it happens now
    // and then, and for certain on the newest page.
    if (random.OneIn(40) || i == 7) ended_ms -= ended_ms % 1000;
    const std::int64_t started_ms = ended_ms - ElapsedMs(random, catalog_.track(track).duration_ms);
    history.push_back({.started_ms = started_ms, .ended_ms = ended_ms, .track = track});
    ended_ms = started_ms - GapMs(random);
  }
  return history;
}

void Library::AddAnyPlay(Listener& listener, std::int64_t ended_ms) {
  Random random(HashOf(listener.name(), static_cast<std::uint64_t>(ended_ms)));
  const auto track = static_cast<std::uint32_t>(random.Below(catalog_.generated_count()));
  listener.AddPlay({.started_ms = ended_ms - catalog_.track(track).duration_ms,
                    .ended_ms = ended_ms,
                    .track = track});
}

std::uint32_t Library::AddPlay(Listener& listener, std::string_view title,
                               const std::vector<std::string>& artists, std::string_view album,
                               std::int64_t duration_ms, std::int64_t ended_ms) {
  const std::uint32_t track = catalog_.Add(title, artists, album, duration_ms);
  listener.AddPlay({.started_ms = ended_ms - duration_ms, .ended_ms = ended_ms, .track = track});
  return track;
}

void Library::Advance(Listener& listener, std::int64_t every_ms, std::int64_t now_ms) {
  if (listener.live_until_ms == 0) {
    listener.live_until_ms = now_ms;
    // Let go and made again, it would begin anew each time.
    listener.set_changed();
  }
  const std::int64_t oldest_due = now_ms - every_ms * kMostCatchUpPlays;
  listener.live_until_ms = std::max(listener.live_until_ms, oldest_due);
  while (listener.live_until_ms + every_ms <= now_ms) {
    listener.live_until_ms += every_ms;
    AddAnyPlay(listener, listener.live_until_ms);
  }
}

}  // namespace playlog::standins
