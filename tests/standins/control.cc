#include "tests/standins/control.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <exception>
#include <stdexcept>
#include <utility>

#include "absl/time/time.h"
#include "common/base/time_format.h"
#include "tests/standins/faults.h"
#include "tests/standins/json_text.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

constexpr std::int64_t kDefaultDurationMs = 200'000;
constexpr std::int64_t kMaxAddedPlays = 10'000;

[[noreturn]] void Refuse(const std::string& what) { throw std::invalid_argument(what); }

std::string Needed(const json::value& body, std::string_view name) {
  const auto text = TextMember(body, name);
  if (!text) Refuse("the string " + std::string(name) + " is needed");
  return *text;
}

std::int64_t TimeMs(const std::string& text) {
  const auto time = ParseRfc3339(text);
  if (!time) Refuse("no RFC 3339 time: " + text);
  return absl::ToUnixMillis(*time);
}

// When a play that is to be added ended.
std::int64_t EndOf(const json::value& play) {
  if (const auto text = TextMember(play, "ended_at")) return TimeMs(*text);
  return NowMs() - NumberMember(play, "ago_s").value_or(0) * 1000;
}

std::vector<std::string> ArtistsOf(const json::value& play) {
  const json::value* member = MemberOf(play, "artist");
  std::vector<std::string> artists;
  if (member != nullptr && member->is_string()) artists.emplace_back(member->as_string());
  if (member != nullptr && member->is_array()) {
    for (const json::value& name : member->as_array()) {
      if (!name.is_string()) Refuse("an artist must be a string");
      artists.emplace_back(name.as_string());
    }
  }
  return artists;
}

