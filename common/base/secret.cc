#include "common/base/secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace playlog {
namespace {

constexpr std::size_t kSecretFileBytesMax = 64 * 1024;

void Cleanse(std::string& value) {
  if (!value.empty()) OPENSSL_cleanse(value.data(), value.size());
  value.clear();
}

}  // namespace

Secret::Secret(std::string value) : value_(std::move(value)) {}

// Copied and wiped, since a moved-from string may keep its short text.
Secret::Secret(Secret&& other) noexcept {
  value_ = other.value_;
  Cleanse(other.value_);
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    Cleanse(value_);
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Cleanse(value_);
    value_ = other.value_;
    Cleanse(other.value_);
  }
  return *this;
}

Secret::~Secret() { Cleanse(value_); }

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0)
    return absl::FailedPreconditionError(absl::StrCat("cannot open the secret file ", path));
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat attributes {};
  if (fstat(file, &attributes) != 0 || !S_ISREG(attributes.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  if ((attributes.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others may read the secret file ", path, ": its mode must be 0400 or 0600"));
  }
  std::string contents(kSecretFileBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < contents.size()) {
    const ssize_t count = read(file, contents.data() + size, contents.size() - size);
    if (count < 0) return absl::FailedPreconditionError(absl::StrCat("cannot read ", path));
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size == 0 || size > kSecretFileBytesMax) {
    Cleanse(contents);
    return absl::FailedPreconditionError(absl::StrCat(path, " is empty or over 64 KiB"));
  }
  contents.resize(size);
  if (contents.back() == '\n') contents.pop_back();
  return Secret(std::move(contents));
}

}  // namespace playlog
