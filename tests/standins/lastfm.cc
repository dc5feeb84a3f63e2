#include "tests/standins/lastfm.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "tests/standins/json_text.h"
#include "tests/standins/lastfm_errors.h"
#include "tests/standins/lastfm_json.h"
#include "tests/standins/lastfm_oddities.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxLimit = 1000;
constexpr std::int64_t kMaxPage = 1'000'000;

struct PageRequest {
  std::int64_t limit = 50;
  std::int64_t page = 1;
  std::optional<std::int64_t> from_s;
  std::optional<std::int64_t> to_s;
  bool extended = false;
  std::string error;  // "" when the request is fine.
};

// A whole number of a query; `otherwise` when it is absent, -1 when it is no number.
std::int64_t NumberOf(const HttpRequest& request, std::string_view name, std::int64_t otherwise) {
  const std::optional<std::string> text = request.Parameter(name);
  if (!text) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc() && end == text->data() + text->size() ? number : -1;
}

PageRequest ParsePageRequest(const HttpRequest& request) {
  PageRequest page;
  page.limit = NumberOf(request, "limit", 50);
  page.page = NumberOf(request, "page", 1);
  page.extended = NumberOf(request, "extended", 0) == 1;
  if (request.Parameter("from")) page.from_s = NumberOf(request, "from", 0);
  if (request.Parameter("to")) page.to_s = NumberOf(request, "to", 0);
  if (page.limit < 1 || page.limit > kMaxLimit) {
    page.error = "limit param out of bounds (1-1000)";
  } else if (page.page < 1 || page.page > kMaxPage) {
    page.error = "page param out of bounds (1-1000000)";
  } else if (page.from_s.value_or(0) < 0 || page.to_s.value_or(0) < 0) {
    page.error = "from and to params must be timestamps";
  }
  return page;
}

// The part of the history between `from` and `to`, both included: [first, last) of by_start.
struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
};

Range RangeOf(const std::vector<Play>& by_start, const PageRequest& page) {
  const auto seconds_before = [](const Play& play, std::int64_t second) {
    return play.started_ms / 1000 < second;
  };
  Range range{.first = 0, .last = by_start.size()};
  if (page.from_s) {
    range.first = static_cast<std::size_t>(
        std::lower_bound(by_start.begin(), by_start.end(), *page.from_s, seconds_before) -
        by_start.begin());
  }
  if (page.to_s) {
    range.last = static_cast<std::size_t>(
        std::lower_bound(by_start.begin(), by_start.end(), *page.to_s + 1, seconds_before) -
        by_start.begin());
  }
  range.last = std::max(range.first, range.last);
  return range;
}

bool ShowsNowPlaying(const Listener& listener, const std::optional<Scenario>& scenario) {
  return listener.now_playing() || (scenario && scenario->name.starts_with("nowplaying"));
}

std::vector<LastfmEntry> EntriesOf(const View& view, const Range& range, const PageRequest& page,
                                   const Catalog& catalog,
                                   const std::optional<Scenario>& scenario) {
  const Listener& listener = view.listener();
  std::vector<LastfmEntry> entries;
  if (ShowsNowPlaying(listener, scenario)) {
    const auto track =
        static_cast<std::uint32_t>(HashOf(listener.name(), 7) % catalog.generated_count());
    entries.push_back({.track = track, .started_s = {}, .loved = listener.Loves(track)});
  }
  const std::size_t total = range.last - range.first;
  const std::size_t skipped = std::min(
      total, static_cast<std::size_t>(page.page - 1) * static_cast<std::size_t>(page.limit));
  const std::size_t count = std::min(total - skipped, static_cast<std::size_t>(page.limit));
  for (std::size_t i = 0; i < count; ++i) {
    const Play& play = view.by_start()[range.last - 1 - skipped - i];
    entries.push_back({.track = play.track,
                       .started_s = play.started_ms / 1000,
                       .loved = listener.Loves(play.track)});
  }
  return entries;
}

std::optional<Content> RefusalOf(const HttpRequest& request) {
  const std::string method = request.Parameter("method").value_or("");
  if (!EqualsIgnoringCase(method, "user.getrecenttracks")) return LastfmError(3);
  if (request.Parameter("api_key").value_or("").empty()) return LastfmError(10);
  if (request.Parameter("user").value_or("").empty()) return LastfmError(6);
  return std::nullopt;
}

