#ifndef PLAYLOG_SERVICES_LASTFM_INGEST_SOURCE_H_
#define PLAYLOG_SERVICES_LASTFM_INGEST_SOURCE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/http/client.h"
#include "common/ingest/source.h"

namespace playlog::lastfm_ingest {

// The Last.fm API.
class LastfmSource final : public ingest::Source {
 public:
  // `api_url` has passed http::CheckUpstreamUrl. The references live longer than the source.
  LastfmSource(http::Client& client, Clock& clock, std::string api_url)
      : client_(client), clock_(clock), api_url_(std::move(api_url)) {}

  const ingest::SourceProfile& profile() const override;
  // LASTFM_USERNAME_MISSING without an account.
  absl::Status CheckCredential(const ingest::Credential& credential) const override;
  std::string_view AdviceOn(std::string_view cause) const override;
  // A digest of the API key, which several users may share.
  std::string BudgetSubject(std::int64_t user_id,
                            const ingest::Credential& credential) const override;
  std::variant<ingest::Page, ingest::UpstreamFailure> FetchPage(
      const ingest::Credential& credential, const ingest::Question& question) override;

 private:
  http::Client& client_;
  Clock& clock_;
  const std::string api_url_;
};

}  // namespace playlog::lastfm_ingest

#endif  // PLAYLOG_SERVICES_LASTFM_INGEST_SOURCE_H_
