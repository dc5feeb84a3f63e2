#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/ingest/key_notes.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/store.h"
#include "common/rpc/call.h"
#include "services/spotify_ingest/accounts.h"
#include "services/spotify_ingest/sign_in_page.h"

namespace playlog::spotify_ingest {

// How long a sign-in may take.
inline constexpr absl::Duration kSignInTime = absl::Minutes(10);

// A sign-in that has begun.
struct BegunSignIn {
  std::string authorize_url;
  std::string browser;  // For the cookie.
};

// What comes back with the browser; empty where it is absent.
struct SignInAnswer {
  std::string state;
  std::string code;
  std::string error;
  std::string issuer;
  std::string browser;  // From the cookie.
};

// Connects users' Spotify accounts: the code flow with PKCE, each state good once, for one user and
// one browser (RFC 9700, 2.1, 4.4 and 4.7). Thread-safe; calls block.
class SignIns {
 public:
  // The references live longer than the object.
  SignIns(Accounts& accounts, ingest::KeyVault& vault, ingest::Store& store,
          ingest::KeyNotes& notes, Clock& clock)
      : accounts_(accounts), vault_(vault), store_(store), notes_(notes), clock_(clock) {}

  // Errors are the store's.
  absl::StatusOr<BegunSignIn> Begin(const rpc::Call& call, std::int64_t user_id);

  // Completes a sign-in, whose state is used up by it, stores the tokens, and schedules the first
  // background run with them.
  SignInEnd Complete(const rpc::Call& call, const SignInAnswer& answer);

 private:
  SignInEnd CompleteTaken(const rpc::Call& call, const ingest::SignIn& sign_in,
                          const SignInAnswer& answer);
  SignInEnd Exchange(const rpc::Call& call, const ingest::SignIn& sign_in, const std::string& code);
  SignInEnd Save(const rpc::Call& call, std::int64_t user_id, const IssuedTokens& tokens);

  Accounts& accounts_;
  ingest::KeyVault& vault_;
  ingest::Store& store_;
  ingest::KeyNotes& notes_;
  Clock& clock_;
};

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_H_
