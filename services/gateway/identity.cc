#include "services/gateway/identity.h"

#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace playlog::gateway {
namespace {

constexpr std::string_view kScheme = "Bearer ";

}  // namespace

absl::StatusOr<std::string> BearerToken(const HttpRequest& request) {
  const std::string* authorization = nullptr;
  for (const auto& [name, value] : request.headers) {
    if (name != "authorization") continue;
    // Two identities are none.
    if (authorization != nullptr) return jwt::InvalidTokenError();
    authorization = &value;
  }
  if (authorization == nullptr) {
    return Error(errors::v1::ERROR_CODE_AUTHENTICATION_REQUIRED, "Authentication required",
                 "Send an access token of /users/token/ as `Authorization: Bearer TOKEN`.");
  }
  if (!absl::StartsWithIgnoreCase(*authorization, ToAbsl(kScheme))) return jwt::InvalidTokenError();
  std::string token = authorization->substr(kScheme.size());
  if (token.empty() || token.size() > jwt::kTokenBytesMax) return jwt::InvalidTokenError();
  return token;
}

absl::StatusOr<Admitted> Identity::Admit(const Route& route, const HttpRequest& request) {
  if (route.caller == Caller::kAnyone) return Admitted();
  PLAYLOG_ASSIGN_OR_RETURN(std::string token, BearerToken(request));
  PLAYLOG_ASSIGN_OR_RETURN(const jwt::Claims claims, verifier_.VerifyWithoutAsking(token));
  if (route.caller == Caller::kStaff && !claims.staff) {
    return Error(errors::v1::ERROR_CODE_PERMISSION_DENIED, "Permission denied",
                 "This call is for staff.");
  }
  return Admitted{std::move(token), claims.user_id};
}

}  // namespace playlog::gateway
