#ifndef PLAYLOG_COMMON_RPC_REVOCATION_VIEW_H_
#define PLAYLOG_COMMON_RPC_REVOCATION_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/jwt/jwt.h"

namespace grpc {
class Channel;
}

namespace playlog::rpc {

// As in playlog.auth.v1.Revocation.
struct Revocation {
  std::int64_t user_id = 0;
  std::int64_t minimum_token_version = 0;
  std::int64_t session_id = 0;
  absl::Time revoked_at = absl::Time();
};

// An answer of playlog.auth.v1.RevocationService.
struct Revocations {
  std::vector<Revocation> listed;
  absl::Time as_of;
};

// What this process knows of access tokens that ended before their time. It asks for what is new
// since the last answer and forgets what no living token can fall under, by the clock of the
// answers. Thread-safe.
class RevocationView {
 public:
  // An answer that lists so many is followed by more.
  static constexpr std::size_t kPageSize = 10'000;
  // More than can be revoked in the life of a token, since each sign-in costs auth a password hash;
  // beyond, the view takes nothing more and thus gets old.
  static constexpr std::size_t kKnownMax = 500'000;
  // An older view is not trusted (reliability.md TH32).
  static constexpr absl::Duration kAgeMax = absl::Seconds(60);
  // How long a revocation matters: an access token lives for 15 minutes.
  static constexpr absl::Duration kKept = absl::Minutes(16);

  // Asks for the revocations since a time; all that matter without one.
  using Source = std::function<absl::StatusOr<Revocations>(std::optional<absl::Time> since)>;

  RevocationView(Source source, Clock& clock);
  RevocationView(const RevocationView&) = delete;
  RevocationView& operator=(const RevocationView&) = delete;

  // INVALID_TOKEN for a token that has been revoked; UNAVAILABLE, for every token, while the view
  // is older than kAgeMax. Never blocks.
  absl::Status Check(const jwt::Claims& claims);

  // Asks for what is new unless the view is younger than `age`, or somebody asks just now, or that
  // was tried just before (BetweenTries). Blocks for as long as the source does.
  void RefreshIfOlderThan(absl::Duration age);

  // Whether the view can be trusted now.
  bool IsFresh();

 private:
  struct Floor {
    std::int64_t token_version;
    absl::Time revoked_at;
  };

  void Refresh(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(refreshing_);
  absl::Status Ask() ABSL_EXCLUSIVE_LOCKS_REQUIRED(refreshing_);
  absl::Status Take(const Revocations& answer);
  void ForgetBefore(absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Source source_;
  Clock& clock_;
  absl::Mutex refreshing_;
  absl::Time tried_at_ ABSL_GUARDED_BY(refreshing_) = absl::InfinitePast();
  bool failing_ ABSL_GUARDED_BY(refreshing_) = false;
  std::optional<absl::Time> as_of_ ABSL_GUARDED_BY(refreshing_);
  absl::Mutex mutex_;
  // When the last answer that told everything was asked for.
  absl::Time fresh_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time forgot_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // By the sign-in's id, when it was revoked; by the user's, the least version that is good.
  std::unordered_map<std::int64_t, absl::Time> sessions_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::int64_t, Floor> users_ ABSL_GUARDED_BY(mutex_);
};

// The source that asks the auth service behind the channel.
RevocationView::Source AskForRevocations(const std::shared_ptr<grpc::Channel>& auth);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_REVOCATION_VIEW_H_
