#include "services/auth/zip_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

constexpr mode_t kPermissions = 0644;

la_ssize_t AppendBytes(archive*, void* bytes, const void* data, std::size_t size) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

void ZipWriter::Free::operator()(archive* zip) const { archive_write_free(zip); }

ZipWriter::ZipWriter() : zip_(archive_write_new()) {
  if (zip_ == nullptr) throw std::bad_alloc();
  archive_write_set_format_zip(zip_.get());
  // What is written goes out as it comes, without the padding of tapes.
  archive_write_set_bytes_per_block(zip_.get(), 0);
  archive_write_set_bytes_in_last_block(zip_.get(), 1);
  if (archive_write_open(zip_.get(), &bytes_, nullptr, &AppendBytes, nullptr) != ARCHIVE_OK) {
    throw std::bad_alloc();
  }
}

ZipWriter::~ZipWriter() = default;

absl::Status ZipWriter::Check(long result) const {
  if (result >= ARCHIVE_OK) return absl::OkStatus();
  const char* const text = archive_error_string(zip_.get());
  return InternalError(absl::StrCat("libarchive: ", text == nullptr ? "no text" : text));
}

absl::Status ZipWriter::BeginFile(const std::string& name, absl::Time modified_at) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       &archive_entry_free);
  if (entry == nullptr) throw std::bad_alloc();
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), kPermissions);
  archive_entry_set_mtime(entry.get(), absl::ToUnixSeconds(modified_at), 0);
  return Check(archive_write_header(zip_.get(), entry.get()));
}

absl::Status ZipWriter::Append(std::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  return Check(static_cast<long>(archive_write_data(zip_.get(), bytes.data(), bytes.size())));
}

absl::Status ZipWriter::Finish() { return Check(archive_write_close(zip_.get())); }

std::string ZipWriter::TakeBytes() { return std::exchange(bytes_, std::string()); }

}  // namespace playlog::auth
