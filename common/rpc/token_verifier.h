#ifndef PLAYLOG_COMMON_RPC_TOKEN_VERIFIER_H_
#define PLAYLOG_COMMON_RPC_TOKEN_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/wake_signal.h"
#include "common/jwt/jwt.h"
#include "common/rpc/revocation_view.h"

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

// Verifies tokens with keys from a source that is asked now and then, and refuses those that have
// been revoked.
class CachingTokenVerifier final : public TokenVerifier {
 public:
  using KeySource = std::function<absl::StatusOr<jwt::PublicKeys>()>;

  // `revocations`, which the verifier keeps fresh, outlives it. Without one, tokens are good until
  // they expire.
  CachingTokenVerifier(KeySource source, Clock& clock, RevocationView* revocations = nullptr);
  ~CachingTokenVerifier() override;
  CachingTokenVerifier(const CachingTokenVerifier&) = delete;
  CachingTokenVerifier& operator=(const CachingTokenVerifier&) = delete;

  // Asks first for the keys and the revocations that are old, and for keys that fit the token if
  // none does, each as seldom as BetweenTries says.
  absl::StatusOr<jwt::Claims> Verify(std::string_view token) override;

  // Verifies with what is there and never blocks: for threads that must not, beside polling.
  absl::StatusOr<jwt::Claims> VerifyWithoutAsking(std::string_view token);

  // Starts a thread that asks for the keys and the revocations every second from now on. To be
  // called once.
  void StartPolling();

  // Whether there is all that tokens can be verified with now.
  bool IsReady();

 private:
  struct Keys {
    // The same object for as long as the keys are the same.
    std::shared_ptr<const jwt::PublicKeys> keys = std::make_shared<jwt::PublicKeys>();
    absl::Time fetched_at = absl::InfinitePast();
  };
  void RefreshIfOld();
  void RefreshKeys(absl::Time now);
  void TakeKeys(jwt::PublicKeys fetched, absl::Time fetched_at);
  void Poll();
  std::shared_ptr<const Keys> CachedKeys();
  // Verifies all but that the token has not been revoked.
  absl::StatusOr<jwt::Claims> VerifySignature(std::string_view token);
  absl::StatusOr<jwt::Claims> RefuseIfRevoked(absl::StatusOr<jwt::Claims> claims);
  std::optional<jwt::Claims> Recall(std::string_view token, absl::Time now);
  // Does nothing if the keys that verified the token are no longer those of now.
  void Remember(std::string_view token, const jwt::Claims& claims, const Keys& verified_with);

  const KeySource source_;
  Clock& clock_;
  RevocationView* const revocations_;
  absl::Mutex refreshing_;
  bool failing_ ABSL_GUARDED_BY(refreshing_) = false;
  absl::Mutex mutex_;
  std::shared_ptr<const Keys> keys_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Keys>();
  absl::Time tried_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Tokens whose signature was good under the keys of now, so that a busy reader's is not worked
  // out for each of its requests (about 0.1 ms of a core). Emptied when full and when the keys
  // change.
  std::unordered_map<std::string, jwt::Claims> verified_ ABSL_GUARDED_BY(mutex_);
  WakeSignal stop_;
  std::thread poller_;
};

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_TOKEN_VERIFIER_H_
