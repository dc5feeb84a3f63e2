#include "tests/standins/scenario.h"

#include <algorithm>
#include <charconv>

namespace playlog::standins {
namespace {

constexpr std::string_view kPrefix = "scenario";
constexpr std::string_view kLabelMark = "__";

}  // namespace

std::string Scenario::Argument(std::size_t index) const {
  return index < arguments.size() ? arguments[index] : std::string();
}

std::int64_t Scenario::Number(std::size_t index, std::int64_t otherwise) const {
  const std::string text = Argument(index);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : otherwise;
}

Scenario ParseScenario(std::string_view text) {
  text = text.substr(0, text.find(kLabelMark));
  const std::size_t name_end = std::min(text.find_first_of(":-"), text.size());
  Scenario scenario;
  scenario.name = text.substr(0, name_end);
  if (name_end == text.size()) return scenario;
  // The first separator is the one that counts, so that "file:2024-01.json" keeps its hyphen.
  const char separator = text[name_end];
  text.remove_prefix(name_end + 1);
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    scenario.arguments.emplace_back(text.substr(0, end));
    if (end == text.size()) return scenario;
    text.remove_prefix(end + 1);
  }
}

std::optional<Scenario> ScenarioOf(std::string_view credential) {
  if (credential.size() <= kPrefix.size() || !credential.starts_with(kPrefix)) return std::nullopt;
  const char separator = credential[kPrefix.size()];
  if (separator != ':' && separator != '-') return std::nullopt;
  return ParseScenario(credential.substr(kPrefix.size() + 1));
}

}  // namespace playlog::standins
