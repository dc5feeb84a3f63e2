#ifndef PLAYLOG_SERVICES_AUTH_SERVICE_FIXTURE_H_
#define PLAYLOG_SERVICES_AUTH_SERVICE_FIXTURE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/jwt/testing.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "services/auth/fake_audit.h"
#include "services/auth/fake_credential_store.h"
#include "services/auth/fake_key_trier.h"
#include "services/auth/fake_store.h"
#include "services/auth/open_limits.h"
#include "services/auth/sign_in.h"
#include "services/auth/testing.h"
#include "services/auth/tokens.h"

namespace playlog::auth {

// Trusts no token: the tests call the handlers, which come after the check.
class NoVerifier final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

// What the services stand on, in memory.
struct ServiceFixture {
  // A call of a signed-in user.
  static rpc::Call CallOf(std::int64_t user_id) {
    rpc::Call call;
    call.user_id = user_id;
    call.peer_service = "gateway";
    return call;
  }

  testing::FakeClock clock;
  FakeStore store;
  FakeAudit audit{store};
  FakeCredentialStore credentials{store, audit};
  FakeKeyTrier key_trier;
  Passwords passwords{PasswordCost{.passes = 1, .memory_bytes = 8192}};
  SignIn sign_in{store, passwords, clock};
  AccessTokens access_tokens{{jwt::NewSigningKey()}, clock};
  Vault vault{NewKeyRing({1})};
  OpenLimits open_limits{clock};
  NoVerifier verifier;
  rpc::Dispatcher dispatcher{{.workers = 1, .queue = 1}, verifier};
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_SERVICE_FIXTURE_H_
