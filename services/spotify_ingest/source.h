#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_SOURCE_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_SOURCE_H_

#include <string>

#include "common/base/clock.h"
#include "common/http/client.h"
#include "common/ingest/source.h"

namespace playlog::spotify_ingest {

// Spotify's Web API. Always asks for the newest plays and never for those after a cursor: plays
// arrive up to days late and out of order, so only reading the whole window again finds them all.
class SpotifySource final : public ingest::Source {
 public:
  // `api_url` has passed http::CheckUpstreamUrl. The references live longer than the source.
  SpotifySource(http::Client& client, Clock& clock, std::string api_url)
      : client_(client), clock_(clock), api_url_(std::move(api_url)) {}

  const ingest::SourceProfile& profile() const override;
  absl::Status CheckCredential(const ingest::Credential& credential) const override;
  std::variant<ingest::Page, ingest::UpstreamFailure> FetchPage(
      const ingest::Credential& credential, const ingest::Question& question) override;

 private:
  http::Client& client_;
  Clock& clock_;
  const std::string api_url_;
};

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_SOURCE_H_
