// What the verification of an access token costs the gateway: of one that it has seen before, and
// of one that it has not, with a thousand revocations known.

#include "common/rpc/token_verifier.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/jwt/testing.h"

namespace playlog::rpc {
namespace {

constexpr int kTokens = 2'000;
constexpr int kRevocations = 1'000;

// A verifier that has asked for all that it needs, and tokens that it accepts.
class Gateway {
 public:
  Gateway() {
    const absl::Time now = absl::Now();
    for (int i = 0; i < kTokens; ++i) {
      tokens_.push_back(*key_.Sign({.user_id = i + 1,
                                    .token_id = absl::StrCat("benchmark-", i),
                                    .session_id = i + 1,
                                    .issued_at = now,
                                    .expires_at = now + jwt::kLifetimeMax}));
    }
    Restart();
  }

  // Begins again as one that has seen no token.
  void Restart() {
    verifier_ = std::make_unique<CachingTokenVerifier>(
        [this] { return jwt::PublicKeys::Create({key_.public_key()}); }, Clock::System(),
        &revocations_);
    if (!verifier_->Verify(tokens_[0]).ok()) std::abort();
  }

  CachingTokenVerifier& verifier() { return *verifier_; }
  const std::vector<std::string>& tokens() const { return tokens_; }

 private:
  static absl::StatusOr<Revocations> Revoked() {
    Revocations answer{.listed = {}, .as_of = absl::Now()};
    for (int i = 0; i < kRevocations; ++i) {
      answer.listed.push_back(
          {.user_id = i, .session_id = 1'000'000 + i, .revoked_at = answer.as_of});
    }
    return answer;
  }

  const jwt::SigningKey key_ = jwt::NewSigningKey();
  std::vector<std::string> tokens_;
  RevocationView revocations_{[](std::optional<absl::Time>) { return Revoked(); }, Clock::System()};
  std::unique_ptr<CachingTokenVerifier> verifier_;
};

void BM_VerifySeenToken(benchmark::State& state) {
  Gateway gateway;
  for (auto _ : state) {
    if (!gateway.verifier().VerifyWithoutAsking(gateway.tokens()[0]).ok()) std::abort();
  }
}
BENCHMARK(BM_VerifySeenToken);

void BM_VerifyNewToken(benchmark::State& state) {
  Gateway gateway;
  std::size_t next = 1;
  for (auto _ : state) {
    if (!gateway.verifier().VerifyWithoutAsking(gateway.tokens()[next]).ok()) std::abort();
    if (++next < gateway.tokens().size()) continue;
    state.PauseTiming();
    gateway.Restart();
    next = 1;
    state.ResumeTiming();
  }
}
BENCHMARK(BM_VerifyNewToken);

}  // namespace
}  // namespace playlog::rpc

BENCHMARK_MAIN();
