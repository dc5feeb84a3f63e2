#ifndef PLAYLOG_COMMON_DB_ROW_EXPORT_H_
#define PLAYLOG_COMMON_DB_ROW_EXPORT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/row_export.h"
#include "common/db/pool.h"
#include "common/db/rows.h"
#include "common/db/statement.h"

namespace playlog::db {

// A table as an export gives it out.
struct ExportedTable {
  std::string_view name;
  // Selects the row as JSON text and then the columns of its key as text, in the key's order. It
  // names each column that it gives out, so that one with a secret never joins them by itself.
  // Parameters: $1 the user's id; $2 a text[], the key of the last row that was read, empty at
  // first; $3 the most rows.
  Statement statement;
  std::size_t key_columns = 1;
};

// Gives out a user's rows from PostgreSQL, each run of rows by a short query of its own.
class PostgresRowExport final : public RowExport {
 public:
  // The pool and the tables outlive the export.
  PostgresRowExport(Pool& pool, std::span<const ExportedTable> tables, std::int64_t user_id)
      : pool_(pool), tables_(tables), user_id_(user_id) {}

  absl::StatusOr<bool> Next(absl::Time deadline, ExportedRows& rows) override;

 private:
  absl::Status ReadRun(absl::Time deadline);
  void AppendLines(std::string& lines);
  void BeginNextTable();

  Pool& pool_;
  const std::span<const ExportedTable> tables_;
  const std::int64_t user_id_;
  std::size_t table_ = 0;
  bool told_ = false;             // The table has come once.
  std::vector<std::string> key_;  // Of the last row of the run.
  Rows run_;
  std::size_t run_next_ = 0;  // The first row of the run that has not been given out.
  bool exhausted_ = false;    // There are no rows behind the run.
};

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_ROW_EXPORT_H_
