#ifndef PLAYLOG_SERVICES_AUTH_ZIP_WRITER_H_
#define PLAYLOG_SERVICES_AUTH_ZIP_WRITER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

struct archive;

namespace playlog::auth {

// Writes a ZIP file from its beginning to its end without knowing any size before: each entry is
// deflated, its sizes follow it, and they may pass 4 GiB (ZIP64). Holds some 300 KiB and the bytes
// that have not been taken yet. Not thread-safe. An error is INTERNAL: only memory can run out.
class ZipWriter {
 public:
  ZipWriter();
  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // Begins a file, which ends the one before. The name is printable ASCII.
  absl::Status BeginFile(const std::string& name, absl::Time modified_at);
  // Appends to the file that was begun last.
  absl::Status Append(std::string_view bytes);
  // Writes the ZIP's directory; without it no reader takes the file for a whole one. Nothing may
  // follow.
  absl::Status Finish();

  // The bytes that no call of TakeBytes has returned yet.
  std::size_t pending() const { return bytes_.size(); }
  std::string TakeBytes();

 private:
  struct Free {
    void operator()(archive* zip) const;
  };

  absl::Status Check(long result) const;

  std::string bytes_;
  std::unique_ptr<archive, Free> zip_;  // Last, since it may still write when it is freed.
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_ZIP_WRITER_H_
