#ifndef PLAYLOG_COMMON_DB_STATEMENT_H_
#define PLAYLOG_COMMON_DB_STATEMENT_H_

#include <string_view>

namespace playlog::db {

// One SQL statement with parameters $1, $2, …. Each connection prepares it when it first uses it.
// Statements are constants: `constexpr db::Statement kFindUser{"find_user", R"sql(…)sql"};`.
struct Statement {
  // Unique within the process; it names the statement in logs and errors.
  std::string_view name;
  std::string_view sql;
  // For one whose text is made for each use, which need not be a constant and is planned for its
  // parameters: it is not prepared, and several texts may have one name.
  bool is_prepared = true;
};

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_STATEMENT_H_
