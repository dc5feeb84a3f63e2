#ifndef PLAYLOG_COMMON_RPC_ROW_EXPORT_STREAM_H_
#define PLAYLOG_COMMON_RPC_ROW_EXPORT_STREAM_H_

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "common/base/row_export.h"
#include "common/base/status_macros.h"
#include "common/rpc/call.h"

namespace playlog::rpc {

// Answers with an export. `Part` has the fields `table` and `rows`.
template <class Part>
class RowExportStream final : public Stream<Part> {
 public:
  RowExportStream(const Call& call, std::unique_ptr<RowExport> rows)
      : deadline_(call.deadline), export_(std::move(rows)) {}

  absl::StatusOr<bool> Next(Part& part) override {
    constexpr absl::Duration kReadLimit = absl::Seconds(1);
    ExportedRows rows;
    PLAYLOG_ASSIGN_OR_RETURN(const bool more,
                             export_->Next(std::min(deadline_, absl::Now() + kReadLimit), rows));
    if (!more) return false;
    part.set_table(std::move(rows.table));
    part.set_rows(std::move(rows.lines));
    return true;
  }

 private:
  const absl::Time deadline_;
  const std::unique_ptr<RowExport> export_;
};

// Reads a neighbour's export, whose parts have the fields `table` and `rows`.
template <class Part>
class NeighbourRowExport final : public RowExport {
 public:
  explicit NeighbourRowExport(std::unique_ptr<Stream<Part>> parts) : parts_(std::move(parts)) {}

  // The stream's own limits hold in the place of the deadline.
  absl::StatusOr<bool> Next(absl::Time, ExportedRows& rows) override {
    Part part;
    PLAYLOG_ASSIGN_OR_RETURN(const bool more, parts_->Next(part));
    if (!more) return false;
    rows.table = std::move(*part.mutable_table());
    rows.lines = std::move(*part.mutable_rows());
    return true;
  }

 private:
  const std::unique_ptr<Stream<Part>> parts_;
};

template <class Part>
std::unique_ptr<RowExport> ReadRowExport(std::unique_ptr<Stream<Part>> parts) {
  return std::make_unique<NeighbourRowExport<Part>>(std::move(parts));
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_ROW_EXPORT_STREAM_H_
