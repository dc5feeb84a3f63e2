// The process that knows the users, signs their tokens and keeps their keys.

#include <memory>
#include <string>
#include <vector>

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
#include "services/auth/audit_service.h"
#include "services/auth/erasers.h"
#include "services/auth/erasure_worker.h"
#include "services/auth/export_sources.h"
#include "services/auth/key_ring.h"
#include "services/auth/key_rotation.h"
#include "services/auth/key_trier.h"
#include "services/auth/key_vault_service.h"
#include "services/auth/open_limits.h"
#include "services/auth/passwords.h"
#include "services/auth/postgres_audit.h"
#include "services/auth/postgres_credential_store.h"
#include "services/auth/postgres_erasure_store.h"
#include "services/auth/postgres_store.h"
#include "services/auth/revocation_service.h"
#include "services/auth/session_verifier.h"
#include "services/auth/sign_in.h"
#include "services/auth/signing_key_service.h"
#include "services/auth/token_key_file.h"
#include "services/auth/tokens.h"
#include "services/auth/user_admin_service.h"
#include "services/auth/user_directory.h"
#include "services/auth/user_service.h"
#include "services/auth/vault.h"

ABSL_FLAG(
    std::string, token_key_file, "",
    "A file with the PEM private keys on the curve P-256 of access tokens: the first signs, all "
    "verify. Read again when it changes.");
ABSL_FLAG(
    std::string, key_encryption_key_file, "",
    "A file with the ring of the keys that seal stored API keys. Read again when it changes.");
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
// Exports come last: they compress, and nobody waits for one as for a page.
constexpr int kExportWorkers = 2;
// Some are left to store keys that are not tried because too many are being tried.
constexpr int kKeyTryingWorkers = playlog::auth::KeyTrier::kAtOnceMax + 4;

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

}  // namespace

int main(int argc, char** argv) {
  using namespace playlog;  // NOLINT(google-build-using-namespace): a list of what is built.
  rpc::Process process(kService, argc, argv);
  Clock& clock = Clock::System();
  const std::string token_key_path = absl::GetFlag(FLAGS_token_key_file);
  auth::AccessTokens access_tokens(process.Require(auth::TokenKeyFile::Read(token_key_path)),
                                   clock);
  const auth::TokenKeyFile token_key_file(token_key_path, access_tokens);
  const std::string key_ring_path = absl::GetFlag(FLAGS_key_encryption_key_file);
  auth::Vault vault(process.Require(
      ReadKeyFile("key_encryption_key_file", key_ring_path, &auth::KeyRing::Parse)));
  const auto spotify_ingest =
      process.Connect("spotify_ingest", absl::GetFlag(FLAGS_spotify_ingest_address));
  const auto lastfm_ingest =
      process.Connect("lastfm_ingest", absl::GetFlag(FLAGS_lastfm_ingest_address));
  const auth::EraserChannels holders = {
      .spotify_ingest = spotify_ingest,
      .lastfm_ingest = lastfm_ingest,
      .song_store = process.Connect("song_store", absl::GetFlag(FLAGS_song_store_address))};
  const auto erasers = auth::MakeErasers(holders);
  const auto key_trier =
      auth::MakeKeyTrier({.spotify_ingest = spotify_ingest, .lastfm_ingest = lastfm_ingest});
  const Secret database_url = process.ReadSecret("database_url_file");
  process.Require(db::Migrate({.url = database_url,
                               .schema = kService,
                               .files = MigrationFiles(),
                               .deadline = absl::Now() + kMigrationTime}));
  const auto pool = process.Require(db::Pool::Create({.url = database_url, .schema = kService}));
  auth::PostgresStore store(*pool);
  auth::PostgresAudit audit(*pool);
  auth::PostgresCredentialStore credentials(*pool);
  auth::KeyRotation key_rotation(key_ring_path, vault, credentials, clock);
  process.Require(key_rotation.CheckAtStart(absl::Now() + kMigrationTime));
  key_rotation.Start();
  auth::Passwords passwords;
  auth::SignIn sign_in(store, passwords, clock);
  // This service has the keys and the revocations itself.
  rpc::CachingTokenVerifier signatures(
      [&access_tokens] { return jwt::PublicKeys::Create(access_tokens.public_keys()); }, clock);
  auth::SessionVerifier verifier(signatures, store);
  rpc::Dispatcher sign_in_dispatcher({.workers = kSignInWorkers, .queue = 16}, verifier);
  rpc::Dispatcher key_trying_dispatcher({.workers = kKeyTryingWorkers, .queue = 32}, verifier);
  rpc::Dispatcher dispatcher({.workers = 8, .queue = 64}, verifier);
  rpc::Dispatcher export_dispatcher({.workers = kExportWorkers, .queue = 16}, verifier);
  auth::PostgresErasureStore erasures(*pool);
  auth::ErasureWorker erasure_worker(erasures, *erasers);
  const std::vector<auth::ExportSource> export_sources = auth::MakeExportSources(*pool, holders);
  auth::UserService user_service({store, sign_in, access_tokens, audit,
                                  [&erasure_worker] { erasure_worker.Wake(); }, export_sources,
                                  clock, sign_in_dispatcher, dispatcher, export_dispatcher});
  auth::ApiKeyService api_key_service(
      {credentials, vault, *key_trier, clock, key_trying_dispatcher, dispatcher});
  auth::OpenLimits open_limits(clock);
  auth::KeyVaultService key_vault_service(
      {credentials, vault, audit, open_limits, clock, dispatcher});
  auth::AuditService audit_service(audit, dispatcher);
  auth::UserDirectory user_directory(*pool);
  auth::UserAdminService user_admin_service(user_directory, credentials, audit, clock, dispatcher);
  auth::SigningKeyService signing_key_service(access_tokens, dispatcher);
  auth::RevocationService revocation_service(store, dispatcher);
  return process.Serve({&user_service, &api_key_service, &key_vault_service, &signing_key_service,
                        &revocation_service, &audit_service, &user_admin_service},
                       {&dispatcher, &export_dispatcher});
}
