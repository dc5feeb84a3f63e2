#include "tests/standins/faults.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace playlog::standins {
namespace {

constexpr char kHtmlPage[] =
    "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
    "<body><h1>Bad Gateway</h1><p>The upstream <b>server</b> is not there.</p>"
    "<script>document.title = 'x'</script></body></html>\n";

Answer Good(const FaultContext& context) { return Render(context.good()); }

Answer Slow(const FaultContext& context) {
  Answer answer = Good(context);
  answer.steps.front().pause_ms = context.scenario.Number(0, 1000);
  return answer;
}

Answer ErrorOf(const FaultContext& context, std::int64_t status) {
  return Render(context.error(static_cast<int>(std::clamp<std::int64_t>(status, 200, 599))));
}

Answer Status(const FaultContext& context) {
  return ErrorOf(context, context.scenario.Number(0, 500));
}

Answer Fail(const FaultContext& context) {
  if (context.call > context.scenario.Number(0, 1)) return Good(context);
  return ErrorOf(context, context.scenario.Number(1, 500));
}

Answer FailAfter(const FaultContext& context) {
  if (context.call <= context.scenario.Number(0, 1)) return Good(context);
  return ErrorOf(context, context.scenario.Number(1, 500));
}

NameValues RetryAfterHeaders(const std::string& kind) {
  if (kind == "missing") return {};
  if (kind == "twice") return {{"Retry-After", "3"}, {"Retry-After", "60"}};
  if (kind == "date") {
    const std::string date = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                              absl::Now() + absl::Seconds(5), absl::UTCTimeZone());
    return {{"Retry-After", date}};
  }
  static const NameValues kTexts = {{"", "3"},        {"garbage", "abc"}, {"negative", "-1"},
                                    {"zero", "0"},    {"empty", ""},      {"huge", "1000000000"},
                                    {"day", "86400"}, {"exponent", "1e9"}};
  for (const auto& [name, text] : kTexts) {
    if (kind == name) return {{"Retry-After", text}};
  }
  return {{"Retry-After", kind}};
}

Answer RateLimit(const FaultContext& context) {
  Content content = context.error(429);
  for (auto& header : RetryAfterHeaders(context.scenario.Argument(0))) {
    content.headers.push_back(std::move(header));
  }
  return Render(content);
}

Answer RateLimitOnce(const FaultContext& context) {
  return context.call == 1 ? RateLimit(context) : Good(context);
}

Answer Html502(const FaultContext&) { return Render(TextContent(502, "text/html", kHtmlPage)); }
Answer Html200(const FaultContext&) { return Render(TextContent(200, "text/html", kHtmlPage)); }
Answer HtmlAsJson(const FaultContext&) { return Render(JsonContent(200, kHtmlPage)); }

Answer Empty204(const FaultContext&) {
  Content content;
  content.status = 204;
  return Render(content);
}

Answer Empty200(const FaultContext&) { return Render(JsonContent(200, "")); }

Answer RedirectTo(const FaultContext& context, std::string location) {
  Content content =
      TextContent(static_cast<int>(context.scenario.Number(0, 302)), "text/plain", "moved\n");
  content.headers.emplace_back("Location", std::move(location));
  return Render(content);
}

Answer Redirect(const FaultContext& context) {
  return RedirectTo(context, context.base_url + "/canary/redirect");
}

Answer RedirectFile(const FaultContext& context) {
  return RedirectTo(context, "file:///etc/passwd");
}

Answer File(const FaultContext& context) {
  return Render(JsonContent(static_cast<int>(context.scenario.Number(1, 200)),
                            ReadSample(context.samples_directory, context.scenario.Argument(0))));
}

// plays, live, late, drift and scattered act on the history from which the good answer is made.
constexpr Fault kFaults[] = {
    {"plays", Good},
    {"live", Good},
    {"late", Good},
    {"drift", Good},
    {"scattered", Good},
    {"slow", Slow},
    {"status", Status},
    {"fail", Fail},
    {"fail_after", FailAfter},
    {"rate_limit", RateLimit},
    {"rate_limit_once", RateLimitOnce},
    {"html_502", Html502},
    {"html_200", Html200},
    {"html_as_json", HtmlAsJson},
    {"empty_204", Empty204},
    {"empty_200", Empty200},
    {"redirect", Redirect},
    {"redirect_file", RedirectFile},
    {"file", File},
};

}  // namespace

std::span<const Fault> StatusFaults() { return kFaults; }

std::optional<Answer> CommonFault(const FaultContext& context) {
  for (const std::span<const Fault> faults : {StatusFaults(), DocumentFaults(), WireFaults()}) {
    for (const Fault& fault : faults) {
      if (fault.name == context.scenario.name) return fault.make(context);
    }
  }
  return std::nullopt;
}

std::vector<std::string> CommonFaultNames() {
  std::vector<std::string> names;
  for (const std::span<const Fault> faults : {StatusFaults(), DocumentFaults(), WireFaults()}) {
    for (const Fault& fault : faults) names.emplace_back(fault.name);
  }
  return names;
}

std::string ReadSample(const std::string& samples_directory, const std::string& path) {
  if (samples_directory.empty()) throw std::runtime_error("there is no --samples_directory");
  const std::filesystem::path relative = std::filesystem::path(path).lexically_normal();
  if (relative.is_absolute() || relative.empty() || *relative.begin() == "..") {
    throw std::runtime_error("not a path under the samples directory: " + path);
  }
  std::ifstream file(std::filesystem::path(samples_directory) / relative, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read the sample " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace playlog::standins
