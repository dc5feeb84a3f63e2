#include "common/db/row_export.h"

#include <utility>

#include "common/base/status_macros.h"

namespace playlog::db {
namespace {

// Rows have 0.7 KiB as a rule and 150 KiB at worst.
constexpr int kRun = 100;

}  // namespace

absl::Status PostgresRowExport::ReadRun(absl::Time deadline) {
  const ExportedTable& table = tables_[table_];
  Array key;
  for (const std::string& column : key_) key.Add(column);
  PLAYLOG_ASSIGN_OR_RETURN(run_, pool_.Query(deadline, Effect::kIdempotent, table.statement,
                                             user_id_, std::move(key), kRun));
  run_next_ = 0;
  exhausted_ = run_.size() < kRun;
  if (run_.empty()) return absl::OkStatus();
  const Row last = run_[run_.size() - 1];
  key_.clear();
  for (std::size_t i = 1; i <= table.key_columns; ++i) key_.emplace_back(last.Text(i));
  return absl::OkStatus();
}

void PostgresRowExport::AppendLines(std::string& lines) {
  while (run_next_ < run_.size() && lines.size() < kExportedBytes) {
    lines.append(run_[run_next_++].Text(0));
    lines.push_back('\n');
  }
}

void PostgresRowExport::BeginNextTable() {
  ++table_;
  told_ = false;
  key_.clear();
  run_ = Rows();
  run_next_ = 0;
  exhausted_ = false;
}

absl::StatusOr<bool> PostgresRowExport::Next(absl::Time deadline, ExportedRows& rows) {
  rows.lines.clear();
  while (table_ < tables_.size()) {
    if (run_next_ == run_.size() && !exhausted_) PLAYLOG_RETURN_IF_ERROR(ReadRun(deadline));
    AppendLines(rows.lines);
    if (!rows.lines.empty() || !told_) {
      told_ = true;
      rows.table = tables_[table_].name;
      return true;
    }
    BeginNextTable();
  }
  return false;
}

}  // namespace playlog::db