std::optional<Content> ErrorOf(const Scenario& scenario, const Call& call) {
  const auto number = static_cast<int>(scenario.Number(0, 8));
  const auto status = static_cast<int>(scenario.Number(1, 0));
  if (scenario.name == "error" || (scenario.name == "error_once" && call.number == 1)) {
    return LastfmError(number, status);
  }
  if (scenario.name == "unknown_user") return LastfmError(6, 404, "User not found");
  if (scenario.name == "private") return LastfmError(17);
  if (scenario.name == "invalid_key") return LastfmError(10);
  if (scenario.name == "suspended_key") return LastfmError(26);
  if (scenario.name == "error_text") {
    return JsonContent(LastfmError(number).status, "{\"error\":\"" + std::to_string(number) +
                                                       "\",\"message\":\"Failed\",\"links\":[]}");
  }
  if (scenario.name == "deep_pages_fail") {
    const PageRequest page = ParsePageRequest(call.request);
    const bool deep = page.page > scenario.Number(0, 1);
    if (deep && page.limit > scenario.Number(1, 200)) return LastfmError(8);
  }
  return std::nullopt;
}

constexpr std::string_view kSimple[] = {"error",         "error_once",      "unknown_user",
                                        "private",       "invalid_key",     "error_text",
                                        "suspended_key", "empty",           "single",
                                        "nowplaying",    "nowplaying_only", "deep_pages_fail"};

}  // namespace

Caller Lastfm::CallerOf(const HttpRequest& request) const {
  Caller caller;
  const std::string user = request.Parameter("user").value_or("");
  const std::string api_key = request.Parameter("api_key").value_or("");
  for (const std::string& text : {user, api_key}) {
    if (!text.empty()) caller.credentials.push_back(text);
  }
  caller.credential = user.empty() ? api_key : user;
  caller.scenario = ScenarioOf(user);
  if (!caller.scenario && (caller.scenario = ScenarioOf(api_key))) caller.credential = api_key;
  return caller;
}

Content Lastfm::Good(const Call& call) {
  const HttpRequest& request = call.request;
  if (auto refusal = RefusalOf(request)) return *refusal;
  if (request.Parameter("format").value_or("") != "json") {
    return TextContent(200, "text/xml; charset=UTF-8",
                       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<lfm status=\"ok\"/>\n");
  }
  const PageRequest page = ParsePageRequest(request);
  if (!page.error.empty()) return LastfmError(6, 400, page.error);

  const std::string user = *request.Parameter("user");
  const View view(library_, user, call.caller.scenario, call.number);
  const Range range = RangeOf(view.by_start(), page);
  const std::vector<LastfmEntry> entries =
      EntriesOf(view, range, page, library_.catalog(), call.caller.scenario);
  std::string tracks;
  for (const LastfmEntry& entry : entries) {
    if (!tracks.empty()) tracks += ",";
    tracks += LastfmEntryJson(library_.catalog(), entry, page.extended);
  }
  // A lone entry is an object, as the service's XML turned into JSON makes it.
  const std::size_t total = range.last - range.first;
  const bool lone = entries.size() == 1 && total <= 1;
  if (!lone) tracks = "[" + tracks + "]";
  const auto limit = static_cast<std::size_t>(page.limit);
  const std::string pages = std::to_string((total + limit - 1) / limit);
  return JsonContent(200, "{\"recenttracks\":{\"track\":" + tracks +
                              ",\"@attr\":{\"user\":" + Quoted(user) + ",\"totalPages\":\"" +
                              pages + "\",\"page\":\"" + std::to_string(page.page) +
                              "\",\"perPage\":\"" + std::to_string(page.limit) + "\",\"total\":\"" +
                              std::to_string(total) + "\"}}}");
}

Content Lastfm::Error(int status) const {
  switch (status) {
    case 404:
      return LastfmError(6, 404, "User not found");
    case 429:
      return LastfmError(29, 429);
    case 503:
      return LastfmError(11, 503);
    default:
      return LastfmError(status >= 500 ? 8 : 6, status);
  }
}

std::optional<Content> Lastfm::Special(const Call& call, const Scenario& scenario) {
  if (auto error = ErrorOf(scenario, call)) return error;
  if (std::find(std::begin(kSimple), std::end(kSimple), scenario.name) != std::end(kSimple)) {
    return Good(call);
  }
  if (!IsLastfmOddity(scenario)) return std::nullopt;
  Content content = Good(call);
  if (content.status != 200) return content;
  json::value page = json::parse(content.body);
  ApplyLastfmOddity(scenario, page);
  content.body = json::serialize(page);
  return content;
}

std::vector<std::string> Lastfm::SpecialNames() const {
  std::vector<std::string> names(std::begin(kSimple), std::end(kSimple));
  for (std::string& name : LastfmOddityNames()) names.push_back(std::move(name));
  return names;
}

}  // namespace playlog::standins
