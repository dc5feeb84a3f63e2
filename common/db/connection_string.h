#ifndef PLAYLOG_COMMON_DB_CONNECTION_STRING_H_
#define PLAYLOG_COMMON_DB_CONNECTION_STRING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace playlog::db {

// The settings of a session. They travel in the connection string, so that no connection is ever
// without them.
struct SessionSettings {
  std::string_view schema;
  absl::Duration statement_timeout = absl::ZeroDuration();  // None.
  absl::Duration lock_timeout = absl::ZeroDuration();       // None.
  std::string_view further = "";                            // As in `-c work_mem=8MB`.
};

// Returns the libpq keyword string of a URL with the session's settings in it. INVALID_ARGUMENT
// says what is wrong with the URL or the schema's name, without the password.
absl::StatusOr<std::string> ConnectionString(std::string_view url, const SessionSettings& settings);

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_CONNECTION_STRING_H_
