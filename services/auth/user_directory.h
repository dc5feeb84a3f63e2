#ifndef PLAYLOG_SERVICES_AUTH_USER_DIRECTORY_H_
#define PLAYLOG_SERVICES_AUTH_USER_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/db/pool.h"

namespace playlog::auth {

// A user as staff see it.
struct DirectoryUser {
  std::int64_t id = 0;
  std::string name;
  absl::Time created_at = absl::InfinitePast();
  bool staff = false;
};

// A place in the list of users: behind the one with this id or, in the order of names, this name in
// lower case.
struct DirectoryPosition {
  std::int64_t id = 0;
  std::string name = "";
};

struct DirectoryQuery {
  std::optional<std::string> part = std::nullopt;  // Of the name, whatever its case.
  std::optional<bool> staff = std::nullopt;
  bool by_name = false;  // Else by id.
  bool is_descending = true;
  std::optional<DirectoryPosition> after = std::nullopt;
  int limit = 0;
};

// Reads all users, for staff: in PostgreSQL, from the table that Store writes. A part of a name is
// looked for in all names, so that it costs some milliseconds for each ten thousand users.
// Thread-safe; every call ends by its deadline, with the errors of common/db/pool.h.
class UserDirectory {
 public:
  explicit UserDirectory(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<std::vector<DirectoryUser>> List(absl::Time deadline, const DirectoryQuery& query);
  absl::StatusOr<std::optional<DirectoryUser>> Find(absl::Time deadline, std::int64_t id);

  // Returns the ids of the users whose names have the part, the smallest, at most `limit`.
  absl::StatusOr<std::vector<std::int64_t>> FindByPart(absl::Time deadline, const std::string& part,
                                                       int limit);
  // Returns the names of those of the users who are there.
  absl::StatusOr<std::map<std::int64_t, std::string>> NamesOf(absl::Time deadline,
                                                              std::span<const std::int64_t> ids);

 private:
  db::Pool& pool_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_USER_DIRECTORY_H_
