#ifndef PLAYLOG_SERVICES_GATEWAY_IDENTITY_H_
#define PLAYLOG_SERVICES_GATEWAY_IDENTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/token_verifier.h"
#include "services/gateway/http_message.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// Returns the token of the request's one Authorization field, `Bearer TOKEN` with the scheme in any
// case. AUTHENTICATION_REQUIRED without such a field, INVALID_TOKEN for any other form of it.
absl::StatusOr<std::string> BearerToken(const HttpRequest& request);

// Who calls.
struct Admitted {
  std::string token;         // Verified, to pass on; empty where the route is open to anyone.
  std::int64_t user_id = 0;  // The token's user.
};

// Says who calls, and lets nobody through whom the route's RPC does not let in. The services check
// the same again: a fault here opens nothing. Thread-safe; does not block.
class Identity {
 public:
  explicit Identity(rpc::CachingTokenVerifier& verifier) : verifier_(verifier) {}

  absl::StatusOr<Admitted> Admit(const Route& route, const HttpRequest& request);

  // Whether sign-ins can be verified now.
  bool IsReady() { return verifier_.IsReady(); }

 private:
  rpc::CachingTokenVerifier& verifier_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_IDENTITY_H_