json::array Pairs(const NameValues& headers) {
  json::array pairs;
  for (const auto& [name, value] : headers) {
    json::array pair;
    pair.push_back(json::string(name));
    pair.push_back(json::string(value));
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

json::array Strings(const std::vector<std::string>& texts) {
  json::array strings;
  for (const std::string& text : texts) strings.push_back(json::string(text));
  return strings;
}

json::object CallJson(const RecordedCall& call) {
  json::object object;
  object["service"] = call.service;
  object["time_ms"] = call.time_ms;
  object["request_line"] = call.request_line;
  object["headers"] = Pairs(call.headers);
  object["body"] = call.body;
  object["credentials"] = Strings(call.credentials);
  object["status"] = call.status;
  return object;
}

}  // namespace

Answer Control::Handle(const HttpRequest& request) {
  const std::string path = request.path.substr(std::string("/control/").size());
  try {
    std::string body;
    if (request.method == "GET") {
      body = Get(path, request);
    } else if (request.method == "POST") {
      body = Post(path, json::parse(request.body.empty() ? "{}" : request.body));
    }
    if (!body.empty()) return Render(JsonContent(200, std::move(body)));
    return Render(JsonContent(404, "{\"error\":\"there is no such control\"}"));
  } catch (const std::exception& error) {
    return Render(JsonContent(400, "{\"error\":" + Quoted(error.what()) + "}"));
  }
}

std::string Control::Post(const std::string& path, const json::value& body) {
  if (path == "script") return Script(body);
  if (path == "listener") return SetListener(body);
  if (path == "plays") return AddPlays(body);
  if (path == "loved") return SetLoved(body);
  if (path == "authorize") return SetConsent(body);
  if (path == "reset") return Reset(body);
  return "";
}

std::string Control::Get(const std::string& path, const HttpRequest& request) {
  if (path == "calls") return Calls(request);
  if (path == "counts") return Counts(request);
  if (path == "busiest") return FindBusiest(request);
  if (path == "canary") return CanaryHits();
  if (path == "scenarios") return ScenarioNames();
  if (path == "health") return "{\"status\":\"ok\"}";
  return "";
}

Listener& Control::ListenerOf(const json::value& body) {
  const std::string credential = Needed(body, "credential");
  const std::string name = ParseAccessToken(credential).listener;
  // A scenario may say how long the history is, and it must be made with that length.
  return View(world_.library_, name, ScenarioOf(name), 1).listener();
}

std::string Control::Script(const json::value& body) {
  const std::string credential = Needed(body, "credential");
  const json::value* answers = MemberOf(body, "answers");
  if (answers == nullptr) Refuse("the list answers is needed");
  const std::string then = TextMember(body, "then").value_or("good");
  if (then != "good" && then != "last") Refuse("then must be good or last");
  world_.scripts_.Replace(credential, ParseAnswers(*answers, world_.options_.samples_directory),
                          then == "last");
  return "{}";
}

std::string Control::SetListener(const json::value& body) {
  const std::string name = ParseAccessToken(Needed(body, "credential")).listener;
  std::optional<std::int64_t> end_ms;
  if (const auto end = TextMember(body, "end")) end_ms = TimeMs(*end);
  Listener& listener = world_.library_.Replace(name, NumberMember(body, "plays"), end_ms);
  const json::value* now_playing = MemberOf(body, "now_playing");
  if (now_playing != nullptr && now_playing->is_bool()) {
    listener.set_now_playing(now_playing->as_bool());
  }
  return "{}";
}

std::string Control::AddPlays(const json::value& body) {
  Listener& listener = ListenerOf(body);
  const std::int64_t count = NumberMember(body, "count").value_or(0);
  if (count < 0 || count > kMaxAddedPlays) Refuse("count must be at most 10,000");
  for (std::int64_t i = 0; i < count; ++i) {
    // A second apart, so that each is a play of its own.
    world_.library_.AddAnyPlay(listener, EndOf(body) - i * 1000);
  }
  const json::value* plays = MemberOf(body, "plays");
  if (plays == nullptr) return "{}";
  if (!plays->is_array()) Refuse("plays must be a list");
  for (const json::value& play : plays->as_array()) {
    const std::int64_t duration_ms = NumberMember(play, "duration_ms").value_or(kDefaultDurationMs);
    const std::string title = Needed(play, "title");
    const std::vector<std::string> artists = ArtistsOf(play);
    const std::string album = TextMember(play, "album").value_or("");
    const std::uint32_t track =
        world_.library_.AddPlay(listener, title, artists, album, duration_ms, EndOf(play));
    const json::value* loved = MemberOf(play, "loved");
    if (loved != nullptr && loved->is_bool()) listener.SetLoved(track, loved->as_bool());
  }
  return "{}";
}

std::string Control::SetLoved(const json::value& body) {
  Listener& listener = ListenerOf(body);
  const std::string title = Needed(body, "title");
  const std::string artist = Needed(body, "artist");
  const json::value* loved = MemberOf(body, "loved");
  if (loved == nullptr || !loved->is_bool()) Refuse("the boolean loved is needed");
  const Catalog& catalog = world_.library_.catalog();
  std::vector<std::uint32_t> tracks;
  for (const Play& play : listener.by_end()) {
    const Track& track = catalog.track(play.track);
    if (track.title == title && !track.artists.empty() &&
        catalog.artist(track.artists.front()).name == artist) {
      tracks.push_back(play.track);
    }
  }
  if (tracks.empty()) Refuse("the listener never played that");
  for (const std::uint32_t track : tracks) listener.SetLoved(track, loved->as_bool());
  return "{}";
}

std::string Control::SetConsent(const json::value& body) {
  Accounts::Consent consent;
  consent.listener = TextMember(body, "listener").value_or("demo");
  consent.error = TextMember(body, "error").value_or("");
  world_.accounts_.SetNextConsent(std::move(consent));
  return "{}";
}

std::string Control::Reset(const json::value& body) {
  if (const auto credential = TextMember(body, "credential")) {
    world_.scripts_.Forget(*credential);
    world_.calls_.Forget(*credential);
    world_.library_.Forget(ParseAccessToken(*credential).listener);
    return "{}";
  }
  world_.scripts_.ForgetAll();
  world_.calls_.ForgetAll();
  world_.library_.ForgetAll();
  world_.accounts_.Forget();
  world_.canary_hits_.clear();
  return "{}";
}

std::string Control::Calls(const HttpRequest& request) {
  const auto found = world_.calls_.Find(request.Parameter("credential").value_or(""),
                                        request.Parameter("service").value_or(""));
  json::array calls;
  for (const RecordedCall* call : found) calls.push_back(CallJson(*call));
  json::object answer;
  answer["count"] = calls.size();
  answer["calls"] = std::move(calls);
  return json::serialize(answer);
}

std::string Control::Counts(const HttpRequest& request) {
  json::object counts;
  for (const auto& [credential, count] :
       world_.calls_.Counts(request.Parameter("service").value_or(""))) {
    counts[credential] = count;
  }
  json::object answer;
  answer["counts"] = std::move(counts);
  return json::serialize(answer);
}

std::string Control::FindBusiest(const HttpRequest& request) {
  const std::string text = request.Parameter("window_ms").value_or("");
  std::int64_t window_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), window_ms);
  if (error != std::errc() || end != text.data() + text.size() || window_ms <= 0) {
    Refuse("window_ms must be a number above 0");
  }
  const Busiest busiest =
      world_.calls_.FindBusiest(request.Parameter("service").value_or(""), window_ms);
  json::object answer;
  answer["credential"] = busiest.credential;
  answer["calls"] = busiest.calls;
  answer["whole"] = busiest.whole;
  return json::serialize(answer);
}

std::string Control::CanaryHits() {
  json::array hits;
  for (const std::string& line : world_.canary_hits_) hits.push_back(json::string(line));
  json::object answer;
  answer["count"] = hits.size();
  answer["hits"] = std::move(hits);
  return json::serialize(answer);
}

std::string Control::ScenarioNames() {
  json::object answer;
  answer["any"] = Strings(CommonFaultNames());
  answer["spotify"] = Strings(world_.spotify_.SpecialNames());
  answer["accounts"] = Strings(world_.accounts_.SpecialNames());
  answer["lastfm"] = Strings(world_.lastfm_.SpecialNames());
  return json::serialize(answer);
}

}  // namespace playlog::standins
