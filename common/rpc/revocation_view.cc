#include "common/rpc/revocation_view.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "common/rpc/freshness.h"
#include "playlog/auth/v1/revocation_service.grpc.pb.h"

namespace playlog::rpc {
namespace {

using ::google::protobuf::util::TimeUtil;

constexpr absl::Duration kAnswerTime = absl::Seconds(1);
// Forgetting looks at everything that is known.
constexpr absl::Duration kBetweenForgetting = absl::Minutes(1);

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(timestamp));
}

}  // namespace

RevocationView::RevocationView(Source source, Clock& clock)
    : source_(std::move(source)), clock_(clock) {}

absl::Status RevocationView::Check(const jwt::Claims& claims) {
  const absl::Time now = clock_.Now();
  const absl::ReaderMutexLock lock(&mutex_);
  if (!IsYoung(fresh_at_, now, kAgeMax)) {
    return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "Temporarily unavailable",
                          "Sign-ins cannot be verified now. Try again.", absl::Seconds(1));
  }
  if (sessions_.contains(claims.session_id)) return jwt::InvalidTokenError();
  const auto user = users_.find(claims.user_id);
  if (user != users_.end() && claims.token_version < user->second.token_version) {
    return jwt::InvalidTokenError();
  }
  return absl::OkStatus();
}

bool RevocationView::IsFresh() {
  const absl::Time now = clock_.Now();
  const absl::ReaderMutexLock lock(&mutex_);
  return IsYoung(fresh_at_, now, kAgeMax);
}

void RevocationView::RefreshIfOlderThan(absl::Duration age) {
  const absl::Time now = clock_.Now();
  {
    const absl::ReaderMutexLock lock(&mutex_);
    if (IsYoung(fresh_at_, now, age)) return;
  }
  // One asks; others go on with what there is, or wait here if that is nothing.
  if (!refreshing_.TryLock()) {
    if (IsFresh()) return;
    refreshing_.Lock();
  }
  Refresh(now);
  refreshing_.Unlock();
}

void RevocationView::Refresh(absl::Time now) {
  if (absl::AbsDuration(now - tried_at_) < BetweenTries(as_of_.has_value())) return;
  tried_at_ = now;
  const absl::Status status = Ask();
  // Told once for each time that it begins.
  if (!status.ok() && !failing_) {
    Log(Severity::kWarning, "revocations_unavailable", {{"error", status.ToString()}});
  }
  failing_ = !status.ok();
}

absl::Status RevocationView::Ask() {
  // Bounded by what the view takes.
  for (std::size_t pages = 0; pages <= kKnownMax / kPageSize; ++pages) {
    const absl::Time asked_at = clock_.Now();
    PLAYLOG_ASSIGN_OR_RETURN(const Revocations answer, source_(as_of_));
    PLAYLOG_RETURN_IF_ERROR(Take(answer));
    as_of_ = answer.as_of;
    if (answer.listed.size() >= kPageSize) continue;
    const absl::MutexLock lock(&mutex_);
    fresh_at_ = asked_at;
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError("revocations without end");
}

absl::Status RevocationView::Take(const Revocations& answer) {
  const absl::MutexLock lock(&mutex_);
  if (absl::AbsDuration(answer.as_of - forgot_at_) >= kBetweenForgetting) {
    ForgetBefore(answer.as_of - kKept);
    forgot_at_ = answer.as_of;
  }
  for (const Revocation& revocation : answer.listed) {
    if (sessions_.size() + users_.size() >= kKnownMax) {
      return absl::ResourceExhaustedError("more revocations than fit");
    }
    if (revocation.session_id > 0) {
      sessions_.insert_or_assign(revocation.session_id, revocation.revoked_at);
      continue;
    }
    Floor& floor =
        users_.try_emplace(revocation.user_id, Floor{0, absl::InfinitePast()}).first->second;
    floor.token_version = std::max(floor.token_version, revocation.minimum_token_version);
    floor.revoked_at = std::max(floor.revoked_at, revocation.revoked_at);
  }
  return absl::OkStatus();
}

void RevocationView::ForgetBefore(absl::Time time) {
  std::erase_if(sessions_, [time](const auto& session) { return session.second < time; });
  std::erase_if(users_, [time](const auto& user) { return user.second.revoked_at < time; });
}

RevocationView::Source AskForRevocations(const std::shared_ptr<grpc::Channel>& auth) {
  using Stub = auth::v1::RevocationService::Stub;
  const std::shared_ptr<Stub> stub = auth::v1::RevocationService::NewStub(auth);
  return [stub](std::optional<absl::Time> since) -> absl::StatusOr<Revocations> {
    auth::v1::ListRevocationsRequest request;
    if (since.has_value()) {
      *request.mutable_since() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(*since));
    }
    PLAYLOG_ASSIGN_OR_RETURN(const auth::v1::ListRevocationsResponse response,
                             Invoke(*stub, &Stub::ListRevocations, Call{}, request, kAnswerTime));
    Revocations answer{.listed = {}, .as_of = ToTime(response.as_of())};
    answer.listed.reserve(static_cast<std::size_t>(response.revocations_size()));
    for (const auth::v1::Revocation& revocation : response.revocations()) {
      answer.listed.push_back({.user_id = revocation.user_id(),
                               .minimum_token_version = revocation.minimum_token_version(),
                               .session_id = revocation.session_id(),
                               .revoked_at = ToTime(revocation.revoked_at())});
    }
    return answer;
  };
}

}  // namespace playlog::rpc
