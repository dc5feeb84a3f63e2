// The process that keeps the plays and reads them back.

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/time/clock.h"
#include "common/base/secret.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/process.h"
#include "services/song_store/cursor.h"
#include "services/song_store/postgres_store.h"
#include "services/song_store/revision_service.h"
#include "services/song_store/service.h"
#include "song_store_migrations.h"

ABSL_FLAG(std::string, cursor_key_file, "",
          "A file with at least 32 random bytes that sign the cursors of pages.");

int main(int argc, char** argv) {
  playlog::rpc::Process process("song_store", argc, argv);
  const playlog::song_store::CursorCodec cursors = process.Require(
      playlog::song_store::CursorCodec::Create(process.ReadSecret("cursor_key_file")));
  const playlog::Secret database_url = process.ReadSecret("database_url_file");
  process.Require(playlog::db::Migrate({.url = database_url,
                                        .schema = "song_store",
                                        .files = SongStoreMigrations(),
                                        .deadline = absl::Now() + absl::Seconds(60)}));
  const std::unique_ptr<playlog::db::Pool> pool =
      process.Require(playlog::db::Pool::Create({.url = database_url, .schema = "song_store"}));
  playlog::song_store::PostgresSongStore store(*pool);
  playlog::rpc::Dispatcher dispatcher({.workers = 8, .queue = 64}, process.token_verifier());
  playlog::song_store::SongStoreService service(store, cursors, dispatcher);
  playlog::song_store::RevisionService revisions(store, process.token_verifier(), dispatcher);
  return process.Serve({&service, &revisions});
}
