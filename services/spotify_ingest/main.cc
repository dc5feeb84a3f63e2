// The process that fetches plays from Spotify and signs users in there.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/http/url.h"
#include "common/ingest/wiring.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/process.h"
#include "services/spotify_ingest/accounts.h"
#include "services/spotify_ingest/service.h"
#include "services/spotify_ingest/sign_in.h"
#include "services/spotify_ingest/sign_in_service.h"
#include "services/spotify_ingest/source.h"

ABSL_FLAG(std::string, spotify_api_url, "https://api.spotify.com", "The Spotify Web API.");
ABSL_FLAG(std::string, spotify_accounts_url, "https://accounts.spotify.com", "Spotify accounts.");
ABSL_FLAG(std::string, spotify_client_id, "",
          "The client id that this server has at Spotify; without one users store tokens of their "
          "own and cannot sign in at Spotify.");
ABSL_FLAG(std::string, spotify_client_secret_file, "", "A file with the client secret.");
ABSL_FLAG(std::string, public_url, "",
          "The address that browsers reach the gateway by, for the way back from Spotify.");

namespace {

using playlog::rpc::Process;

constexpr char kCallbackPath[] = "/users/spotify/callback/";

void RequireUrl(Process& process, const std::string& flag, const std::string& url) {
  const absl::Status status = playlog::http::CheckUpstreamUrl(url);
  if (status.ok()) return;
  process.Require(absl::FailedPreconditionError(absl::StrCat("--", flag, ": ", status.message())));
}

// Our registration at Spotify, if there is one. Spotify sends browsers back to https addresses and,
// over http, to loopback addresses written as numbers alone, which is what we demand of an upstream
// too.
std::optional<playlog::spotify_ingest::AccountsOptions> ReadRegistration(
    Process& process, const std::string& accounts_url) {
  const std::string client_id = absl::GetFlag(FLAGS_spotify_client_id);
  if (client_id.empty()) return std::nullopt;
  if (client_id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "-._~") != std::string::npos) {
    process.Require(absl::FailedPreconditionError("--spotify_client_id is no client id"));
  }
  const std::string public_url = absl::GetFlag(FLAGS_public_url);
  RequireUrl(process, "public_url", public_url);
  return playlog::spotify_ingest::AccountsOptions{
      .accounts_url = accounts_url,
      .client_id = client_id,
      .client_secret = process.ReadSecret("spotify_client_secret_file"),
      .redirect_uri = public_url + kCallbackPath};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace playlog;  // NOLINT(google-build-using-namespace): a list of what is built.
  Process process("spotify_ingest", argc, argv);
  const std::string api_url = absl::GetFlag(FLAGS_spotify_api_url);
  const std::string accounts_url = absl::GetFlag(FLAGS_spotify_accounts_url);
  RequireUrl(process, "spotify_api_url", api_url);
  RequireUrl(process, "spotify_accounts_url", accounts_url);
  auto registration = ReadRegistration(process, accounts_url);
  ingest::Wiring wiring(process, songs::v1::SOURCE_SPOTIFY);
  std::unique_ptr<spotify_ingest::Accounts> accounts;
  std::unique_ptr<spotify_ingest::SignIns> sign_ins;
  if (registration.has_value()) {
    accounts = std::make_unique<spotify_ingest::Accounts>(wiring.http_client(), Clock::System(),
                                                          *std::move(registration));
    sign_ins = std::make_unique<spotify_ingest::SignIns>(*accounts, wiring.vault(), wiring.store(),
                                                         wiring.key_notes(), Clock::System());
  }
  spotify_ingest::SpotifySource source(wiring.http_client(), Clock::System(), api_url,
                                       accounts.get());
  const std::unique_ptr<ingest::Engine> engine = wiring.MakeEngine(source);
  spotify_ingest::SpotifyIngestService service(*engine, wiring.fetch_dispatcher());
  // Anybody may call the end of a sign-in, so it gets workers of its own too.
  rpc::Dispatcher sign_in_dispatcher({.workers = 4, .queue = 16}, process.token_verifier());
  spotify_ingest::SpotifySignInService sign_in_service(sign_ins.get(), sign_in_dispatcher);
  return wiring.Serve(*engine, {&service, &sign_in_service});
}
