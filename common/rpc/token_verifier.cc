#include "common/rpc/token_verifier.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/rpc/freshness.h"

namespace playlog::rpc {
namespace {

// Keys older than this are asked for again; a reader waits for it only when they are over
// kKeysAgeMax.
constexpr absl::Duration kKeysFreshFor = absl::Seconds(20);
// A view of the keys that is older than this is not trusted: while auth is away for longer, tokens
// are refused as UNAVAILABLE rather than accepted unverified (reliability.md TH32).
constexpr absl::Duration kKeysAgeMax = absl::Seconds(60);
// The same for revocations. A process that polls asks more often.
constexpr absl::Duration kRevocationsFreshFor = absl::Seconds(5);
// Some 10 MiB, when that many users are signed in. To verify a token that is not known costs 50 µs.
constexpr std::size_t kVerifiedMax = 16'384;

}  // namespace

CachingTokenVerifier::CachingTokenVerifier(KeySource source, Clock& clock,
                                           RevocationView* revocations)
    : source_(std::move(source)), clock_(clock), revocations_(revocations) {}

CachingTokenVerifier::~CachingTokenVerifier() {
  stop_.Raise();
  if (poller_.joinable()) poller_.join();
}

absl::StatusOr<jwt::Claims> CachingTokenVerifier::Verify(std::string_view token) {
  RefreshIfOld();
  const std::shared_ptr<const Keys> before = CachedKeys();
  absl::StatusOr<jwt::Claims> claims = VerifySignature(token);
  if (!claims.ok()) {
    // The token may be signed with a key that came after ours were fetched.
    RefreshKeys(clock_.Now());
    if (CachedKeys() != before) claims = VerifySignature(token);
  }
  return RefuseIfRevoked(std::move(claims));
}

absl::StatusOr<jwt::Claims> CachingTokenVerifier::VerifyWithoutAsking(std::string_view token) {
  return RefuseIfRevoked(VerifySignature(token));
}

absl::StatusOr<jwt::Claims> CachingTokenVerifier::VerifySignature(std::string_view token) {
  const absl::Time now = clock_.Now();
  const std::shared_ptr<const Keys> keys = CachedKeys();
  if (!IsYoung(keys->fetched_at, now, kKeysAgeMax)) {
    return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "Temporarily unavailable",
                          "Sign-ins cannot be verified now. Try again.", absl::Seconds(1));
  }
  if (std::optional<jwt::Claims> claims = Recall(token, now)) return *std::move(claims);
  absl::StatusOr<jwt::Claims> claims = jwt::Verify(token, *keys->keys, now);
  if (claims.ok()) Remember(token, *claims, *keys);
  return claims;
}

absl::StatusOr<jwt::Claims> CachingTokenVerifier::RefuseIfRevoked(
    absl::StatusOr<jwt::Claims> claims) {
  if (!claims.ok() || revocations_ == nullptr) return claims;
  PLAYLOG_RETURN_IF_ERROR(revocations_->Check(*claims));
  return claims;
}

void CachingTokenVerifier::RefreshIfOld() {
  const absl::Time now = clock_.Now();
  if (!IsYoung(CachedKeys()->fetched_at, now, kKeysFreshFor)) RefreshKeys(now);
  if (revocations_ != nullptr) revocations_->RefreshIfOlderThan(kRevocationsFreshFor);
}

void CachingTokenVerifier::StartPolling() {
  poller_ = std::thread([this] {
    bool has_learned = false;
    do {
      Poll();
      has_learned = has_learned || IsReady();
    } while (!stop_.WaitFor(BetweenTries(has_learned)));
  });
}

void CachingTokenVerifier::Poll() {
  if (revocations_ != nullptr) revocations_->RefreshIfOlderThan(absl::ZeroDuration());
  RefreshKeys(clock_.Now());
}

bool CachingTokenVerifier::IsReady() {
  return IsYoung(CachedKeys()->fetched_at, clock_.Now(), kKeysAgeMax) &&
         (revocations_ == nullptr || revocations_->IsFresh());
}

std::shared_ptr<const CachingTokenVerifier::Keys> CachingTokenVerifier::CachedKeys() {
  const absl::MutexLock lock(&mutex_);
  return keys_;
}

void CachingTokenVerifier::RefreshKeys(absl::Time now) {
  // One asks; others go on with what there is, or wait here if there is nothing.
  if (!refreshing_.TryLock()) {
    if (IsYoung(CachedKeys()->fetched_at, now, kKeysAgeMax)) return;
    refreshing_.Lock();
  }
  {
    const absl::MutexLock lock(&mutex_);
    const bool has_learned = keys_->fetched_at != absl::InfinitePast();
    if (absl::AbsDuration(now - tried_at_) < BetweenTries(has_learned)) {
      refreshing_.Unlock();
      return;
    }
    tried_at_ = now;
  }
  absl::StatusOr<jwt::PublicKeys> fetched = source_();
  const bool failed = !fetched.ok();
  if (fetched.ok()) {
    TakeKeys(*std::move(fetched), now);
  } else if (!failing_) {  // Told once for each time that it begins.
    Log(Severity::kWarning, "signing_keys_unavailable", {{"error", fetched.status().ToString()}});
  }
  failing_ = failed;
  refreshing_.Unlock();
}

void CachingTokenVerifier::TakeKeys(jwt::PublicKeys fetched, absl::Time fetched_at) {
  auto keys = std::make_shared<Keys>();
  keys->fetched_at = fetched_at;
  const absl::MutexLock lock(&mutex_);
  if (fetched == *keys_->keys) {
    keys->keys = keys_->keys;
  } else {
    keys->keys = std::make_shared<jwt::PublicKeys>(std::move(fetched));
    // What other keys have verified is verified anew.
    verified_.clear();
  }
  keys_ = std::move(keys);
}

std::optional<jwt::Claims> CachingTokenVerifier::Recall(std::string_view token, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  const auto found = verified_.find(std::string(token));
  if (found == verified_.end() || now >= found->second.expires_at ||
      now < found->second.issued_at) {
    return std::nullopt;
  }
  return found->second;
}

void CachingTokenVerifier::Remember(std::string_view token, const jwt::Claims& claims,
                                    const Keys& verified_with) {
  const absl::MutexLock lock(&mutex_);
  if (keys_->keys != verified_with.keys) return;
  if (verified_.size() >= kVerifiedMax) verified_.clear();
  verified_.insert_or_assign(std::string(token), claims);
}

}  // namespace playlog::rpc
