#ifndef PLAYLOG_SERVICES_AUTH_SESSION_VERIFIER_H_
#define PLAYLOG_SERVICES_AUTH_SESSION_VERIFIER_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jwt/jwt.h"
#include "common/rpc/token_verifier.h"
#include "services/auth/store.h"

namespace playlog::auth {

// Verifies tokens as the service that ends sign-ins does: whatever another verifier lets through is
// looked up, so that here a token ends at once. Where the other services ask for revocations, this
// one reads them where they are written. Thread-safe; blocks.
class SessionVerifier final : public rpc::TokenVerifier {
 public:
  // `signatures` verifies everything but that the sign-in still stands.
  SessionVerifier(rpc::TokenVerifier& signatures, Store& store)
      : signatures_(signatures), store_(store) {}

  // INVALID_TOKEN, and the errors of the store while it is away.
  absl::StatusOr<jwt::Claims> Verify(std::string_view token) override;

 private:
  rpc::TokenVerifier& signatures_;
  Store& store_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_SESSION_VERIFIER_H_
