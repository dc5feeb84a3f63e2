// Signing in at Spotify, through the whole system and the stand-in's accounts service: the corpus's
// rows T37 and T38, and what a token that ends does to a fetch (U48 and U50).

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/time_format.h"
#include "tests/harness/end_to_end_test.h"
#include "tests/harness/spotify_browser.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace json = boost::json;

// Answers of the API to a token that has ended.
json::value EndedAnswer() {
  return json::parse(
      R"([{"status":401,"body":{"error":{"status":401,"message":"The access token expired"}}}])");
}

class SpotifySignInTest : public EndToEndTest {
 protected:
  // A member of the user's only key as GET /users/api-keys/ lists it.
  static std::string KeyMember(const User& user, const std::string& member) {
    return Member(api().Get("/users/api-keys/", user.access).body, "results.0." + member);
  }
  static int KeysOf(const User& user) {
    return CountElements(api().Get("/users/api-keys/", user.access).body, "results");
  }
  static int Calls(const std::string& credential) {
    return static_cast<int>(stack().standins().Calls(credential).size());
  }
  // A listener of the stand-ins that no other test has.
  static std::string ListenerOf(const User& user, const std::string& scenario) {
    return absl::StrCat("scenario:", scenario, "__", user.name);
  }
  // A user whose account is connected, with an access token that the API calls ended.
  static User UserWithEndedToken(const std::string& scenario, std::string& listener) {
    User user = api().NewUser();
    listener = ListenerOf(user, scenario);
    SpotifyBrowser browser(stack());
    const HttpAnswer page = browser.Connect(user, listener);
    EXPECT_EQ(page.status, 200) << page.body;
    stack().standins().Script(absl::StrCat("access.", listener, ".1"), EndedAnswer(), "last");
    return user;
  }
  static void ExpectPage(const HttpAnswer& answer, int status, const std::string& heading) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.Header("content-type"), "text/html; charset=utf-8");
    EXPECT_THAT(answer.body, HasSubstr("<h1>" + heading + "</h1>"));
    EXPECT_THAT(answer.body, HasSubstr("<html lang=\"en\">"));
    EXPECT_THAT(answer.body, Not(HasSubstr("<script")));
    // A page can load, run and send nothing, and nobody may frame or keep it.
    for (const char* part :
         {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"}) {
      EXPECT_THAT(answer.Header("content-security-policy"), HasSubstr(part));
    }
    EXPECT_EQ(answer.Header("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.Header("referrer-policy"), "no-referrer");
    EXPECT_EQ(answer.Header("cache-control"), "no-store");
  }
};

TEST_F(SpotifySignInTest, ConnectsAnAccountAndKeepsItConnected) {
  const User user = api().NewUser();
  const std::string listener = ListenerOf(user, "plays:7");
  SpotifyBrowser browser(stack());
  const HttpAnswer begun = api().Get("/users/spotify/connect/", user.access);
  EXPECT_THAT(begun.Header("set-cookie"), HasSubstr("HttpOnly"));
  EXPECT_THAT(begun.Header("set-cookie"), HasSubstr("SameSite=Lax"));
  EXPECT_THAT(begun.Header("set-cookie"), HasSubstr("Path=/users/spotify"));
  EXPECT_THAT(begun.body, Not(HasSubstr("browser")));
  const HttpAnswer page = browser.Connect(user, listener);
  ExpectPage(page, 200, "Spotify is connected");
  // The cookie has done its work.
  EXPECT_THAT(page.Header("set-cookie"), HasSubstr("Max-Age=0"));

  const HttpAnswer fetched = api().FetchSpotify(user);
  ASSERT_EQ(fetched.status, 200) << fetched.body;
  EXPECT_EQ(CountElements(fetched.body, "data"), 7);
  EXPECT_EQ(KeyMember(user, "state"), "ok");
  const auto ends_at = ParseRfc3339(KeyMember(user, "ends_at"));
  ASSERT_TRUE(ends_at.has_value()) << KeyMember(user, "ends_at");
  EXPECT_GT(*ends_at, absl::Now() + absl::Hours(24 * 170));
  EXPECT_LT(*ends_at, absl::Now() + absl::Hours(24 * 190));

  // The token ends; the next fetch has another one.
  stack().standins().Script(absl::StrCat("access.", listener, ".1"), EndedAnswer(), "last");
  EXPECT_EQ(api().FetchSpotify(user).status, 200);
  EXPECT_EQ(Calls("refresh." + listener), 1);
  EXPECT_EQ(Calls(absl::StrCat("access.", listener, ".2")), 1);
  EXPECT_EQ(api().FetchSpotify(user).status, 200);
  EXPECT_EQ(Calls("refresh." + listener), 1);
  EXPECT_EQ(KeyMember(user, "state"), "ok");
}

// What is wrong with the way back, and the heading that says so.
struct Deviation {
  const char* what;
  std::function<HttpAnswer(SpotifyBrowser&, const std::string& authorize_url)> act;
  std::string heading;
};

std::string WithoutParameter(const std::string& target, const std::string& name) {
  const std::size_t begin = target.find(name + "=");
  EXPECT_NE(begin, std::string::npos) << target;
  const std::size_t end = target.find('&', begin);
  // The last one takes the sign before it along.
  if (end == std::string::npos) return target.substr(0, begin - 1);
  return target.substr(0, begin) + target.substr(end + 1);
}

std::vector<Deviation> Deviations() {
  return {
      {"no state",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(WithoutParameter(browser.Allow(url, "demo"), "state"));
       },
       "This is not the answer to a sign-in"},
      {"unknown state",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "demo") + "x");
       },
       "This sign-in is not open"},
      {"no cookie",
       [](SpotifyBrowser& browser, const std::string& url) {
         browser.set_cookie("");
         return browser.Return(browser.Allow(url, "demo"));
       },
       "This sign-in began in another browser"},
      {"another browser's cookie",
       [](SpotifyBrowser& browser, const std::string& url) {
         std::string cookie = browser.cookie();
         cookie.back() = cookie.back() == 'A' ? 'B' : 'A';
         cookie[cookie.size() - 2] = cookie[cookie.size() - 2] == 'A' ? 'B' : 'A';
         browser.set_cookie(cookie);
         return browser.Return(browser.Allow(url, "demo"));
       },
       "This sign-in began in another browser"},
      {"wrong issuer",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "demo") +
                               "&iss=https%3A%2F%2Faccounts.evil.example");
       },
       "This answer is not from Spotify"},
      {"redirect URI changed",
       [](SpotifyBrowser& browser, const std::string& url) {
         // As if Spotify had been asked with another one: the code is bound to it.
         const std::string changed =
             absl::StrReplaceAll(url, {{"%2Fcallback%2F", "%2Fcallback%2F%3Fx%3D1"}});
         EXPECT_NE(changed, url);
         return browser.Return(browser.Allow(changed, "demo"));
       },
       "Spotify no longer takes this sign-in"},
      {"code_verifier wrong",
       [](SpotifyBrowser& browser, const std::string& url) {
         const std::size_t challenge = url.find("code_challenge=") + 15;
         std::string changed = url;
         changed[challenge] = changed[challenge] == 'A' ? 'B' : 'A';
         return browser.Return(browser.Allow(changed, "demo"));
       },
       "Spotify no longer takes this sign-in"},
      {"neither code nor error",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(WithoutParameter(browser.Allow(url, "demo"), "code"));
       },
       "The answer is incomplete"},
      {"the client is refused",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "scenario:code_invalid_client"));
       },
       "Spotify refuses this server"},
      {"another scope",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "scenario:code_scope:user_read_email"));
       },
       "The permission is missing"},
      {"the accounts service is away",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "scenario:code_html_502"));
       },
       "Spotify does not answer now"},
      {"no access token",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "scenario:code_access:missing"));
       },
       "Spotify does not answer now"},
      {"token type mac",
       [](SpotifyBrowser& browser, const std::string& url) {
         return browser.Return(browser.Allow(url, "scenario:code_type:mac"));
       },
       "Spotify does not answer now"},
  };
}

