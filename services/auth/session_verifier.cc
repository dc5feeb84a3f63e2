#include "services/auth/session_verifier.h"

#include "absl/time/clock.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

constexpr absl::Duration kLookUpTime = absl::Seconds(1);

}  // namespace

absl::StatusOr<jwt::Claims> SessionVerifier::Verify(std::string_view token) {
  PLAYLOG_ASSIGN_OR_RETURN(jwt::Claims claims, signatures_.Verify(token));
  PLAYLOG_ASSIGN_OR_RETURN(const bool good,
                           store_.IsSessionGood(absl::Now() + kLookUpTime, claims.user_id,
                                                claims.session_id, claims.token_version));
  if (!good) return jwt::InvalidTokenError();
  return claims;
}

}  // namespace playlog::auth
