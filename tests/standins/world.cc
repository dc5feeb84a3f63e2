#include "tests/standins/world.h"

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include "tests/standins/art.h"
#include "tests/standins/control.h"
#include "tests/standins/faults.h"

namespace playlog::standins {
namespace {

constexpr std::size_t kMaxCanaryHits = 10'000;
constexpr std::string_view kPrefixes[] = {"/spotify-accounts", "/spotify", "/lastfm"};

// The path without its first segment, where that names a service; `prefix` is that segment.
std::string_view WithoutPrefix(std::string_view path, std::string& prefix) {
  for (const std::string_view candidate : kPrefixes) {
    if (path.starts_with(candidate) && path.substr(candidate.size()).starts_with("/")) {
      prefix = candidate;
      return path.substr(candidate.size());
    }
  }
  return path;
}

FaultContext ContextOf(Service& service, const Call& call, const Scenario& scenario,
                       const std::string& samples_directory) {
  const std::string host = call.request.Header("Host").value_or("127.0.0.1");
  return {.scenario = scenario,
          .call = call.number,
          .good = [&service, call] { return service.Good(call); },
          .error = [&service](int status) { return service.Error(status); },
          .base_url = "http://" + host,
          .samples_directory = samples_directory};
}

Answer Unknown(const Scenario& scenario) {
  return Render(TextContent(500, "text/plain", "unknown scenario " + scenario.name + "\n"));
}

void Delay(Answer& answer, std::int64_t latency_ms) {
  if (latency_ms <= 0) return;
  answer.steps.insert(answer.steps.begin(), Step{.bytes = "", .pause_ms = latency_ms});
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      library_(options_.library),
      accounts_(options_.accounts),
      spotify_(library_, [this](const std::string& token) { return accounts_.IsExpired(token); }),
      lastfm_(library_) {}

Answer World::Handle(const HttpRequest& request) {
  if (request.path.starts_with("/control/")) return Control(*this).Handle(request);
  if (request.path.starts_with("/canary")) {
    if (canary_hits_.size() < kMaxCanaryHits) canary_hits_.push_back(request.request_line);
    return Render(JsonContent(200, "{\"items\":[],\"recenttracks\":{\"track\":[]}}"));
  }
  if (const auto art = DrawArt(request.path)) return Render(*art);
  std::string prefix;
  const std::string_view path = WithoutPrefix(request.path, prefix);
  if (path == "/v1/me/player/recently-played") return CallService(spotify_, request, prefix);
  if (path == "/api/token" || path == "/authorize") return CallService(accounts_, request, prefix);
  if (path == "/2.0/" || path == "/2.0") return CallService(lastfm_, request, prefix);
  if (prefix == "/spotify") return Render(spotify_.Error(404));
  return Render(TextContent(404, "text/plain", "nothing is here\n"));
}

Answer World::CallService(Service& service, const HttpRequest& request, const std::string& prefix) {
  const Caller caller = service.CallerOf(request);
  const std::string name(service.name());
  const std::string host = request.Header("Host").value_or("127.0.0.1");
  if (options_.draw_art && library_.catalog().art_address().empty()) {
    library_.set_art_address("http://" + host + std::string(kArtPath));
  }
  const Call call{.request = request,
                  .caller = caller,
                  .number = calls_.Count(name, caller.credential),
                  .base_url = "http://" + host + prefix};
  Answer answer = request.path.ends_with("/authorize") ? Render(accounts_.Authorize(request))
                                                       : Choose(service, call);
  Delay(answer, LatencyMs(service));
  calls_.Add({.service = name,
              .time_ms = NowMs(),
              .request_line = request.request_line,
              .headers = request.headers,
              .body = request.body,
              .credentials = caller.credentials,
              .status = answer.status});
  return answer;
}

Answer World::Choose(Service& service, const Call& call) {
  try {
    if (const auto scripted = scripts_.Next(call.caller.credentials)) {
      return Scripted(service, call, *scripted);
    }
    return ByScenario(service, call);
  } catch (const std::exception& error) {
    return Render(
        TextContent(500, "text/plain", std::string("the stand-in cannot: ") + error.what()));
  }
}

Answer World::ByScenario(Service& service, const Call& call) {
  if (!call.caller.scenario) return Render(service.Good(call));
  const Scenario& scenario = *call.caller.scenario;
  if (auto content = service.Special(call, scenario)) return Render(*content);
  const FaultContext context = ContextOf(service, call, scenario, options_.samples_directory);
  if (auto answer = CommonFault(context)) return *std::move(answer);
  return Unknown(scenario);
}

Answer World::Scripted(Service& service, const Call& call, const ScriptedAnswer& scripted) {
  Answer answer;
  if (scripted.scenario) {
    Caller caller = call.caller;
    caller.scenario = scripted.scenario;
    const Call changed{.request = call.request,
                       .caller = caller,
                       .number = call.number,
                       .base_url = call.base_url};
    answer = ByScenario(service, changed);
  } else {
    const FaultContext context = ContextOf(service, call, Scenario{}, options_.samples_directory);
    answer = Render(ContentOf(scripted, context.good, context.error));
  }
  Delay(answer, scripted.latency_ms);
  return answer;
}

std::int64_t World::LatencyMs(const Service& service) const {
  return &service == &lastfm_ ? options_.lastfm_latency_ms : options_.spotify_latency_ms;
}

}  // namespace playlog::standins
