#ifndef PLAYLOG_SERVICES_AUTH_EXPORT_STREAM_H_
#define PLAYLOG_SERVICES_AUTH_EXPORT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/row_export.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/user_service.pb.h"
#include "services/auth/zip_writer.h"

namespace playlog::auth {

// A service whose rows are part of an export.
struct ExportSource {
  // Stands before the names of its tables, to tell alike ones apart; possibly empty.
  std::string prefix;
  // Begins to read all that the service holds about a user. Thread-safe.
  std::function<std::unique_ptr<RowExport>(const rpc::Call& call, std::int64_t user_id)> open;
};

// All that is held about a user, as a ZIP file in parts of about 64 KiB: a README.txt, and for each
// table of each source a file <prefix><table>.jsonl. It reads a source when the one before is at
// its end, and from that only as much as the next part needs, so it holds a few hundred KiB
// whatever the length of the history. When a source fails the stream fails, and what was sent is
// not a whole ZIP file.
class ExportStream final : public rpc::Stream<v1::ExportMeResponse> {
 public:
  // `sources` outlive the stream. `now` is the time of the files.
  ExportStream(const rpc::Call& call, const std::vector<ExportSource>& sources, absl::Time now)
      : call_(call), sources_(sources), now_(now) {}

  absl::StatusOr<bool> Next(v1::ExportMeResponse& part) override;

 private:
  // Writes the next step of the ZIP file.
  absl::Status Advance();
  absl::Status Write(const ExportedRows& rows);

  const rpc::Call call_;
  const std::vector<ExportSource>& sources_;
  const absl::Time now_;
  ZipWriter zip_;
  std::size_t source_ = 0;           // The one whose turn it is.
  std::unique_ptr<RowExport> rows_;  // Its rows; null before they are read.
  std::string file_;                 // The file that is being written.
  bool finished_ = false;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_EXPORT_STREAM_H_
