#ifndef PLAYLOG_COMMON_BASE_ROW_EXPORT_H_
#define PLAYLOG_COMMON_BASE_ROW_EXPORT_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace playlog {

// Rows of one table, each as a JSON object on a line of its own that ends with a line feed.
struct ExportedRows {
  std::string table;
  std::string lines;
};

// How many bytes of lines are enough for one step; the line that passes it is the step's last.
inline constexpr std::size_t kExportedBytes = 64 * 1024;

// Gives out all that a store holds about a user, step by step, table after table. For one thread at
// a time; it holds nothing of the database's between two steps.
class RowExport {
 public:
  virtual ~RowExport() = default;
  // Fills in the next rows; false when there are none left. Each table comes at least once, with no
  // lines if it has no rows. After an error the export is over. Ends by the deadline.
  virtual absl::StatusOr<bool> Next(absl::Time deadline, ExportedRows& rows) = 0;
};

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_ROW_EXPORT_H_
