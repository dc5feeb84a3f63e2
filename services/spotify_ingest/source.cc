#include "services/spotify_ingest/source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/spotify_ingest/recently_played.h"

namespace playlog::spotify_ingest {
namespace {

using ingest::UpstreamFailure;

constexpr int kNoContent = 204;

std::variant<ingest::Page, UpstreamFailure> Judge(const http::Response& response, absl::Time now) {
  switch (response.status) {
    case 200:
      break;
    case kNoContent:
      // Some accounts with a private session are answered so.
      return ingest::Page();
    case 401:
    case 403:
      return UpstreamFailure{.kind = UpstreamFailure::Kind::kRejected,
                             .cause = absl::StrCat("http_", response.status)};
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
  return Judge(*response, clock_.Now());
}

}  // namespace playlog::spotify_ingest
