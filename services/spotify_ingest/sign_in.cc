#include "services/spotify_ingest/sign_in.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/ingest/attempts.h"

namespace playlog::spotify_ingest {
namespace {

using ingest::UpstreamFailure;

constexpr std::size_t kMaxCodeBytes = 2048;
constexpr std::size_t kTokenBytes = 32;
// What is kept of the caller's time to store the tokens and to answer.
constexpr absl::Duration kReserve = absl::Seconds(3);

// A text that nobody can guess, of the length that RFC 7636 asks of a code verifier.
std::string RandomToken() { return Base64UrlEncode(RandomBytes(kTokenBytes)); }

bool EqualsInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// RFC 6749, 4.1.2.1.
SignInEnd EndOfError(const std::string& error) {
  if (error == "access_denied") return SignInEnd::kAccessDenied;
  if (error == "server_error" || error == "temporarily_unavailable") {
    return SignInEnd::kSpotifyUnavailable;
  }
  if (error == "invalid_request" || error == "unauthorized_client" ||
      error == "unsupported_response_type" || error == "invalid_scope") {
    return SignInEnd::kRequestRefused;
  }
  return SignInEnd::kUnknownError;
}

SignInEnd EndOfFailure(const UpstreamFailure& failure) {
  switch (failure.kind) {
    case UpstreamFailure::Kind::kRejected:
    case UpstreamFailure::Kind::kKeyEnded:
      return SignInEnd::kCodeRefused;
    case UpstreamFailure::Kind::kUnusable:
      return SignInEnd::kRequestRefused;
    case UpstreamFailure::Kind::kTransient:
    case UpstreamFailure::Kind::kRateLimited:
      break;
  }
  return SignInEnd::kSpotifyUnavailable;
}

bool IsCode(const std::string& code) {
  return code.size() <= kMaxCodeBytes && IsPrintableAscii(code);
}

}  // namespace

absl::StatusOr<BegunSignIn> SignIns::Begin(const rpc::Call& call, std::int64_t user_id) {
  const std::string state = RandomToken();
  BegunSignIn begun{.authorize_url = "", .browser = RandomToken()};
  const ingest::SignIn sign_in{.state_digest = Sha256(state),
                               .user_id = user_id,
                               .browser_digest = Sha256(begun.browser),
                               .code_verifier = RandomToken(),
                               .begun_at = clock_.Now()};
  PLAYLOG_RETURN_IF_ERROR(store_.AddSignIn(sign_in, ingest::StoreDeadlineOf(call, clock_)));
  begun.authorize_url = accounts_.AuthorizeUrl(state, sign_in.code_verifier);
  return begun;
}

SignInEnd SignIns::Complete(const rpc::Call& call, const SignInAnswer& answer) {
  if (answer.state.empty()) return SignInEnd::kStateMissing;
  const absl::StatusOr<std::optional<ingest::SignIn>> sign_in =
      store_.TakeSignIn(Sha256(answer.state), ingest::StoreDeadlineOf(call, clock_));
  if (!sign_in.ok()) return SignInEnd::kUnavailable;
  if (!sign_in->has_value()) return SignInEnd::kStateUnknown;
  return CompleteTaken(call, **sign_in, answer);
}

SignInEnd SignIns::CompleteTaken(const rpc::Call& call, const ingest::SignIn& sign_in,
                                 const SignInAnswer& answer) {
  if (clock_.Now() - sign_in.begun_at > kSignInTime) return SignInEnd::kStateExpired;
  if (!EqualsInConstantTime(Sha256(answer.browser), sign_in.browser_digest)) {
    return SignInEnd::kOtherBrowser;
  }
  if (!answer.issuer.empty() && answer.issuer != accounts_.issuer()) {
    return SignInEnd::kWrongIssuer;
  }
  if (!answer.error.empty()) return EndOfError(answer.error);
  if (answer.code.empty()) return SignInEnd::kCodeMissing;
  if (!IsCode(answer.code)) return SignInEnd::kCodeRefused;
  return Exchange(call, sign_in, answer.code);
}

SignInEnd SignIns::Exchange(const rpc::Call& call, const ingest::SignIn& sign_in,
                            const std::string& code) {
  // A code is good once, so there is one try.
  const AccountsAnswer answer = accounts_.Exchange(
      code, sign_in.code_verifier,
      {.deadline = std::max(call.deadline - kReserve, clock_.Now() + absl::Seconds(1)),
       .cancelled = nullptr});
  if (const auto* failure = std::get_if<UpstreamFailure>(&answer)) {
    const bool ours = failure->kind == UpstreamFailure::Kind::kUnusable;
    Log(ours ? Severity::kError : Severity::kWarning, "code_not_exchanged",
        {{"request_id", call.request_id}, {"cause", failure->cause}});
    return EndOfFailure(*failure);
  }
  const auto& tokens = std::get<IssuedTokens>(answer);
  if (!tokens.has_scope) return SignInEnd::kScopeMissing;
  if (tokens.refresh_token.empty()) return SignInEnd::kRefreshTokenMissing;
  return Save(call, sign_in.user_id, tokens);
}

SignInEnd SignIns::Save(const rpc::Call& call, std::int64_t user_id, const IssuedTokens& tokens) {
  // Saved though the browser has gone: the code is spent.
  rpc::Call saving = call;
  saving.cancelled = nullptr;
  const absl::StatusOr<std::int64_t> version =
      vault_.SaveTokens(saving, user_id, /*expected_version=*/0,
                        {.key = tokens.access_token,
                         .refresh_token = tokens.refresh_token,
                         .previous_refresh_token = Secret(),
                         .expires_at = tokens.expires_at});
  if (version.ok()) {
    notes_.NoteStored(saving, {.user_id = user_id, .version = *version});
    return SignInEnd::kConnected;
  }
  if (absl::IsNotFound(version.status())) return SignInEnd::kUserGone;
  Log(Severity::kError, "tokens_not_saved",
      {{"request_id", call.request_id}, {"error", std::string(version.status().message())}});
  return SignInEnd::kUnavailable;
}

}  // namespace playlog::spotify_ingest
