#ifndef PLAYLOG_COMMON_DB_MIGRATE_H_
#define PLAYLOG_COMMON_DB_MIGRATE_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/embedded_file.h"
#include "common/base/secret.h"

namespace playlog::db {

struct MigrateOptions {
  Secret url = Secret();
  // The schema that the files are for; made if it does not exist. 1 to 63 lower-case letters and
  // `_`.
  std::string_view schema;
  // Named NNNN_what_it_does.sql with numbers from 0001 on without gaps, in any order. A file holds
  // any number of statements and none that begins or ends a transaction. Once it has been applied
  // anywhere it never changes.
  std::span<const EmbeddedFile> files;
  // When to give up waiting for PostgreSQL, or for another process that is migrating. A SIGTERM or
  // SIGINT that is blocked and pending gives up too, since nobody else looks at it yet.
  absl::Time deadline = absl::InfiniteFuture();
};

// Waits for PostgreSQL, refuses a server whose settings could lose acknowledged writes, and applies
// the files that the schema does not have yet, each in a transaction of its own. Any number of
// processes may do so at once; after a crash, doing it again goes on where it stopped. Files that a
// newer program has applied are left alone.
// Errors: FAILED_PRECONDITION in one line for people: an unsafe server setting, or a file that was
// changed after it had been applied, or that failed, by its name; UNAVAILABLE: the wait was given
// up.
absl::Status Migrate(const MigrateOptions& options);

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_MIGRATE_H_
