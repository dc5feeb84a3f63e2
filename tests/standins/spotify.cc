#include "tests/standins/spotify.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "absl/time/time.h"
#include "common/base/time_format.h"
#include "tests/standins/json_text.h"
#include "tests/standins/spotify_json.h"
#include "tests/standins/spotify_oddities.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

constexpr std::size_t kWindow = 50;
constexpr std::int64_t kDefaultLimit = 20;
constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kAccessPrefix = "access.";

std::string MessageOf(int status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 401:
      return "Invalid access token";
    case 403:
      return "Forbidden";
    case 404:
      return "Resource not found";
    case 429:
      return "API rate limit exceeded";
    case 502:
      return "Bad gateway";
    case 503:
      return "Service unavailable";
    default:
      return "Server error";
  }
}

Content ErrorContent(int status, std::string_view message) {
  return JsonContent(status, "{\"error\":{\"status\":" + std::to_string(status) +
                                 ",\"message\":" + Quoted(message) + "}}");
}

// A whole number of a query; empty when it is none.
std::optional<std::int64_t> ParseNumber(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

struct PageRequest {
  std::int64_t limit = kDefaultLimit;
  std::optional<std::int64_t> after_ms;
  std::optional<std::int64_t> before_ms;
  std::string error;  // "" when the request is fine.
};

PageRequest ParsePageRequest(const HttpRequest& request) {
  PageRequest page;
  if (const auto text = request.Parameter("limit")) {
    page.limit = ParseNumber(*text).value_or(0);
    if (page.limit < 1 || page.limit > static_cast<std::int64_t>(kWindow)) {
      page.error = "Invalid limit";
    }
  }
  if (const auto text = request.Parameter("after")) {
    page.after_ms = ParseNumber(*text);
    if (!page.after_ms) page.error = "Invalid cursor";
  }
  if (const auto text = request.Parameter("before")) {
    page.before_ms = ParseNumber(*text);
    if (!page.before_ms) page.error = "Invalid cursor";
  }
  if (page.after_ms && page.before_ms) page.error = "Only one of after and before may be given";
  return page;
}

// The plays of the page, newest first. Only the last 50 exist for this service.
std::vector<const Play*> PlaysOf(const std::vector<Play>& by_end, const PageRequest& page) {
  std::vector<const Play*> plays;
  const std::size_t first = by_end.size() > kWindow ? by_end.size() - kWindow : 0;
  for (std::size_t i = by_end.size(); i > first; --i) {
    const Play& play = by_end[i - 1];
    if (page.after_ms && play.ended_ms <= *page.after_ms) continue;
    if (page.before_ms && play.ended_ms >= *page.before_ms) continue;
    if (plays.size() < static_cast<std::size_t>(page.limit)) plays.push_back(&play);
  }
  return plays;
}

std::optional<Content> RefusalOf(const Scenario& scenario, const Call& call) {
  const std::string& name = scenario.name;
  if (name == "expired" || (name == "expired_once" && call.number == 1)) {
    return ErrorContent(401, "The access token expired");
  }
  if (name == "expired_until_refreshed" && ParseAccessToken(call.caller.credential).serial < 2) {
    return ErrorContent(401, "The access token expired");
  }
  if (name == "invalid_token") return ErrorContent(401, "Invalid access token");
  if (name == "permissions") return ErrorContent(401, "Permissions missing");
  if (name == "forbidden") return ErrorContent(403, "Insufficient client scope");
  if (name == "forbidden_text") {
    return TextContent(403, "text/plain; charset=utf-8",
                       "User not registered in the Developer Dashboard");
  }
  if (name == "not_found") return ErrorContent(404, MessageOf(404));
  return std::nullopt;
}

constexpr std::string_view kSimple[] = {"expired",        "expired_once", "expired_until_refreshed",
                                        "invalid_token",  "permissions",  "forbidden",
                                        "forbidden_text", "not_found",    "empty"};

}  // namespace

AccessToken ParseAccessToken(std::string_view text) {
  AccessToken token;
  token.listener = text;
  const std::size_t dot = text.rfind('.');
  if (!text.starts_with(kAccessPrefix) || dot < kAccessPrefix.size()) return token;
  const auto serial = ParseNumber(std::string(text.substr(dot + 1)));
  if (!serial) return token;
  token.listener = text.substr(kAccessPrefix.size(), dot - kAccessPrefix.size());
  token.serial = *serial;
  return token;
}

Spotify::Spotify(Library& library, std::function<bool(const std::string&)> is_expired)
    : library_(library), is_expired_(std::move(is_expired)) {}