TEST_F(SpotifySignInTest, T37WhateverIsWrongOnTheWayBackStoresNothing) {
  const User user = api().NewUser();
  for (const Deviation& deviation : Deviations()) {
    SCOPED_TRACE(deviation.what);
    SpotifyBrowser browser(stack());
    const std::string url = browser.Begin(user);
    ExpectPage(deviation.act(browser, url), 400, deviation.heading);
    EXPECT_EQ(KeysOf(user), 0);
  }
}

TEST_F(SpotifySignInTest, T37AnAnswerIsGoodOnce) {
  const User user = api().NewUser();
  SpotifyBrowser browser(stack());
  const std::string target = browser.Allow(browser.Begin(user), ListenerOf(user, "plays:1"));
  ExpectPage(browser.Return(target), 200, "Spotify is connected");
  ExpectPage(browser.Return(target), 400, "This sign-in is not open");
  EXPECT_EQ(KeysOf(user), 1);
}

// An attacker begins a sign-in, allows the access to its own account, and lures a victim to the
// address.
TEST_F(SpotifySignInTest, T37NobodyIsConnectedToAnAccountByAnAddressAlone) {
  const User attacker = api().NewUser();
  const User victim = api().NewUser();
  SpotifyBrowser attackers(stack());
  const std::string target = attackers.Allow(attackers.Begin(attacker), "demo");
  SpotifyBrowser victims(stack());
  victims.Begin(victim);
  ExpectPage(victims.Return(target), 400, "This sign-in began in another browser");
  EXPECT_EQ(KeysOf(attacker), 0);
  EXPECT_EQ(KeysOf(victim), 0);
}

