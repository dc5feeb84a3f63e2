#ifndef PLAYLOG_COMMON_RPC_TOKEN_VERIFIER_H_
#define PLAYLOG_COMMON_RPC_TOKEN_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/jwt/jwt.h"

namespace playlog::rpc {

// Verifies access tokens. Thread-safe.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  // Returns what a token says. INVALID_TOKEN for any that is not good now; UNAVAILABLE if the keys
  // cannot be had, for a token is never taken unverified. May block for as long as its key source
  // does.
  virtual absl::StatusOr<jwt::Claims> Verify(std::string_view token) = 0;
};

// Verifies tokens with keys from a source that is asked now and then.
class CachingTokenVerifier final : public TokenVerifier {
 public:
  using KeySource = std::function<absl::StatusOr<jwt::PublicKeys>()>;

  CachingTokenVerifier(KeySource source, Clock& clock);
  // Asks for the keys first where they are old or do not fit the token, at most once a second.
  absl::StatusOr<jwt::Claims> Verify(std::string_view token) override;

  // Verifies with the keys that are there and never blocks: for threads that must not, beside one
  // that calls RefreshIfOld every second or so.
  absl::StatusOr<jwt::Claims> VerifyWithoutAsking(std::string_view token);

  // Asks for the keys anew if they are no longer fresh, unless that was tried within the last
  // second. Blocks.
  void RefreshIfOld();

  // Whether there are keys that tokens can be verified with now.
  bool HasKeys();

 private:
  struct Keys {
    jwt::PublicKeys keys;
    absl::Time fetched_at = absl::InfinitePast();
  };
  void Refresh(absl::Time now);
  std::shared_ptr<const Keys> CachedKeys();
  std::optional<jwt::Claims> Recall(std::string_view token, absl::Time now);
  void Remember(std::string_view token, const jwt::Claims& claims);

  const KeySource source_;
  Clock& clock_;
  absl::Mutex refreshing_;
  absl::Mutex mutex_;
  std::shared_ptr<const Keys> keys_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Keys>();
  absl::Time tried_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Tokens whose signature was good under the keys of now, so that a busy reader's is not worked
  // out for each of its requests (about 0.1 ms of a core). Emptied when full and when the keys
  // change.
  std::unordered_map<std::string, jwt::Claims> verified_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_TOKEN_VERIFIER_H_
