#include "services/spotify_ingest/source.h"

#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/crash_point.h"
#include "common/ingest/json.h"
#include "services/spotify_ingest/recently_played.h"

namespace playlog::spotify_ingest {
namespace {

using ingest::UpstreamFailure;

constexpr int kNoContent = 204;

// Per user, well below what makes Spotify answer with a rate limit: that one is for all users of
// our client id together, and Retry-After teaches it.
constexpr ingest::CallLimit kLimits[] = {{.calls = 100, .window = absl::Hours(1)}};

// A renewed token helps against an old one and against one that was revoked, but not where the user
// never gave the permission.
UpstreamFailure JudgeUnauthorized(const http::Response& response) {
  const std::optional<boost::json::value> document = ingest::ParseJson(response.body);
  const boost::json::object* error =
      ingest::FindObject(document.has_value() ? document->if_object() : nullptr, "error");
  const auto message = ingest::AsString(ingest::Find(error, "message"));
  const bool hopeless = message.has_value() && *message == "Permissions missing";
  return {.kind = hopeless ? UpstreamFailure::Kind::kRejected : UpstreamFailure::Kind::kKeyEnded,
          .cause = "http_401"};
}

std::variant<ingest::Page, UpstreamFailure> Judge(const http::Response& response, absl::Time now) {
  switch (response.status) {
    case 200:
      break;
    case kNoContent:
      // Some accounts with a private session are answered so.
      return ingest::Page();
    case 401:
      return JudgeUnauthorized(response);
    case 403:
      return UpstreamFailure{.kind = UpstreamFailure::Kind::kRejected, .cause = "http_403"};
    default:
      return ingest::FailureOfStatus(response);
  }
  std::optional<ingest::Page> page = ParseRecentlyPlayed(response.body, now);
  if (page.has_value()) return *std::move(page);
  return UpstreamFailure{.kind = UpstreamFailure::Kind::kTransient, .cause = "not_a_page"};
}

}  // namespace

const ingest::SourceProfile& SpotifySource::profile() const {
  static constexpr ingest::SourceProfile kProfile{
      .source = songs::v1::SOURCE_SPOTIFY,
      .name = "spotify",
      .key_missing_code = errors::v1::ERROR_CODE_SPOTIFY_KEY_MISSING,
      .key_missing_text = "No Spotify API key found",
      .key_missing_detail = "Add Spotify access token in profile settings",
      .failed_text = "Failed to fetch recently played songs",
      .rejected_code = errors::v1::ERROR_CODE_SPOTIFY_REJECTED,
      .rejected_detail = "Refresh Spotify access token",
      .unavailable_code = errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE,
      .limits = kLimits,
  };
  return kProfile;
}

absl::Status SpotifySource::CheckCredential(const ingest::Credential&) const {
  return absl::OkStatus();
}

std::variant<ingest::Page, UpstreamFailure> SpotifySource::FetchPage(
    const ingest::Credential& credential, const ingest::Question& question) {
  http::Request request;
  request.url = absl::StrCat(api_url_, "/v1/me/player/recently-played?limit=", question.limit);
  request.headers.push_back(
      {"Authorization", std::string("Bearer ").append(credential.key.Reveal())});
  request.deadline = question.deadline;
  request.cancelled = question.cancelled;
  const absl::StatusOr<http::Response> response = client_.Get(request);
  if (!response.ok()) return ingest::FailureWithoutAnswer(response.status());
  PLAYLOG_CRASH_POINT("upstream_answered");
  return Judge(*response, clock_.Now());
}

std::variant<ingest::RenewedKey, UpstreamFailure> SpotifySource::Renew(
    const Secret& refresh_token, const ingest::Question& question) {
  if (accounts_ == nullptr) return Source::Renew(refresh_token, question);
  AccountsAnswer answer = accounts_->Refresh(
      refresh_token, {.deadline = question.deadline, .cancelled = question.cancelled});
  if (auto* failure = std::get_if<UpstreamFailure>(&answer)) return std::move(*failure);
  auto& tokens = std::get<IssuedTokens>(answer);
  // Kept even if the permission has been withdrawn, since the old refresh token may be spent: the
  // API will say that it is not enough.
  return ingest::RenewedKey{.key = std::move(tokens.access_token),
                            .refresh_token = std::move(tokens.refresh_token),
                            .expires_at = tokens.expires_at};
}

}  // namespace playlog::spotify_ingest