Caller Spotify::CallerOf(const HttpRequest& request) const {
  Caller caller;
  const std::string header = request.Header("Authorization").value_or("");
  if (header.size() <= kBearer.size() ||
      !EqualsIgnoringCase(std::string_view(header).substr(0, kBearer.size()), kBearer)) {
    return caller;
  }
  caller.credential = header.substr(kBearer.size());
  caller.credentials.push_back(caller.credential);
  const AccessToken token = ParseAccessToken(caller.credential);
  if (token.serial > 0) caller.credentials.push_back(token.listener);
  caller.scenario = ScenarioOf(token.listener);
  // Those act on the token endpoint only.
  if (caller.scenario && token.serial > 0 &&
      (caller.scenario->name.starts_with("token_") || caller.scenario->name.starts_with("code_"))) {
    caller.scenario.reset();
  }
  return caller;
}

std::string Spotify::Item(const Play& play, const std::string& listener) const {
  const Catalog& catalog = library_.catalog();
  const Track& track = catalog.track(play.track);
  // Half of all plays come out of a playlist or an album; it stays the same for the same play.
  const std::uint64_t choice = HashOf(listener, static_cast<std::uint64_t>(play.ended_ms)) % 4;
  std::string context = "null";
  if (choice == 1) context = ContextJson("album", catalog.album(track.album).id);
  if (choice == 2) context = ContextJson("playlist", "37i9dQ" + track.id.substr(6));
  return "{\"track\":" + SpotifyTrackJson(catalog, play.track) + ",\"played_at\":\"" +
         FormatRfc3339(absl::FromUnixMillis(play.ended_ms)) + "\",\"context\":" + context + "}";
}

Content Spotify::Good(const Call& call) {
  const HttpRequest& request = call.request;
  if (request.method != "GET") return ErrorContent(405, "Method not allowed");
  if (call.caller.credential.empty()) {
    return request.Header("Authorization")
               ? ErrorContent(400, "Only valid bearer authentication supported")
               : ErrorContent(401, "No token provided");
  }
  if (is_expired_(call.caller.credential)) return ErrorContent(401, "The access token expired");
  const PageRequest page = ParsePageRequest(request);
  if (!page.error.empty()) return ErrorContent(400, page.error);

  const std::string listener = ParseAccessToken(call.caller.credential).listener;
  const View view(library_, listener, call.caller.scenario, call.number);
  const std::vector<const Play*> plays = PlaysOf(view.by_end(), page);
  const std::string url = call.base_url + "/v1/me/player/recently-played?";
  const std::string limit = "limit=" + std::to_string(page.limit);
  std::string items;
  for (const Play* play : plays) {
    if (!items.empty()) items += ",";
    items += Item(*play, listener);
  }
  std::string cursor;
  if (page.after_ms) cursor = "after=" + std::to_string(*page.after_ms) + "&";
  if (page.before_ms) cursor = "before=" + std::to_string(*page.before_ms) + "&";
  std::string tail = ",\"next\":null,\"cursors\":null";
  if (!plays.empty()) {
    const std::string after = std::to_string(plays.front()->ended_ms);
    const std::string before = std::to_string(plays.back()->ended_ms);
    const std::string next = page.after_ms ? "after=" + after : "before=" + before;
    tail = ",\"next\":" + Quoted(url + next + "&" + limit) + ",\"cursors\":{\"after\":\"" + after +
           "\",\"before\":\"" + before + "\"}";
  }
  return JsonContent(200, "{\"items\":[" + items + "]" + tail +
                              ",\"limit\":" + std::to_string(page.limit) +
                              ",\"href\":" + Quoted(url + cursor + limit) + "}");
}

Content Spotify::Error(int status) const { return ErrorContent(status, MessageOf(status)); }

std::optional<Content> Spotify::Special(const Call& call, const Scenario& scenario) {
  if (auto refusal = RefusalOf(scenario, call)) return refusal;
  if (std::find(std::begin(kSimple), std::end(kSimple), scenario.name) != std::end(kSimple)) {
    return Good(call);
  }
  if (!IsSpotifyOddity(scenario)) return std::nullopt;
  Content content = Good(call);
  if (content.status != 200) return content;
  json::value page = json::parse(content.body);
  ApplySpotifyOddity(scenario, page);
  content.body = json::serialize(page);
  return content;
}

std::vector<std::string> Spotify::SpecialNames() const {
  std::vector<std::string> names(std::begin(kSimple), std::end(kSimple));
  for (std::string& name : SpotifyOddityNames()) names.push_back(std::move(name));
  return names;
}

}  // namespace playlog::standins
