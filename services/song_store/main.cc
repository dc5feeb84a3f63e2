// The process that keeps the plays and reads them back, to their users and to staff.

#include <memory>
#include <string>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/time/clock.h"
#include "common/base/loops.h"
#include "common/base/secret.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/process.h"
#include "playlog/auth/v1/user_admin_service.grpc.pb.h"
#include "services/song_store/admin_service.h"
#include "services/song_store/cursor.h"
#include "services/song_store/listing.h"
#include "services/song_store/listing_filler.h"
#include "services/song_store/postgres_store.h"
#include "services/song_store/revision_service.h"
#include "services/song_store/service.h"
#include "song_store_migrations.h"

ABSL_FLAG(std::string, cursor_key_file, "",
          "A file with at least 32 random bytes that sign the cursors of pages.");

// The auth service, where the tokens' keys and the users' names are.
ABSL_DECLARE_FLAG(std::string, auth_address);

namespace {

// As many as there are connections.
constexpr int kAdminWorkers = 3;

}  // namespace

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
  // Staff have connections and workers of their own, so that no search of theirs holds up a user.
  const std::unique_ptr<playlog::db::Pool> admin_pool = process.Require(
      playlog::db::Pool::Create(playlog::song_store::ListingPoolOptions(database_url)));
  playlog::song_store::PostgresSongStore store(*pool);
  playlog::rpc::Dispatcher dispatcher({.workers = 8, .queue = 64}, process.token_verifier());
  playlog::song_store::SongStoreService service(store, cursors, dispatcher);
  playlog::song_store::RevisionService revisions(store, process.token_verifier(), dispatcher);
  playlog::song_store::Listing listing(*admin_pool);
  playlog::rpc::Dispatcher admin_dispatcher({.workers = kAdminWorkers, .queue = 16},
                                            process.token_verifier());
  const std::unique_ptr<playlog::auth::v1::UserAdminService::Stub> users =
      playlog::auth::v1::UserAdminService::NewStub(
          process.Connect("auth", absl::GetFlag(FLAGS_auth_address)));
  playlog::song_store::SongAdminService admin_service(
      listing, *admin_pool,
      [&users](const playlog::rpc::Call& call,
               const playlog::auth::v1::LookUpUsersRequest& request) {
        return playlog::rpc::Invoke(*users, &playlog::auth::v1::UserAdminService::Stub::LookUpUsers,
                                    call, request, absl::Seconds(1));
      },
      cursors, admin_dispatcher);
  playlog::song_store::ListingFiller filler(*pool);
  playlog::Loops loops;
  loops.Start("listing", [&](playlog::Loops::Pulse& pulse) {
    filler.Work(pulse, [&service] { return service.upserts(); });
  });
  process.AtStop([&loops] { loops.Stop(); });
  return process.Serve({&service, &revisions, &admin_service}, {&dispatcher, &admin_dispatcher});
}
