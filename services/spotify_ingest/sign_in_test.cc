#include "services/spotify_ingest/sign_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "common/base/crypto.h"
#include "common/base/strings.h"
#include "common/base/time_format.h"
#include "common/http/fake_client.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_schedule_store.h"
#include "common/ingest/fake_store.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "services/spotify_ingest/sign_in_service.h"

namespace playlog::spotify_ingest {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kUser = 7;
constexpr char kTokens[] = R"({"access_token":"BQ-new","token_type":"Bearer",)"
                           R"("scope":"user-read-recently-played","expires_in":3600,)"
                           R"("refresh_token":"AQ-new"})";

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

class SignInTest : public ::testing::Test {
 protected:
  SignInTest() {
    call_.user_id = kUser;
    call_.deadline = clock_.Now() + absl::Seconds(15);
  }

  // A parameter of the address that the browser was sent to.
  static std::string Parameter(const std::string& url, const std::string& name) {
    const std::size_t query = url.find('?') + 1;
    for (const absl::string_view part : absl::StrSplit(url.substr(query), '&')) {
      const std::pair<std::string, std::string> pair = absl::StrSplit(part, '=');
      if (pair.first == name) return pair.second;
    }
    return "";
  }

  // Begins a sign-in and returns the good answer to it.
  SignInAnswer Begin() {
    const absl::StatusOr<BegunSignIn> begun = sign_ins_.Begin(call_, kUser);
    EXPECT_THAT(begun, IsOk());
    challenge_ = Parameter(begun->authorize_url, "code_challenge");
    return {.state = Parameter(begun->authorize_url, "state"),
            .code = "code",
            .error = "",
            .issuer = "",
            .browser = begun->browser};
  }
  SignInEnd Complete(const SignInAnswer& answer) { return sign_ins_.Complete(call_, answer); }
  // How a sign-in ends when the token endpoint answers so.
  SignInEnd EndWith(int status, std::string body) {
    network_.Add(status, std::move(body));
    network_.Add(500, "");
    return Complete(Begin());
  }
  bool HasStored() { return !vault_.credential(kUser).key.empty(); }

