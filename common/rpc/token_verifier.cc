#include "common/rpc/token_verifier.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"

namespace playlog::rpc {
namespace {

// Keys older than this are asked for again; a reader waits for it only when they are over
// kKeysAgeMax.
constexpr absl::Duration kKeysFreshFor = absl::Seconds(20);
// A view of the keys that is older than this is not trusted: while auth is away for longer, tokens
// are refused as UNAVAILABLE rather than accepted unverified (reliability.md TH32).
constexpr absl::Duration kKeysAgeMax = absl::Seconds(60);
// At most one question a second, however many unknown tokens come in.
constexpr absl::Duration kBetweenTries = absl::Seconds(1);
constexpr std::size_t kVerifiedMax = 4096;

}  // namespace

CachingTokenVerifier::CachingTokenVerifier(KeySource source, Clock& clock)
    : source_(std::move(source)), clock_(clock) {}

absl::StatusOr<jwt::Claims> CachingTokenVerifier::Verify(std::string_view token) {
  RefreshIfOld();
  const std::shared_ptr<const Keys> before = CachedKeys();
  absl::StatusOr<jwt::Claims> claims = VerifyWithoutAsking(token);
  if (claims.ok()) return claims;
  // The token may be signed with a key that came after ours were fetched.
  Refresh(clock_.Now());
  if (CachedKeys() == before) return claims;
  return VerifyWithoutAsking(token);
}

absl::StatusOr<jwt::Claims> CachingTokenVerifier::VerifyWithoutAsking(std::string_view token) {
  const absl::Time now = clock_.Now();
  const std::shared_ptr<const Keys> keys = CachedKeys();
  if (now - keys->fetched_at > kKeysAgeMax) {
    return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "Temporarily unavailable",
                          "Sign-ins cannot be verified now. Try again.", absl::Seconds(1));
  }
  if (std::optional<jwt::Claims> claims = Recall(token, now)) return *std::move(claims);
  absl::StatusOr<jwt::Claims> claims = jwt::Verify(token, keys->keys, now);
  if (claims.ok()) Remember(token, *claims);
  return claims;
}

void CachingTokenVerifier::RefreshIfOld() {
  const absl::Time now = clock_.Now();
  if (now - CachedKeys()->fetched_at > kKeysFreshFor) Refresh(now);
}

bool CachingTokenVerifier::HasKeys() {
  return clock_.Now() - CachedKeys()->fetched_at <= kKeysAgeMax;
}

std::shared_ptr<const CachingTokenVerifier::Keys> CachingTokenVerifier::CachedKeys() {
  const absl::MutexLock lock(&mutex_);
  return keys_;
}

void CachingTokenVerifier::Refresh(absl::Time now) {
  // One asks; others go on with what there is, or wait here if there is nothing.
  if (!refreshing_.TryLock()) {
    if (now - CachedKeys()->fetched_at <= kKeysAgeMax) return;
    refreshing_.Lock();
  }
  {
    const absl::MutexLock lock(&mutex_);
    if (now - tried_at_ < kBetweenTries) {
      refreshing_.Unlock();
      return;
    }
    tried_at_ = now;
  }
  absl::StatusOr<jwt::PublicKeys> fetched = source_();
  if (fetched.ok()) {
    auto keys = std::make_shared<Keys>(Keys{*std::move(fetched), now});
    const absl::MutexLock lock(&mutex_);
    keys_ = std::move(keys);
    verified_.clear();
  } else {
    Log(Severity::kWarning, "signing_keys_unavailable", {{"error", fetched.status().ToString()}});
  }
  refreshing_.Unlock();
}

std::optional<jwt::Claims> CachingTokenVerifier::Recall(std::string_view token, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (now - keys_->fetched_at > kKeysAgeMax) return std::nullopt;
  const auto found = verified_.find(std::string(token));
  if (found == verified_.end() || now >= found->second.expires_at ||
      now < found->second.issued_at) {
    return std::nullopt;
  }
  return found->second;
}

void CachingTokenVerifier::Remember(std::string_view token, const jwt::Claims& claims) {
  const absl::MutexLock lock(&mutex_);
  if (verified_.size() >= kVerifiedMax) verified_.clear();
  verified_.insert_or_assign(std::string(token), claims);
}

}  // namespace playlog::rpc