TEST_F(SpotifySignInTest, T38SpotifysErrorsAreTheirOwnWordsAndNothingOfThemIsShown) {
  const User user = api().NewUser();
  const std::pair<const char*, const char*> rows[] = {
      {"access_denied", "You did not allow the access"},
      {"server_error", "Spotify does not answer now"},
      {"invalid_scope", "Spotify refuses this server"},
      {"<script>alert(1)</script>", "Spotify answered with an error"}};
  for (const auto& [error, heading] : rows) {
    SpotifyBrowser browser(stack());
    const std::string target = browser.Refuse(browser.Begin(user), error);
    const HttpAnswer page =
        browser.Return(target + "&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    ExpectPage(page, 400, heading);
    EXPECT_THAT(page.body, Not(HasSubstr("alert")));
    EXPECT_EQ(KeysOf(user), 0);
  }
}

TEST_F(SpotifySignInTest, U48AnInvalidGrantIsShownAndNotRepeated) {
  std::string listener;
  const User user = UserWithEndedToken("token_invalid_grant", listener);
  ExpectError(api().FetchSpotify(user), 400, "SPOTIFY_REJECTED");
  EXPECT_EQ(Calls("refresh." + listener), 1);
  EXPECT_EQ(KeyMember(user, "state"), "rejected");
  EXPECT_NE(KeyMember(user, "advice"), "");
  // The key is kept: a false alarm ends by itself.
  stack().standins().Script("refresh." + listener, json::parse(R"([{"scenario":"rotates"}])"));
  EXPECT_EQ(api().FetchSpotify(user).status, 200);
  EXPECT_EQ(KeyMember(user, "state"), "ok");
}

TEST_F(SpotifySignInTest, AnOutageOfTheAccountsServiceChangesNoState) {
  std::string listener;
  const User user = UserWithEndedToken("token_status:503", listener);
  const std::string before = KeyMember(user, "state");
  ExpectError(api().FetchSpotify(user), 503, "SPOTIFY_UNAVAILABLE");
  EXPECT_EQ(Calls("refresh." + listener), 3);
  EXPECT_EQ(KeyMember(user, "state"), before);
}

TEST_F(SpotifySignInTest, AWrongRegistrationIsNoUsersFault) {
  std::string listener;
  const User user = UserWithEndedToken("token_invalid_client", listener);
  const std::string before = KeyMember(user, "state");
  ExpectError(api().FetchSpotify(user), 503, "SPOTIFY_UNAVAILABLE");
  EXPECT_EQ(Calls("refresh." + listener), 1);
  EXPECT_EQ(KeyMember(user, "state"), before);
}

TEST_F(SpotifySignInTest, U50AnOddAnswerIsBroughtIntoItsBoundsOrRefused) {
  for (const char* scenario :
       {"token_expires_in:zero", "token_expires_in:negative", "token_expires_in:string",
        "token_expires_in:huge", "token_expires_in:missing", "token_scope:missing"}) {
    SCOPED_TRACE(scenario);
    std::string listener;
    const User user = UserWithEndedToken(scenario, listener);
    EXPECT_EQ(api().FetchSpotify(user).status, 200);
    EXPECT_EQ(api().FetchSpotify(user).status, 200);
    EXPECT_EQ(Calls("refresh." + listener), 1);
  }
  for (const char* scenario : {"token_type:mac", "token_access:missing", "token_access:number",
                               "token_html_200", "token_json_duplicate_keys"}) {
    SCOPED_TRACE(scenario);
    std::string listener;
    const User user = UserWithEndedToken(scenario, listener);
    ExpectError(api().FetchSpotify(user), 503, "SPOTIFY_UNAVAILABLE");
    EXPECT_EQ(KeyMember(user, "ends_at").empty(), false);
  }
}

TEST_F(SpotifySignInTest, AMissingPermissionIsNotAnsweredByARefresh) {
  const User user = api().NewUser();
  const std::string listener = ListenerOf(user, "permissions");
  SpotifyBrowser browser(stack());
  ASSERT_EQ(browser.Connect(user, listener).status, 200);
  ExpectError(api().FetchSpotify(user), 400, "SPOTIFY_REJECTED");
  EXPECT_EQ(Calls("refresh." + listener), 0);
  EXPECT_EQ(KeyMember(user, "state"), "rejected");
}

TEST_F(SpotifySignInTest, APastedTokenStaysPossibleAndReplacesASignIn) {
  std::string listener;
  const User user = UserWithEndedToken("plays:3", listener);
  EXPECT_EQ(api().StoreSpotifyToken(user, "scenario:plays:4__" + user.name).status, 200);
  const HttpAnswer fetched = api().FetchSpotify(user);
  EXPECT_EQ(CountElements(fetched.body, "data"), 4);
  EXPECT_EQ(KeyMember(user, "ends_at"), "null");
  EXPECT_EQ(Calls("refresh." + listener), 0);
}

// A server without a client id, with a wrong public address, or with a secret that others may read.
TEST_F(SpotifySignInTest, UnsafeRegistrationsDoNotStart) {
  const std::pair<const char*, const char*> rows[] = {
      {"--public_url=http://localhost:8000", "--public_url"},
      {"--public_url=http://playlog.example", "--public_url"},
      {"--public_url=", "--public_url"},
      {"--spotify_client_secret_file=", "--spotify_client_secret_file"},
      {"--spotify_client_id=a:b", "--spotify_client_id"}};
  for (const auto& [flag, named] : rows) {
    const Finished finished = stack().RunApart(
        "spotify_ingest",
        {flag, absl::StrCat("--listen_address=unix:", stack().directory(), "/apart.sock")});
    EXPECT_EQ(finished.exit_code, 78) << flag;
    EXPECT_THAT(finished.errors, HasSubstr(named)) << flag;
    EXPECT_EQ(CountOf(finished.errors, "\n"), 1) << finished.errors;
  }
}

}  // namespace
}  // namespace playlog::harness
