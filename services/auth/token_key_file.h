#ifndef PLAYLOG_SERVICES_AUTH_TOKEN_KEY_FILE_H_
#define PLAYLOG_SERVICES_AUTH_TOKEN_KEY_FILE_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/base/wake_signal.h"
#include "common/jwt/jwt.h"
#include "services/auth/tokens.h"

namespace playlog::auth {

// The file --token_key_file, of which tokens.h says how it is changed. It is looked at every
// second; a file that cannot be used is refused with one line in the log and leaves the keys as
// they were.
class TokenKeyFile {
 public:
  // Reads the keys that the process starts with. FAILED_PRECONDITION in one line that names the
  // flag and the file.
  static absl::StatusOr<std::vector<jwt::SigningKey>> Read(const std::string& path);

  // Watches the file, which `tokens` has the keys of, with a thread of its own. `tokens` outlives
  // it.
  TokenKeyFile(std::string path, AccessTokens& tokens,
               absl::Duration between_looks = absl::Seconds(1));
  ~TokenKeyFile();
  TokenKeyFile(const TokenKeyFile&) = delete;
  TokenKeyFile& operator=(const TokenKeyFile&) = delete;

  // Why the file cannot be used now, for the log; empty if it can. Thread-safe.
  std::string refusal() const;

 private:
  void Watch();
  // Looks at the file once.
  void Look();
  void Take(std::vector<jwt::SigningKey> keys);
  void Refuse(const absl::Status& status);
  // Returns whether that is news.
  bool SetRefusal(std::string refusal);

  const std::string path_;
  AccessTokens& tokens_;
  const absl::Duration between_looks_;
  Secret contents_;  // What was read last, good or bad.
  mutable absl::Mutex mutex_;
  std::string refusal_ ABSL_GUARDED_BY(mutex_);
  WakeSignal stop_;
  std::thread watcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_TOKEN_KEY_FILE_H_
