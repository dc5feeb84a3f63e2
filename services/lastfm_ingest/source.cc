#include "services/lastfm_ingest/source.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/crash_point.h"
#include "common/base/crypto.h"
#include "common/http/url.h"
#include "services/lastfm_ingest/recent_tracks.h"

namespace playlog::lastfm_ingest {
namespace {

using ingest::UpstreamFailure;

// Five requests a second on an average over five minutes were the terms once, and no newer number
// is known: we stay below it in every minute too.
constexpr ingest::CallLimit kLimits[] = {{.calls = 5, .window = absl::Seconds(1)},
                                         {.calls = 300, .window = absl::Minutes(1)}};

UpstreamFailure FailureOfError(int code, const http::Response& response) {
  UpstreamFailure failure{.kind = UpstreamFailure::Kind::kUnusable,
                          .cause = absl::StrCat("error_", code)};
  switch (code) {
    case 4:   // Authentication failed.
    case 6:   // Invalid parameters: no such user.
    case 7:   // Invalid resource.
    case 9:   // Invalid session key.
    case 10:  // Invalid API key.
    case 17:  // The user hides the recent listening.
    case 26:  // The API key is suspended.
      failure.kind = UpstreamFailure::Kind::kRejected;
      break;
    case 8:   // Operation failed.
    case 11:  // Service offline.
    case 16:  // Temporarily unavailable.
      failure.kind = UpstreamFailure::Kind::kTransient;
      break;
    case 29:  // Rate limit exceeded.
      failure.kind = UpstreamFailure::Kind::kRateLimited;
      failure.retry_after = ingest::ReadRetryAfter(response);
      break;
    default:
      // The others blame the request itself, which would be the same again.
      break;
  }
  return failure;
}

// The body is judged before the status: errors come with any status, 200 included.
std::variant<ingest::Page, UpstreamFailure> Judge(const http::Response& response, absl::Time now) {
  auto answer = ParseRecentTracks(response.body, now);
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    return FailureOfError(error->code, response);
  }
  if (response.status != 200) return ingest::FailureOfStatus(response);
  if (auto* page = std::get_if<ingest::Page>(&answer)) return std::move(*page);
  return UpstreamFailure{.kind = UpstreamFailure::Kind::kTransient, .cause = "not_a_page"};
}

// Seconds of Unix time; what lies before its beginning is no different from it.
std::string SecondsOf(absl::Time time) {
  return absl::StrCat(std::max<std::int64_t>(0, absl::ToUnixSeconds(time)));
}

std::vector<std::pair<std::string, std::string>> ParametersOf(const ingest::Credential& credential,
                                                              const ingest::Question& question) {
  std::vector<std::pair<std::string, std::string>> parameters = {
      {"method", "user.getrecenttracks"},
      {"user", credential.account},
      {"api_key", std::string(credential.key.Reveal())},
      {"format", "json"},
      {"extended", "1"},
      {"limit", absl::StrCat(question.limit)}};
  if (question.page != 1) parameters.emplace_back("page", absl::StrCat(question.page));
  if (question.span.from != absl::InfinitePast()) {
    parameters.emplace_back("from", SecondsOf(question.span.from));
  }
  if (question.span.to != absl::InfiniteFuture()) {
    parameters.emplace_back("to", SecondsOf(question.span.to));
  }
  return parameters;
}

}  // namespace

const ingest::SourceProfile& LastfmSource::profile() const {
  static constexpr ingest::SourceProfile kProfile{
      .source = songs::v1::SOURCE_LASTFM,
      .name = "lastfm",
      .key_missing_code = errors::v1::ERROR_CODE_LASTFM_KEY_MISSING,
      .key_missing_text = "No Last.fm API key found",
      .key_missing_detail = "Add Last.fm API key and username",
      .failed_text = "Last.fm API error",
      .rejected_code = errors::v1::ERROR_CODE_LASTFM_REJECTED,
      .rejected_detail = "Verify credentials are correct",
      .unavailable_code = errors::v1::ERROR_CODE_LASTFM_UNAVAILABLE,
      .tells_past = true,
      .limits = kLimits,
  };
  return kProfile;
}

absl::Status LastfmSource::CheckCredential(const ingest::Credential& credential) const {
  if (!credential.account.empty()) return absl::OkStatus();
  return Error(errors::v1::ERROR_CODE_LASTFM_USERNAME_MISSING, "No Last.fm username found",
               "Update Last.fm API key with username");
}

std::string_view LastfmSource::AdviceOn(std::string_view cause) const {
  if (cause == "error_6" || cause == "error_7") {
    return "Last.fm knows no such user: store the key again with the right username";
  }
  if (cause == "error_4" || cause == "error_9" || cause == "error_10") {
    return "Last.fm does not take the API key: store a valid one";
  }
  if (cause == "error_17") {
    return "Last.fm hides the recent listening of this user: show it in Last.fm's privacy settings";
  }
  if (cause == "error_26") return "Last.fm has suspended the API key: store another one";
  return {};
}

std::string LastfmSource::BudgetSubject(std::int64_t, const ingest::Credential& credential) const {
  return Sha256(credential.key.Reveal());
}

std::variant<ingest::Page, UpstreamFailure> LastfmSource::FetchPage(
    const ingest::Credential& credential, const ingest::Question& question) {
  http::Request request;
  // The address holds the key: it is never logged.
  request.url =
      absl::StrCat(api_url_, "/2.0/?", http::MakeQuery(ParametersOf(credential, question)));
  request.deadline = question.deadline;
  request.cancelled = question.cancelled;
  const absl::StatusOr<http::Response> response = client_.Get(request);
  if (!response.ok()) return ingest::FailureWithoutAnswer(response.status());
  PLAYLOG_CRASH_POINT("upstream_answered");
  return Judge(*response, clock_.Now());
}

}  // namespace playlog::lastfm_ingest
