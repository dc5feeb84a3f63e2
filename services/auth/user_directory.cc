#include "services/auth/user_directory.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

using db::Effect;
using db::Row;
using db::Rows;
using db::Statement;

// What all lists of users ask for; names are ASCII, so that LIKE and lower() are the same in every
// database.
#define PLAYLOG_USERS                                                        \
  "SELECT id, username, created_at, staff FROM users"                        \
  " WHERE ($1::text IS NULL OR lower(username COLLATE \"C\") LIKE $1::text)" \
  " AND ($2::boolean IS NULL OR staff = $2::boolean)"
#define PLAYLOG_NAME_BEHIND(sign) \
  " AND ($3::text IS NULL OR lower(username COLLATE \"C\") " sign " $3::text)"
#define PLAYLOG_ID_BEHIND(sign) " AND ($3::bigint IS NULL OR id " sign " $3::bigint)"

constexpr Statement kByIdUp{"directory_by_id_up",
                            PLAYLOG_USERS PLAYLOG_ID_BEHIND(">") " ORDER BY id LIMIT $4::bigint"};
constexpr Statement kByIdDown{
    "directory_by_id_down",
    PLAYLOG_USERS PLAYLOG_ID_BEHIND("<") " ORDER BY id DESC LIMIT $4::bigint"};
constexpr Statement kByNameUp{"directory_by_name_up",
                              PLAYLOG_USERS PLAYLOG_NAME_BEHIND(
                                  ">") " ORDER BY lower(username COLLATE \"C\") LIMIT $4::bigint"};
constexpr Statement kByNameDown{
    "directory_by_name_down",
    PLAYLOG_USERS PLAYLOG_NAME_BEHIND(
        "<") " ORDER BY lower(username COLLATE \"C\") DESC LIMIT $4::bigint"};

constexpr Statement kFind{
    "directory_find", "SELECT id, username, created_at, staff FROM users WHERE id = $1::bigint"};

constexpr Statement kFindByPart{"directory_find_by_part", R"sql(
  SELECT id FROM users WHERE lower(username COLLATE "C") LIKE $1::text
  ORDER BY id LIMIT $2::bigint)sql"};

constexpr Statement kNames{"directory_names", R"sql(
  SELECT id, username FROM users WHERE id = ANY ($1::bigint[]))sql"};

std::string PatternOf(const std::string& part) {
  return "%" +
         absl::StrReplaceAll(absl::AsciiStrToLower(part),
                             {{"\\", "\\\\"}, {"%", "\\%"}, {"_", "\\_"}}) +
         "%";
}

DirectoryUser ReadUser(const Row& row) {
  return {.id = row.Int64(0),
          .name = std::string(row.Text(1)),
          .created_at = row.Time(2),
          .staff = row.Bool(3)};
}

}  // namespace

absl::StatusOr<std::vector<DirectoryUser>> UserDirectory::List(absl::Time deadline,
                                                               const DirectoryQuery& query) {
  std::optional<std::string> pattern;
  if (query.part.has_value()) pattern = PatternOf(*query.part);
  db::Param after = nullptr;
  if (query.after.has_value()) {
    after = query.by_name ? db::Param(query.after->name) : db::Param(query.after->id);
  }
  const Statement& statement = query.by_name ? (query.is_descending ? kByNameDown : kByNameUp)
                                             : (query.is_descending ? kByIdDown : kByIdUp);
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, statement, pattern, query.staff,
                                   std::move(after), query.limit));
  std::vector<DirectoryUser> users;
  users.reserve(rows.size());
  for (const Row row : rows) users.push_back(ReadUser(row));
  return users;
}

absl::StatusOr<std::optional<DirectoryUser>> UserDirectory::Find(absl::Time deadline,
                                                                 std::int64_t id) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFind, id));
  if (rows.empty()) return std::optional<DirectoryUser>();
  return std::optional(ReadUser(rows[0]));
}

absl::StatusOr<std::vector<std::int64_t>> UserDirectory::FindByPart(absl::Time deadline,
                                                                    const std::string& part,
                                                                    int limit) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kFindByPart,
                                                        PatternOf(part), limit));
  std::vector<std::int64_t> ids;
  for (const Row row : rows) ids.push_back(row.Int64(0));
  return ids;
}

absl::StatusOr<std::map<std::int64_t, std::string>> UserDirectory::NamesOf(
    absl::Time deadline, std::span<const std::int64_t> ids) {
  db::Array asked;
  for (const std::int64_t id : ids) asked.Add(id);
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kNames, std::move(asked)));
  std::map<std::int64_t, std::string> names;
  for (const Row row : rows) names.emplace(row.Int64(0), row.Text(1));
  return names;
}

}  // namespace playlog::auth
