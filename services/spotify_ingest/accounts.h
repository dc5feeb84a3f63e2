#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_ACCOUNTS_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_ACCOUNTS_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/http/client.h"
#include "common/ingest/source.h"

namespace playlog::spotify_ingest {

// Our registration at Spotify, and where Spotify sends browsers back to.
struct AccountsOptions {
  std::string accounts_url;  // Has passed http::CheckUpstreamUrl.
  std::string client_id;
  Secret client_secret = Secret();
  std::string redirect_uri;
};

// What the token endpoint gave.
struct IssuedTokens {
  Secret access_token;
  Secret refresh_token;  // Empty if none came: the one that was used stays good.
  absl::Time expires_at;
  bool has_scope = true;  // The plays may be read with it.
};

// Why there are no tokens. kRejected: the code or the refresh token is refused (`invalid_grant`).
// kUnusable: the request is, mostly because of our client id or secret. The causes are the names of
// RFC 6749's errors, or those of ingest::FailureOfStatus and ingest::FailureWithoutAnswer.
using AccountsAnswer = std::variant<IssuedTokens, ingest::UpstreamFailure>;

// By when an answer must be there, and whether anybody still wants it. The latter may be empty.
struct AccountsQuestion {
  absl::Time deadline = absl::InfiniteFuture();
  std::function<bool()> cancelled = {};
};

// Spotify's accounts service as a confidential client with PKCE sees it (RFC 6749, RFC 7636). Each
// call is one try. Thread-safe; calls block.
class Accounts {
 public:
  // The references live longer than the object.
  Accounts(http::Client& client, Clock& clock, AccountsOptions options)
      : client_(client), clock_(clock), options_(std::move(options)) {}

  // Who answers in Spotify's name (RFC 9207).
  const std::string& issuer() const { return options_.accounts_url; }

  // The address at which a user allows us to read the plays. `state` is base64url.
  std::string AuthorizeUrl(std::string_view state, std::string_view code_verifier) const;

  // Exchanges the code that came back from there.
  AccountsAnswer Exchange(std::string_view code, std::string_view code_verifier,
                          const AccountsQuestion& question);
  AccountsAnswer Refresh(const Secret& refresh_token, const AccountsQuestion& question);

 private:
  AccountsAnswer Ask(const std::vector<std::pair<std::string, std::string>>& form,
                     const AccountsQuestion& question);

  http::Client& client_;
  Clock& clock_;
  const AccountsOptions options_;
};

// Reads an answer of the token endpoint that has arrived at `now`.
AccountsAnswer ParseAccountsAnswer(const http::Response& response, absl::Time now);

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_ACCOUNTS_H_
