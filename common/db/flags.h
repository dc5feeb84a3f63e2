#ifndef PLAYLOG_COMMON_DB_FLAGS_H_
#define PLAYLOG_COMMON_DB_FLAGS_H_

#include "absl/status/statusor.h"
#include "common/base/secret.h"

namespace playlog::db {

// Reads the database URL from the file that --database_url_file names. FAILED_PRECONDITION says in
// one line what is wrong: no flag, no file, a file that others may read.
absl::StatusOr<Secret> DatabaseUrlFromFlags();

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_FLAGS_H_
