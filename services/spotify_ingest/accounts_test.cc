#include "services/spotify_ingest/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <variant>

#include "common/base/time_format.h"
#include "common/http/fake_client.h"
#include "common/testing/fake_clock.h"
#include "common/testing/mutation.h"
#include "common/testing/samples.h"

namespace playlog::spotify_ingest {
namespace {

using ::testing::SizeIs;
using Kind = ingest::UpstreamFailure::Kind;

const absl::Time kNow = *ParseRfc3339("2026-11-01T00:00:00Z");

constexpr char kGood[] = R"({"access_token":"BQ-new","token_type":"Bearer",)"
                         R"("scope":"user-read-recently-played","expires_in":3600,)"
                         R"("refresh_token":"AQ-new"})";

AccountsAnswer Parse(std::string body, int status = 200) {
  return ParseAccountsAnswer({.status = status, .headers = {}, .body = std::move(body)}, kNow);
}

// The good answer with one text in place of another.
std::string Changed(const std::string& from, const std::string& to) {
  std::string body = kGood;
  const std::size_t place = body.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return body.replace(place, from.size(), to);
}

IssuedTokens TokensOf(const AccountsAnswer& answer) {
  const auto* tokens = std::get_if<IssuedTokens>(&answer);
  if (tokens != nullptr) return *tokens;
  ADD_FAILURE() << "no tokens: " << std::get<ingest::UpstreamFailure>(answer).cause;
  return {};
}

MATCHER_P2(FailsWith, kind, cause, "") {
  const auto* failure = std::get_if<ingest::UpstreamFailure>(&arg);
  if (failure == nullptr) return false;
  *result_listener << "is " << failure->cause;
  return failure->kind == kind && failure->cause == cause;
}

TEST(AccountsAnswer, GivesTheTokens) {
  const IssuedTokens tokens = TokensOf(Parse(kGood));
  EXPECT_EQ(tokens.access_token.Reveal(), "BQ-new");
  EXPECT_EQ(tokens.refresh_token.Reveal(), "AQ-new");
  EXPECT_EQ(tokens.expires_at, kNow + absl::Hours(1));
  EXPECT_TRUE(tokens.has_scope);
}

TEST(AccountsAnswer, NeedsNoRefreshToken) {
  for (const char* instead :
       {"", R"(,"refresh_token":null)", R"(,"refresh_token":"")", R"(,"refresh_token":7)"}) {
    const IssuedTokens tokens = TokensOf(Parse(Changed(R"(,"refresh_token":"AQ-new")", instead)));
    EXPECT_TRUE(tokens.refresh_token.empty()) << instead;
  }
}

TEST(AccountsAnswer, BringsEveryLifetimeIntoItsBounds) {
  const std::pair<const char*, absl::Duration> rows[] = {
      {R"(,"expires_in":0)", absl::Minutes(1)},
      {R"(,"expires_in":-1)", absl::Minutes(1)},
      {R"(,"expires_in":600)", absl::Minutes(10)},
      {R"(,"expires_in":599.5)", absl::Seconds(599.5)},
      {R"(,"expires_in":1e12)", absl::Hours(1)},
      {R"(,"expires_in":1000000000000)", absl::Hours(1)},
      {R"(,"expires_in":"3600")", absl::Hours(1)},
      {R"(,"expires_in":null)", absl::Hours(1)},
      {R"(,"expires_in":-1e300)", absl::Minutes(1)},
      {"", absl::Hours(1)}};
  for (const auto& [instead, lifetime] : rows) {
    EXPECT_EQ(TokensOf(Parse(Changed(R"(,"expires_in":3600)", instead))).expires_at,
              kNow + lifetime)
        << instead;
  }
}

TEST(AccountsAnswer, TellsWhetherThePlaysMayBeRead) {
  const auto has_scope = [](const std::string& instead) {
    return TokensOf(Parse(Changed(R"("scope":"user-read-recently-played",)", instead))).has_scope;
  };
  EXPECT_TRUE(has_scope(""));
  EXPECT_TRUE(has_scope(R"("scope":"user-read-email user-read-recently-played",)"));
  EXPECT_FALSE(has_scope(R"("scope":"",)"));
  EXPECT_FALSE(has_scope(R"("scope":"user-read-recently-played-too",)"));
}

TEST(AccountsAnswer, TakesOnlyBearerTokens) {
  EXPECT_EQ(TokensOf(Parse(Changed("Bearer", "bearer"))).access_token.Reveal(), "BQ-new");
  EXPECT_THAT(Parse(Changed("Bearer", "mac")), FailsWith(Kind::kTransient, "token_type"));
  EXPECT_THAT(Parse(Changed(R"("token_type":"Bearer",)", "")),
              FailsWith(Kind::kTransient, "token_type"));
}

TEST(AccountsAnswer, TakesOnlyAccessTokensThatCanBeSent) {
  const std::string long_token(4097, 'x');
  for (const std::string& instead :
       {std::string(), std::string(R"("access_token":"",)"),
        std::string(R"("access_token":12345,)"), std::string(R"("access_token":null,)"),
        std::string(R"("access_token":"a\r\nHost: x",)"), std::string(R"("access_token":"a b",)"),
        R"("access_token":")" + long_token + R"(",)"}) {
    EXPECT_THAT(Parse(Changed(R"("access_token":"BQ-new",)", instead)),
                FailsWith(Kind::kTransient, "access_token"))
        << instead.substr(0, 40);
  }
}

TEST(AccountsAnswer, IsNoAnswerIfItIsNotTheObject) {
  for (const char* body : {"", "[]", "null", "<html>", R"({"access_token":"a","access_token":"b"})",
                           "{\"access_token\":\"a\xFF\"}"}) {
    EXPECT_TRUE(std::holds_alternative<ingest::UpstreamFailure>(Parse(body))) << body;
  }
}

TEST(AccountsAnswer, OnlyAPlainInvalidGrantIsARefusal) {
  constexpr char kRefused[] =
      R"({"error":"invalid_grant","error_description":"Refresh token revoked"})";
  EXPECT_THAT(Parse(kRefused, 400), FailsWith(Kind::kRejected, "invalid_grant"));
  EXPECT_THAT(Parse(kRefused, 500), FailsWith(Kind::kTransient, "http_500"));
  EXPECT_THAT(Parse(kRefused, 401), FailsWith(Kind::kUnusable, "invalid_grant"));
  EXPECT_THAT(Parse(R"({"error":"invalid_client","error_description":"Invalid client"})", 400),
              FailsWith(Kind::kUnusable, "invalid_client"));
  EXPECT_THAT(Parse(R"({"error":"invalid_client"})", 401),
              FailsWith(Kind::kUnusable, "invalid_client"));
  EXPECT_THAT(Parse(R"({"error":"brand_new_error"})", 400),
              FailsWith(Kind::kTransient, "http_400"));
  EXPECT_THAT(Parse(R"({"error":{"status":400,"message":"invalid_grant"}})", 400),
              FailsWith(Kind::kTransient, "http_400"));
  EXPECT_THAT(Parse("invalid_grant", 400), FailsWith(Kind::kTransient, "http_400"));
  EXPECT_THAT(Parse("", 429), FailsWith(Kind::kRateLimited, "http_429"));
  EXPECT_THAT(Parse("", 302), FailsWith(Kind::kTransient, "http_302"));
}

TEST(AccountsAnswer, ReadsTheSamples) {
  for (const playlog::testing::Sample& sample : playlog::testing::ReadSamples("spotify_token")) {
    const bool error = sample.body.find("\"error\"") != std::string::npos;
    const AccountsAnswer answer = Parse(sample.body, error ? 400 : 200);
    EXPECT_EQ(std::holds_alternative<IssuedTokens>(answer), !error) << sample.name;
  }
}

TEST(AccountsAnswer, SurvivesMutations) {
  std::mt19937_64 generator(20'261'102);
  for (int i = 0; i < 20'000; ++i) {
    const AccountsAnswer answer = Parse(playlog::testing::Mutate(kGood, generator));
    const auto* tokens = std::get_if<IssuedTokens>(&answer);
    if (tokens == nullptr) continue;
    ASSERT_FALSE(tokens->access_token.empty());
    ASSERT_GE(tokens->expires_at, kNow + absl::Minutes(1));
    ASSERT_LE(tokens->expires_at, kNow + absl::Hours(1));
  }
}

class AccountsTest : public ::testing::Test {
 protected:
  playlog::testing::FakeClock clock_{kNow};
  http::FakeClient network_{clock_};
  Accounts accounts_{network_,
                     clock_,
                     {.accounts_url = "https://accounts.spotify.com",
                      .client_id = "id",
                      .client_secret = Secret("secret"),
                      .redirect_uri = "https://playlog.example/users/spotify/callback/"}};
};

// The verifier and its challenge are those of RFC 7636, appendix B.
TEST_F(AccountsTest, SendsTheBrowserToSpotify) {
  EXPECT_EQ(accounts_.AuthorizeUrl("st-_ate", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "https://accounts.spotify.com/authorize?response_type=code&client_id=id"
            "&scope=user-read-recently-played"
            "&redirect_uri=https%3A%2F%2Fplaylog.example%2Fusers%2Fspotify%2Fcallback%2F"
            "&state=st-_ate&code_challenge_method=S256"
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST_F(AccountsTest, ExchangesACodeAsAConfidentialClientWithPkce) {
  network_.Add(200, kGood);
  EXPECT_EQ(TokensOf(accounts_.Exchange("c&d", "verifier", {})).access_token.Reveal(), "BQ-new");
  ASSERT_THAT(network_.requests(), SizeIs(1));
  const http::Request request = network_.requests()[0];
  EXPECT_EQ(request.url, "https://accounts.spotify.com/api/token");
  EXPECT_EQ(request.body,
            "grant_type=authorization_code&code=c%26d&redirect_uri=https%3A%2F%2Fplaylog.example"
            "%2Fusers%2Fspotify%2Fcallback%2F&code_verifier=verifier");
  ASSERT_THAT(request.headers, SizeIs(2));
  EXPECT_EQ(request.headers[0].value, "Basic aWQ6c2VjcmV0");
  EXPECT_EQ(request.headers[1].value, "application/x-www-form-urlencoded");
}

TEST_F(AccountsTest, RefreshesATokenInOneTry) {
  network_.Add(http::FailureStatus(http::Failure::kTimeout, "slow"));
  EXPECT_THAT(accounts_.Refresh(Secret("r"), {}), FailsWith(Kind::kTransient, "timeout"));
  ASSERT_THAT(network_.requests(), SizeIs(1));
  EXPECT_EQ(network_.requests()[0].body, "grant_type=refresh_token&refresh_token=r");
}

}  // namespace
}  // namespace playlog::spotify_ingest
