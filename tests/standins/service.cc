#include "tests/standins/service.h"

#include <algorithm>

#include "tests/standins/random.h"

namespace playlog::standins {
namespace {

constexpr std::int64_t kLateWindowMs = 3'600'000;
// As many as a page of Spotify has.
constexpr std::int64_t kDriftPlaysMax = 50;

std::optional<std::int64_t> PlaysOf(const std::optional<Scenario>& scenario) {
  if (!scenario) return std::nullopt;
  if (scenario->name == "plays") return scenario->Number(0, 0);
  if (scenario->name == "empty" || scenario->name == "nowplaying_only") return 0;
  if (scenario->name == "single") return 1;
  return std::nullopt;
}

// When a play ends that comes in at any place.
std::int64_t AnyEndOf(const Listener& listener, std::int64_t call_number) {
  if (listener.by_end().empty()) return NowMs();
  Random random(HashOf(listener.name(), static_cast<std::uint64_t>(call_number)));
  return random.Between(listener.by_end().front().ended_ms, listener.by_end().back().ended_ms);
}

// So many plays come in, a millisecond apart, after all that there are; the newest ends now.
void Drift(Library& library, Listener& listener, std::int64_t plays) {
  plays = std::clamp<std::int64_t>(plays, 1, kDriftPlaysMax);
  std::int64_t ended_ms = NowMs() - plays + 1;
  if (!listener.by_end().empty()) {
    ended_ms = std::max(ended_ms, listener.by_end().back().ended_ms + 1);
  }
  for (; plays > 0; --plays) library.AddAnyPlay(listener, ended_ms++);
}

void Grow(Library& library, Listener& listener, const Scenario& scenario,
          std::int64_t call_number) {
  if (scenario.name == "live") {
    library.Advance(listener, std::max<std::int64_t>(1, scenario.Number(0, 60)) * 1000, NowMs());
  }
  if (scenario.name == "drift") Drift(library, listener, scenario.Number(0, 1));
  if (scenario.name == "scattered" &&
      call_number % std::max<std::int64_t>(1, scenario.Number(0, 10)) == 0) {
    library.AddAnyPlay(listener, AnyEndOf(listener, call_number));
  }
}

}  // namespace

View::View(Library& library, const std::string& listener_name,
           const std::optional<Scenario>& scenario, std::int64_t call_number)
    : listener_(library.Find(listener_name, PlaysOf(scenario))) {
  if (!scenario) return;
  Grow(library, listener_, *scenario, call_number);
  if (scenario->name != "late" || call_number > 1 || listener_.by_end().empty()) return;
  hides_ = true;
  const std::int64_t wanted_ms =
      listener_.by_end().back().ended_ms - scenario->Number(0, 10'800) * 1000;
  // From an existing play on, so that a night's silence does not make the scenario do nothing.
  std::int64_t last_ms = listener_.by_end().front().ended_ms;
  for (const Play& play : listener_.by_end()) {
    if (play.ended_ms <= wanted_ms) last_ms = play.ended_ms;
  }
  const auto visible = [last_ms](const Play& play) {
    return play.ended_ms > last_ms || play.ended_ms <= last_ms - kLateWindowMs;
  };
  std::copy_if(listener_.by_end().begin(), listener_.by_end().end(), std::back_inserter(by_end_),
               visible);
  std::copy_if(listener_.by_start().begin(), listener_.by_start().end(),
               std::back_inserter(by_start_), visible);
}

}  // namespace playlog::standins
