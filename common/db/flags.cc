#include "common/db/flags.h"

#include <string>

#include "absl/flags/flag.h"

ABSL_FLAG(std::string, database_url_file, "",
          "File with the libpq URL of this service's role, readable by its owner alone.");

namespace playlog::db {

absl::StatusOr<Secret> DatabaseUrlFromFlags() {
  const std::string path = absl::GetFlag(FLAGS_database_url_file);
  if (path.empty()) return absl::FailedPreconditionError("--database_url_file is not set");
  return ReadSecretFile(path);
}

}  // namespace playlog::db
