#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_SOURCE_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_SOURCE_H_

#include <string>
#include <utility>
#include <variant>

#include "common/base/clock.h"
#include "common/http/client.h"
#include "common/ingest/source.h"
#include "services/spotify_ingest/accounts.h"

namespace playlog::spotify_ingest {

// Spotify's Web API. Always asks for the newest plays and never for those after a cursor: plays
// arrive up to days late and out of order, so only reading the whole window again finds them all.
class SpotifySource final : public ingest::Source {
 public:
  // `api_url` has passed http::CheckUpstreamUrl. What is referred to lives longer than the source.
  // `accounts` renews tokens that come from a sign-in; it is nullptr where the server has no client
  // id.
  SpotifySource(http::Client& client, Clock& clock, std::string api_url,
                Accounts* accounts = nullptr)
      : client_(client), clock_(clock), api_url_(std::move(api_url)), accounts_(accounts) {}

  const ingest::SourceProfile& profile() const override;
  absl::Status CheckCredential(const ingest::Credential& credential) const override;
  std::variant<ingest::Page, ingest::UpstreamFailure> FetchPage(
      const ingest::Credential& credential, const ingest::Question& question) override;
  std::variant<ingest::RenewedKey, ingest::UpstreamFailure> Renew(
      const Secret& refresh_token, const ingest::Question& question) override;

 private:
  http::Client& client_;
  Clock& clock_;
  const std::string api_url_;
  Accounts* const accounts_;
};

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_SOURCE_H_
