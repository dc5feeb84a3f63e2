#include "tests/standins/oddities.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "tests/standins/json_text.h"
#include "tests/standins/random.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

// A page holds 50 items, of which two stay good.
constexpr std::size_t kOdditiesOfPart = 48;

using Group = std::vector<const Patch*>;

// The patches put together by name and variant, in the order of the table.
std::vector<Group> GroupsOf(const std::vector<Patch>& patches) {
  std::vector<Group> groups;
  for (const Patch& patch : patches) {
    if (groups.empty() || groups.back().front()->name != patch.name ||
        groups.back().front()->variant != patch.variant) {
      groups.emplace_back();
    }
    groups.back().push_back(&patch);
  }
  return groups;
}

std::vector<Group> ChosenGroups(const std::vector<Patch>& patches, const Scenario& scenario) {
  std::vector<Group> all = GroupsOf(patches);
  if (scenario.name == "oddities") {
    const auto part = static_cast<std::size_t>(std::max<std::int64_t>(1, scenario.Number(0, 1)));
    const std::size_t first = std::min(all.size(), (part - 1) * kOdditiesOfPart);
    const std::size_t last = std::min(all.size(), first + kOdditiesOfPart);
    return {all.begin() + static_cast<std::ptrdiff_t>(first),
            all.begin() + static_cast<std::ptrdiff_t>(last)};
  }
  std::erase_if(all, [&scenario](const Group& group) {
    const std::string variant = scenario.Argument(0);
    return group.front()->name != scenario.name ||
           (!variant.empty() && group.front()->variant != variant);
  });
  return all;
}

void Spoil(const Group& group, json::value& item) {
  for (const Patch* patch : group) {
    if (patch->value) {
      SetAtPointer(item, patch->pointer, *patch->value);
    } else {
      RemoveAtPointer(item, patch->pointer);
    }
  }
}

}  // namespace

void AppendTitlePatches(const std::string& pointer, std::vector<Patch>& patches) {
  const auto add = [&](std::string name, std::string_view text) {
    patches.push_back({std::move(name), "", pointer, json::value(json::string(text))});
  };
  add("title_3k", Repeated("Långt", 600));
  add("title_10k", Repeated("0123456789", 1000));
  add("title_1000", Repeated("ø", 1000));
  add("title_1001", Repeated("ø", 1001));
  add("title_nul", std::string_view("Nul\0l und nichtig", 17));
  add("title_only_nul", std::string_view("\0\0", 2));
  add("title_html", "<script>alert(1)</script> & \"Quotes\" <img src=x onerror=alert(2)>");
  add("title_bidi", "abc \u202Egnp.exe\u202C \u200F\u200Bend");
  add("title_decomposed", "Cafe\u0301 A\u030Angstro\u0308m");
  add("title_emoji", "👩‍🚀🏳️‍🌈 Liftoff");
  add("title_spaces", " \u00A0 Padded\tTitle \n");
  add("title_empty", "");
  patches.push_back({"title_null", "", pointer, json::value(nullptr)});
  patches.push_back({"title_number", "", pointer, json::value(42)});
  patches.push_back({"title_missing", "", pointer, std::nullopt});
}

void AppendUrlPatches(const std::string& pointer, std::vector<Patch>& patches) {
  patches.push_back({"url_javascript", "", pointer, json::value("javascript:alert(1)")});
  patches.push_back({"url_metadata", "", pointer, json::value("http://169.254.169.254/latest/")});
  patches.push_back(
      {"url_data", "", pointer, json::value("data:text/html,<script>alert(1)</script>")});
  patches.push_back({"url_number", "", pointer, json::value(7)});
  patches.push_back({"url_missing", "", pointer, std::nullopt});
}

void SpoilItems(const std::vector<Patch>& patches, const Scenario& scenario, json::array& items) {
  const std::vector<Group> groups = ChosenGroups(patches, scenario);
  if (groups.empty()) return;
  if (items.size() > groups.size() + 2) items.resize(groups.size() + 2);
  for (std::size_t i = 0; i < groups.size() && i + 1 < items.size(); ++i) {
    Spoil(groups[i], items[i + 1]);
  }
}

bool IsOddity(const std::vector<Patch>& patches, const Scenario& scenario) {
  return scenario.name == "oddities" || !ChosenGroups(patches, scenario).empty();
}

bool Reorder(std::string_view name, std::string_view time_member, json::array& items) {
  if (name == "duplicates") {
    if (!items.empty()) {
      json::value newest = items[0];
      items.insert(items.begin(), std::move(newest));
    }
    return true;
  }
  if (name == "twins") {
    if (items.size() > 1) items[1].as_object()[time_member] = items[0].at(time_member);
    return true;
  }
  if (name == "oldest_first") {
    std::reverse(items.begin(), items.end());
    return true;
  }
  if (name == "shuffled") {
    Random random(1);
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.Below(i)]);
    return true;
  }
  return false;
}

std::vector<std::string> NamesOf(const std::vector<Patch>& patches) {
  std::vector<std::string> names = {"oddities"};
  for (const Patch& patch : patches) {
    if (names.back() != patch.name) names.push_back(patch.name);
  }
  return names;
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

}  // namespace playlog::standins
