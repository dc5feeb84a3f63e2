#ifndef PLAYLOG_TESTS_STANDINS_SCENARIO_H_
#define PLAYLOG_TESTS_STANDINS_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace playlog::standins {

// What a credential's text asks for: "scenario:fail:2:503__label" or "scenario-fail-2-503".
struct Scenario {
  std::string name;
  std::vector<std::string> arguments;

  // The argument at that place, or "".
  std::string Argument(std::size_t index) const;
  // The same as a number; `otherwise` when it is missing or none.
  std::int64_t Number(std::size_t index, std::int64_t otherwise) const;
};

// Empty for a credential that names no scenario.
std::optional<Scenario> ScenarioOf(std::string_view credential);

// Parses "fail:2:503" or "fail-2-503", without the word before it. Names hold no separators.
Scenario ParseScenario(std::string_view text);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_SCENARIO_H_
