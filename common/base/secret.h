#ifndef PLAYLOG_COMMON_BASE_SECRET_H_
#define PLAYLOG_COMMON_BASE_SECRET_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace playlog {

// A key, token or password. It cannot be printed or compared by accident: there is no operator<<
// and no conversion, and its bytes are overwritten when it dies.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);
  Secret(const Secret& other) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // The bytes, for the one place that needs them. Valid as long as the secret.
  std::string_view Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

// Reads a secret from a file that nobody else may read: a regular file without rights for group and
// others, at most 64 KiB; a newline at its end is dropped. FAILED_PRECONDITION says in one line
// what is wrong.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_SECRET_H_
