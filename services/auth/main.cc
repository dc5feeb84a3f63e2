// The process that knows the users, signs their tokens and keeps their keys.

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auth_migrations.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/jwt/jwt.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/process.h"
#include "common/rpc/token_verifier.h"
#include "services/auth/api_key_service.h"
#include "services/auth/erasers.h"
#include "services/auth/key_ring.h"
#include "services/auth/key_vault_service.h"
#include "services/auth/passwords.h"
#include "services/auth/postgres_store.h"
#include "services/auth/sign_in.h"
#include "services/auth/signing_key_service.h"
#include "services/auth/tokens.h"
#include "services/auth/user_service.h"
#include "services/auth/vault.h"

ABSL_FLAG(std::string, token_key_file, "",
          "A file with the PEM private key on the curve P-256 that signs access tokens.");
ABSL_FLAG(std::string, key_encryption_key_file, "",
          "A file with the ring of the keys that seal stored API keys.");
ABSL_FLAG(std::string, song_store_address, "",
          "Where the song store is: unix:/path or dns:///host:port.");
ABSL_FLAG(std::string, spotify_ingest_address, "",
          "Where the Spotify ingest is: unix:/path or dns:///host:port.");
ABSL_FLAG(std::string, lastfm_ingest_address, "",
          "Where the Last.fm ingest is: unix:/path or dns:///host:port.");

namespace {

constexpr char kService[] = "auth";
// A supervisor starts the process again if PostgreSQL is away for longer.
constexpr absl::Duration kMigrationTime = absl::Minutes(1);
// One hash runs and kWaitingMax wait, each on a worker; the rest is refused at once.
constexpr int kSignInWorkers = playlog::auth::Passwords::kWaitingMax + 3;

// Reads a secret file and what it holds; errors name the flag and the file.
template <class Value>
absl::StatusOr<Value> ReadKeyFile(const char* flag, const std::string& path,
                                  absl::StatusOr<Value> (*parse)(const playlog::Secret&)) {
  if (path.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("--", flag, " is not set"));
  }
  const absl::StatusOr<playlog::Secret> contents = playlog::ReadSecretFile(path);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<Value> value = parse(*contents);
  if (value.ok()) return value;
  return absl::FailedPreconditionError(
      absl::StrCat("--", flag, " ", path, ": ", value.status().message()));
}

absl::StatusOr<playlog::jwt::SigningKey> ParseTokenKey(const playlog::Secret& pem) {
  return playlog::jwt::SigningKey::FromPem(pem.Reveal());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace playlog;  // NOLINT(google-build-using-namespace): a list of what is built.
  rpc::Process process(kService, argc, argv);
  Clock& clock = Clock::System();
  const auth::AccessTokens access_tokens(
      process.Require(
          ReadKeyFile("token_key_file", absl::GetFlag(FLAGS_token_key_file), &ParseTokenKey)),
      clock);
  const auth::Vault vault(process.Require(ReadKeyFile("key_encryption_key_file",
                                                      absl::GetFlag(FLAGS_key_encryption_key_file),
                                                      &auth::KeyRing::Parse)));
  const auto erasers = auth::MakeErasers(
      {.spotify_ingest =
           process.Connect("spotify_ingest", absl::GetFlag(FLAGS_spotify_ingest_address)),
       .lastfm_ingest =
           process.Connect("lastfm_ingest", absl::GetFlag(FLAGS_lastfm_ingest_address)),
       .song_store = process.Connect("song_store", absl::GetFlag(FLAGS_song_store_address))});
  const Secret database_url =
      process.Require(ReadSecretFile(absl::GetFlag(FLAGS_database_url_file)));
  process.Require(db::Migrate({.url = database_url,
                               .schema = kService,
                               .files = MigrationFiles(),
                               .deadline = absl::Now() + kMigrationTime}));
  const auto pool = process.Require(db::Pool::Create({.url = database_url, .schema = kService}));
  auth::PostgresStore store(*pool);
  auth::Passwords passwords;
  auth::SignIn sign_in(store, passwords, clock);
  // This service has the keys itself.
  const jwt::PublicKeys public_keys =
      process.Require(jwt::PublicKeys::Create({access_tokens.public_key()}));
  rpc::CachingTokenVerifier verifier([&public_keys] { return public_keys; }, clock);
  rpc::Dispatcher sign_in_dispatcher({.workers = kSignInWorkers, .queue = 16}, verifier);
  rpc::Dispatcher dispatcher({.workers = 8, .queue = 64}, verifier);
  auth::UserService user_service(
      {store, sign_in, access_tokens, *erasers, clock, sign_in_dispatcher, dispatcher});
  auth::ApiKeyService api_key_service(store, vault, clock, dispatcher);
  auth::KeyVaultService key_vault_service(store, vault, dispatcher);
  auth::SigningKeyService signing_key_service({access_tokens.public_key()}, dispatcher);
  return process.Serve({&user_service, &api_key_service, &key_vault_service, &signing_key_service});
}
