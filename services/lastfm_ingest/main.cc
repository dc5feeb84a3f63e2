// The process that fetches scrobbles from Last.fm.

#include <string>

#include "absl/flags/flag.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/http/curl_client.h"
#include "common/http/url.h"
#include "common/ingest/engine.h"
#include "common/ingest/ingest_service.h"
#include "common/ingest/postgres_store.h"
#include "common/ingest/song_store_client.h"
#include "common/ingest/vault_client.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/process.h"
#include "services/lastfm_ingest/service.h"
#include "services/lastfm_ingest/source.h"

ABSL_FLAG(std::string, song_store_address, "",
          "Where the song store is: unix:/path or dns:///host:port.");
ABSL_FLAG(std::string, lastfm_api_url, "https://ws.audioscrobbler.com", "The Last.fm API.");

namespace {

constexpr char kService[] = "lastfm_ingest";
// A supervisor starts the process again if PostgreSQL is away for longer.
constexpr absl::Duration kMigrationTime = absl::Minutes(1);

}  // namespace

int main(int argc, char** argv) {
  using namespace playlog;  // NOLINT(google-build-using-namespace): a list of what is built.
  rpc::Process process(kService, argc, argv);
  const std::string api_url = absl::GetFlag(FLAGS_lastfm_api_url);
  process.Require(http::CheckUpstreamUrl(api_url));
  const Secret database_url =
      process.Require(ReadSecretFile(absl::GetFlag(FLAGS_database_url_file)));
  process.Require(db::Migrate({.url = database_url,
                               .schema = kService,
                               .files = ingest::StoreMigrations(),
                               .deadline = absl::Now() + kMigrationTime}));
  const auto pool = process.Require(db::Pool::Create({.url = database_url, .schema = kService}));
  ingest::PostgresStore store(*pool);
  const auto vault = ingest::MakeVaultClient(
      process.Connect("auth", absl::GetFlag(FLAGS_auth_address)), songs::v1::SOURCE_LASTFM);
  const auto sink = ingest::MakeSongStoreClient(
      process.Connect("song_store", absl::GetFlag(FLAGS_song_store_address)),
      songs::v1::SOURCE_LASTFM);
  http::CurlClient client;
  lastfm_ingest::LastfmSource source(client, Clock::System(), api_url);
  ingest::Engine engine(source, *vault, *sink, store, Clock::System());
  // A fetch holds its worker while the upstream thinks, so fetches have workers of their own.
  rpc::Dispatcher fetch_dispatcher({.workers = 32, .queue = 32}, process.token_verifier());
  rpc::Dispatcher dispatcher({.workers = 2, .queue = 16}, process.token_verifier());
  lastfm_ingest::LastfmIngestService service(engine, fetch_dispatcher);
  ingest::IngestService ingest_service(store, dispatcher);
  return process.Serve({&service, &ingest_service});
}
