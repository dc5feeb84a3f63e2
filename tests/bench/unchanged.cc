// The stored songs again, asked for with the ETag of an answer that still holds.

#include <iostream>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/bench/http_load.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "unchanged";
constexpr char kTarget[] = "/music/get-stored-songs/";

std::string Condition(const std::string& etag) {
  return absl::StrCat("If-None-Match: ", etag, "\r\n");
}

harness::HttpAnswer Ask(World& world, const std::string& token, const std::string& fields) {
  return harness::Exchange(world.stack().http_port(),
                           harness::RequestText("GET", kTarget, token, {}, fields));
}

// Stores songs until the user has so many, and returns the ETag of the answer with them. `missing`
// says what is not as a client needs it: an ETag, 304 while it holds, and 200 when it does not.
std::string AgreeOnEtag(World& world, const Account& account, const std::string& token,
                        std::string& missing) {
  world.system().Store(account, kSmallHistory - 1, 2024);
  const std::string first = Ask(world, token, "").Header("etag");
  if (first.empty()) {
    missing = "the answer has no ETag";
    return "";
  }
  const harness::HttpAnswer unchanged = Ask(world, token, Condition(first));
  if (unchanged.status != 304 || !unchanged.body.empty()) {
    missing =
        absl::StrCat("If-None-Match with the answer's ETag is answered with ", unchanged.status);
    return "";
  }
  // Of another year, so that it is one more song.
  world.system().Store(account, 1, 2023);
  const harness::HttpAnswer changed = Ask(world, token, Condition(first));
  if (changed.status != 200 || changed.Header("etag") == first ||
      harness::CountOf(changed.body, "\"title\":") != kSmallHistory) {
    throw std::runtime_error("after a change, the old ETag is still taken for good");
  }
  return changed.Header("etag");
}

}  // namespace

void MeasureUnchanged(World& world, Report& report) {
  Row row{.scenario = kScenario,
          .what = "50 songs with their ETag, 32 connections",
          .unit = "requests/s",
          .against = "the same without If-None-Match",
          .target = Target::AtLeast(4)};
  const Account account = world.system().Register(kScenario);
  const std::string token = world.Token(account);
  const std::string etag = AgreeOnEtag(world, account, token, row.missing);
  if (!row.missing.empty()) {
    report.Add(row);
    return;
  }
  const int port = world.stack().http_port();
  const std::string plain_request = GetRequest(kTarget, token);
  const std::size_t bytes = Drain(port, plain_request).body_bytes;
  LoadOptions plain{.port = port,
                    .next = Only(plain_request),
                    .time = absl::Seconds(1),
                    .expected = {.body_bytes_min = bytes, .body_bytes_max = bytes}};
  LoadOptions conditional{.port = port,
                          .next = Only(GetRequest(kTarget, token, Condition(etag))),
                          .time = absl::Seconds(1),
                          .expected = {.status = 304}};
  AnswersPerSecond(plain);
  AnswersPerSecond(conditional);
  plain.time = conditional.time = world.options().slice;
  for (int pair = 1; pair <= world.options().pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << world.options().pairs << "\n";
    row.ours.push_back(AnswersPerSecond(conditional));
    row.peers.push_back(AnswersPerSecond(plain));
  }
  row.judged = Ratios(row.ours, row.peers);
  report.Add(row);
}

}  // namespace playlog::bench