  playlog::testing::FakeClock clock_{*ParseRfc3339("2026-11-01T00:00:00Z")};
  http::FakeClient network_{clock_};
  ingest::FakeKeyVault vault_;
  ingest::FakeStore store_{clock_};
  rpc::Call call_;
  Accounts accounts_{network_,
                     clock_,
                     {.accounts_url = "https://accounts.spotify.com",
                      .client_id = "id",
                      .client_secret = Secret("secret"),
                      .redirect_uri = "https://playlog.example/users/spotify/callback/"}};
  ingest::FakeScheduleStore schedules_{clock_};
  ingest::KeyNotes notes_{schedules_, vault_};
  SignIns sign_ins_{accounts_, vault_, store_, notes_, clock_};
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  SpotifySignInService service_{&sign_ins_, dispatcher_};
  std::string challenge_;
};

TEST_F(SignInTest, StoresWhatTheCodeIsExchangedFor) {
  const SignInAnswer answer = Begin();
  network_.Add(200, kTokens);
  EXPECT_EQ(Complete(answer), SignInEnd::kConnected);
  const ingest::Credential credential = vault_.credential(kUser);
  EXPECT_EQ(credential.key.Reveal(), "BQ-new");
  EXPECT_EQ(credential.refresh_token.Reveal(), "AQ-new");
  EXPECT_TRUE(credential.previous_refresh_token.empty());
  EXPECT_EQ(credential.expires_at, clock_.Now() + absl::Hours(1));
  // The first background run comes a minute later.
  const auto schedule = *schedules_.Find(kUser, absl::InfiniteFuture());
  ASSERT_TRUE(schedule.has_value());
  EXPECT_GE(schedule->next_run_at, clock_.Now() + absl::Seconds(60));
  // The verifier is the one whose challenge the browser carried.
  ASSERT_THAT(network_.requests(), SizeIs(1));
  const std::string verifier = Parameter("?" + network_.requests()[0].body, "code_verifier");
  EXPECT_EQ(verifier.size(), 43U);
  EXPECT_EQ(Base64UrlEncode(Sha256(verifier)), challenge_);
}

TEST_F(SignInTest, EverySignInHasSecretsOfItsOwn) {
  std::set<std::string> texts;
  for (int i = 0; i < 5; ++i) {
    const SignInAnswer answer = Begin();
    EXPECT_EQ(answer.state.size(), 43U);
    EXPECT_EQ(answer.browser.size(), 43U);
    texts.insert({answer.state, answer.browser, challenge_});
  }
  EXPECT_THAT(texts, SizeIs(15));
}

TEST_F(SignInTest, AStateIsGoodOnce) {
  const SignInAnswer answer = Begin();
  network_.Add(200, kTokens);
  EXPECT_EQ(Complete(answer), SignInEnd::kConnected);
  EXPECT_EQ(Complete(answer), SignInEnd::kStateUnknown);
  EXPECT_THAT(network_.requests(), SizeIs(1));
}

TEST_F(SignInTest, RefusesAnswersWithoutAGoodStateAndAsksNobody) {
  SignInAnswer answer = Begin();
  const std::string state = answer.state;
  answer.state = "";
  EXPECT_EQ(Complete(answer), SignInEnd::kStateMissing);
  answer.state = "' OR 1=1;--";
  EXPECT_EQ(Complete(answer), SignInEnd::kStateUnknown);
  answer.state = std::string(100'000, 'x');
  EXPECT_EQ(Complete(answer), SignInEnd::kStateUnknown);
  answer.state = state;
  clock_.Advance(kSignInTime + absl::Seconds(1));
  EXPECT_EQ(Complete(answer), SignInEnd::kStateExpired);
  EXPECT_EQ(Complete(answer), SignInEnd::kStateUnknown);
  EXPECT_THAT(network_.requests(), IsEmpty());
  EXPECT_FALSE(HasStored());
}

TEST_F(SignInTest, RefusesAnotherBrowserWhichUsesTheStateUp) {
  const SignInAnswer mine = Begin();
  SignInAnswer other = mine;
  other.browser = Begin().browser;
  EXPECT_EQ(Complete(other), SignInEnd::kOtherBrowser);
  EXPECT_EQ(Complete(mine), SignInEnd::kStateUnknown);
  SignInAnswer without = Begin();
  without.browser = "";
  EXPECT_EQ(Complete(without), SignInEnd::kOtherBrowser);
  EXPECT_THAT(network_.requests(), IsEmpty());
  EXPECT_FALSE(HasStored());
}

TEST_F(SignInTest, ChecksWhoAnswersIfThatIsSaid) {
  SignInAnswer answer = Begin();
  answer.issuer = "https://accounts.evil.example";
  EXPECT_EQ(Complete(answer), SignInEnd::kWrongIssuer);
  EXPECT_THAT(network_.requests(), IsEmpty());
  network_.Add(200, kTokens);
  answer = Begin();
  answer.issuer = "https://accounts.spotify.com";
  EXPECT_EQ(Complete(answer), SignInEnd::kConnected);
}

TEST_F(SignInTest, TellsTheErrorsOfTheAuthorizationEndpointApart) {
  const std::pair<const char*, SignInEnd> rows[] = {
      {"access_denied", SignInEnd::kAccessDenied},
      {"server_error", SignInEnd::kSpotifyUnavailable},
      {"temporarily_unavailable", SignInEnd::kSpotifyUnavailable},
      {"invalid_request", SignInEnd::kRequestRefused},
      {"unauthorized_client", SignInEnd::kRequestRefused},
      {"unsupported_response_type", SignInEnd::kRequestRefused},
      {"invalid_scope", SignInEnd::kRequestRefused},
      {"<script>alert(1)</script>", SignInEnd::kUnknownError}};
  for (const auto& [error, end] : rows) {
    SignInAnswer answer = Begin();
    answer.error = error;
    EXPECT_EQ(Complete(answer), end) << error;
  }
  EXPECT_THAT(network_.requests(), IsEmpty());
  EXPECT_FALSE(HasStored());
}

TEST_F(SignInTest, RefusesCodesThatAreNone) {
  SignInAnswer answer = Begin();
  answer.code = "";
  EXPECT_EQ(Complete(answer), SignInEnd::kCodeMissing);
  answer = Begin();
  answer.code = std::string(2049, 'x');
  EXPECT_EQ(Complete(answer), SignInEnd::kCodeRefused);
  EXPECT_THAT(network_.requests(), IsEmpty());
}

TEST_F(SignInTest, TellsWhyTheCodeWasNotExchanged) {
  EXPECT_EQ(EndWith(400, R"({"error":"invalid_grant"})"), SignInEnd::kCodeRefused);
  EXPECT_FALSE(HasStored());
}

TEST_F(SignInTest, TellsThatOurRegistrationIsWrong) {
  EXPECT_EQ(EndWith(400, R"({"error":"invalid_client"})"), SignInEnd::kRequestRefused);
}

TEST_F(SignInTest, TellsThatSpotifyIsAway) {
  EXPECT_EQ(EndWith(503, "<html>"), SignInEnd::kSpotifyUnavailable);
  EXPECT_THAT(network_.requests(), SizeIs(1));  // A code is good once.
}

TEST_F(SignInTest, DemandsThePermission) {
  std::string tokens = kTokens;
  tokens.replace(tokens.find("user-read-recently-played"), 25, "user-read-email");
  EXPECT_EQ(EndWith(200, tokens), SignInEnd::kScopeMissing);
  EXPECT_FALSE(HasStored());
}

TEST_F(SignInTest, DemandsARefreshToken) {
  std::string tokens = kTokens;
  tokens.replace(tokens.find("AQ-new"), 6, "");
  EXPECT_EQ(EndWith(200, tokens), SignInEnd::kRefreshTokenMissing);
  EXPECT_FALSE(HasStored());
}

TEST_F(SignInTest, TellsThatTheUserIsGoneOrThatWeAreNotWell) {
  network_.Add(200, kTokens);
  vault_.FailNextSave(Error(errors::v1::ERROR_CODE_NOT_FOUND, "gone"));
  EXPECT_EQ(Complete(Begin()), SignInEnd::kUserGone);
  vault_.FailNextSave(absl::UnavailableError("away"));
  EXPECT_EQ(Complete(Begin()), SignInEnd::kUnavailable);
  const SignInAnswer answer = Begin();
  store_.FailWith(absl::UnavailableError("away"));
  EXPECT_EQ(Complete(answer), SignInEnd::kUnavailable);
  EXPECT_THAT(sign_ins_.Begin(call_, kUser), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(SignInTest, AnswersAPageAndTheStatus) {
  network_.Add(200, kTokens);
  const absl::StatusOr<spotify::v1::BeginSignInResponse> begun = service_.BeginSignIn(call_, {});
  ASSERT_THAT(begun, IsOk());
  spotify::v1::CompleteSignInRequest request;
  request.set_state(Parameter(begun->authorize_url(), "state"));
  request.set_browser(begun->browser());
  request.set_code("code");
  call_.user_id = 0;
  const auto connected = service_.CompleteSignIn(call_, request);
  ASSERT_THAT(connected, IsOk());
  EXPECT_FALSE(call_.alternative_status);
  EXPECT_THAT(connected->body(), HasSubstr("<h1>Spotify is connected</h1>"));
  EXPECT_EQ(connected->browser(), "");
  EXPECT_TRUE(HasStored());
  const auto replayed = service_.CompleteSignIn(call_, request);
  ASSERT_THAT(replayed, IsOk());
  EXPECT_TRUE(call_.alternative_status);
  EXPECT_THAT(replayed->body(), HasSubstr("<h1>This sign-in is not open</h1>"));
}

TEST_F(SignInTest, IsNotImplementedWithoutARegistration) {
  SpotifySignInService service(nullptr, dispatcher_);
  EXPECT_THAT(service.BeginSignIn(call_, {}), ErrorIs(errors::v1::ERROR_CODE_NOT_IMPLEMENTED));
  EXPECT_THAT(service.CompleteSignIn(call_, {}), ErrorIs(errors::v1::ERROR_CODE_NOT_IMPLEMENTED));
}

TEST(SignInPage, IsASmallDocumentOfItsOwnForEachEnd) {
  std::set<std::string> pages;
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(SignInEnd::kUnavailable); ++i) {
    const auto end = static_cast<SignInEnd>(i);
    const std::string page = PageOf(end);
    EXPECT_TRUE(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    for (const char* once : {"<meta charset=\"utf-8\">", "<meta name=\"viewport\"", "<title>",
                             "<main>", "<h1>", "</html>"}) {
      EXPECT_EQ(page.find(once), page.rfind(once)) << once;
      EXPECT_NE(page.find(once), std::string::npos) << once;
    }
    for (const char* never : {"<script", "style", "href", "src=", "&"}) {
      EXPECT_THAT(page, Not(HasSubstr(never)));
    }
    const bool says_so = page.find("othing was stored") != std::string::npos;
    EXPECT_EQ(says_so, end != SignInEnd::kConnected) << page;
    EXPECT_TRUE(pages.insert(page).second) << page;
    EXPECT_TRUE(names.insert(std::string(NameOf(end))).second);
  }
}

}  // namespace
}  // namespace playlog::spotify_ingest
