// Every row of the contract's table of errors.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSpotifyFailed[] = "Failed to fetch recently played songs | ";
constexpr char kLastfmFailed[] = "Last.fm API error | ";

class ContractErrorsTest : public EndToEndTest {
 protected:
  static HttpAnswer FetchSpotifyAs(const std::string& token) {
    const User user = api().NewUser();
    const std::string credential = token + "__" + user.name;
    EXPECT_EQ(
        StoreUntried(credential, [&] { return api().StoreSpotifyToken(user, credential); }).status,
        201);
    return api().FetchSpotify(user);
  }
  static HttpAnswer FetchLastfmAs(const std::string& account) {
    const User user = api().NewUser();
    const std::string credential = account + "__" + user.name;
    EXPECT_EQ(
        StoreUntried(credential, [&] { return api().StoreLastfmKey(user, "key", credential); })
            .status,
        201);
    return api().FetchLastfm(user);
  }
};

TEST_F(ContractErrorsTest, WithoutATokenOrWithABadOne) {
  for (const char* target : {"/users/me/", "/users/api-keys/", "/music/fetch-recently-played/",
                             "/music/fetch-lastfm-recent/", "/music/get-stored-songs/"}) {
    SCOPED_TRACE(target);
    EXPECT_THAT(ExpectError(api().Get(target), 401, "AUTHENTICATION_REQUIRED"),
                StartsWith("Authentication required | "));
    EXPECT_THAT(ExpectError(api().Get(target, "no.such.token"), 401, "INVALID_TOKEN"),
                StartsWith("Invalid token | "));
  }
}

TEST_F(ContractErrorsTest, MissingKeysSayWhatToAdd) {
  const User user = api().NewUser();
  EXPECT_EQ(ExpectError(api().FetchSpotify(user), 400, "SPOTIFY_KEY_MISSING"),
            "No Spotify API key found | Add Spotify access token in profile settings");
  EXPECT_EQ(ExpectError(api().FetchLastfm(user), 400, "LASTFM_KEY_MISSING"),
            "No Last.fm API key found | Add Last.fm API key and username");
  ASSERT_EQ(api().StoreLastfmKey(user, "key", "").status, 201);
  EXPECT_EQ(ExpectError(api().FetchLastfm(user), 400, "LASTFM_USERNAME_MISSING"),
            "No Last.fm username found | Update Last.fm API key with username");
}

TEST_F(ContractErrorsTest, SpotifyRefuses) {
  for (const char* scenario :
       {"scenario:expired", "scenario:invalid_token", "scenario:forbidden"}) {
    SCOPED_TRACE(scenario);
    EXPECT_EQ(ExpectError(FetchSpotifyAs(scenario), 400, "SPOTIFY_REJECTED"),
              absl::StrCat(kSpotifyFailed, "Refresh Spotify access token"));
  }
}

TEST_F(ContractErrorsTest, SpotifyGivesNoUsableAnswer) {
  for (const char* scenario : {"scenario:close", "scenario:not_found", "scenario:status:500",
                               "scenario:html_200", "scenario:big"}) {
    SCOPED_TRACE(scenario);
    EXPECT_THAT(ExpectError(FetchSpotifyAs(scenario), 503, "SPOTIFY_UNAVAILABLE"),
                StartsWith(kSpotifyFailed));
  }
}

TEST_F(ContractErrorsTest, LastfmRefuses) {
  for (const int error : {4, 6, 7, 9, 10, 17, 26}) {
    SCOPED_TRACE(error);
    EXPECT_EQ(
        ExpectError(FetchLastfmAs(absl::StrCat("scenario-error-", error)), 400, "LASTFM_REJECTED"),
        absl::StrCat(kLastfmFailed, "Verify credentials are correct"));
  }
}

TEST_F(ContractErrorsTest, LastfmGivesNoUsableAnswer) {
  for (const char* scenario : {"scenario-error-8", "scenario-error-11", "scenario-error-16",
                               "scenario-status-502", "scenario-html_200"}) {
    SCOPED_TRACE(scenario);
    EXPECT_THAT(ExpectError(FetchLastfmAs(scenario), 503, "LASTFM_UNAVAILABLE"),
                StartsWith(kLastfmFailed));
  }
}

TEST_F(ContractErrorsTest, AnUpstreamsRateLimitIsHandedOnAsGiven) {
  const HttpAnswer spotify = FetchSpotifyAs("scenario:rate_limit:day");
  EXPECT_THAT(ExpectError(spotify, 429, "RATE_LIMITED"), StartsWith(kSpotifyFailed));
  EXPECT_EQ(spotify.Header("retry-after"), "86400");
  const HttpAnswer lastfm = FetchLastfmAs("scenario-error-29-200");
  EXPECT_THAT(ExpectError(lastfm, 429, "RATE_LIMITED"), StartsWith(kLastfmFailed));
}

TEST_F(ContractErrorsTest, AShortRateLimitIsWaitedOut) {
  const HttpAnswer answer = FetchSpotifyAs("scenario:rate_limit_once:1");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_GE(answer.duration, absl::Seconds(1));
}

TEST_F(ContractErrorsTest, BadValuesNameTheFieldAndWhatIsAllowed) {
  const User user = api().NewUser();
  EXPECT_THAT(ExpectError(api().FetchLastfm(user, "?limit=201"), 400, "INVALID_PARAMETER"),
              StartsWith("Invalid limit: must be an integer from 1 to 200"));
  EXPECT_THAT(ExpectError(api().StoredSongs(user, "?source=all"), 400, "INVALID_PARAMETER"),
              ::testing::AllOf(HasSubstr("source"), HasSubstr("spotify or lastfm")));
  EXPECT_THAT(ExpectError(api().StoredSongs(user, "?sorce=all"), 400, "UNKNOWN_PARAMETER"),
              HasSubstr("sorce"));
  const std::string body = R"({"service_name":"spotify","api_key":"k","admin":true})";
  EXPECT_THAT(ExpectError(api().Post("/users/api-keys/", body, user.access), 400, "UNKNOWN_FIELD"),
              HasSubstr("admin"));
  ExpectError(api().Post("/users/api-keys/", "[]", user.access), 400, "INVALID_JSON");
  const std::string form = absl::StrCat(
      "POST /users/token/ HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
      "Content-Length: 2\r\n\r\n{}");
  ExpectError(Exchange(stack().http_port(), form), 415, "UNSUPPORTED_MEDIA_TYPE");
  const std::string big =
      "POST /users/token/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 1048577\r\n\r\n";
  ExpectError(Exchange(stack().http_port(), big), 413, "BODY_TOO_LARGE");
  const std::string many =
      "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(9000, 'a') + "\r\n\r\n";
  ExpectError(Exchange(stack().http_port(), many), 431, "HEADER_TOO_LARGE");
  const std::string longer =
      "GET /healthz?" + std::string(7500, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  ExpectError(Exchange(stack().http_port(), longer), 414, "URI_TOO_LONG");
}

TEST_F(ContractErrorsTest, AUsernameIsTakenWhateverItsCase) {
  const User user = api().NewUser();
  std::string name = user.name;
  name[0] = 'U';
  const std::string body =
      absl::StrCat("{\"username\":", Quoted(name), R"(,"password":"vellum otter quarry"})");
  EXPECT_THAT(ExpectError(api().Post("/users/register/", body), 409, "ALREADY_EXISTS"),
              HasSubstr("username"));
}

TEST_F(ContractErrorsTest, AWrongNameAndAWrongPasswordLookTheSame) {
  const User user = api().NewUser();
  const auto sign_in = [](const std::string& name, const std::string& password) {
    return api().Post("/users/token/", absl::StrCat("{\"username\":", Quoted(name),
                                                    ",\"password\":", Quoted(password), "}"));
  };
  const std::string wrong =
      ExpectError(sign_in(user.name, "not the password"), 401, "INVALID_CREDENTIALS");
  EXPECT_EQ(ExpectError(sign_in(user.name + "x", user.password), 401, "INVALID_CREDENTIALS"),
            wrong);
  EXPECT_EQ(ExpectError(sign_in(user.name, "short"), 401, "INVALID_CREDENTIALS"), wrong);
}

TEST_F(ContractErrorsTest, TooManyFailedSignInsAreThrottledAndNotLocked) {
  const User user = api().NewUser();
  const std::string body =
      absl::StrCat("{\"username\":", Quoted(user.name), R"(,"password":"not the password"})");
  for (int i = 0; i < 10; ++i) {
    ExpectError(api().Post("/users/token/", body), 401, "INVALID_CREDENTIALS");
  }
  const HttpAnswer throttled = api().Post("/users/token/", body);
  ExpectError(throttled, 429, "RATE_LIMITED");
  int seconds = 0;
  EXPECT_TRUE(absl::SimpleAtoi(throttled.Header("retry-after"), &seconds) && seconds <= 300);
  EXPECT_EQ(api().Get("/users/me/", user.access).status, 200);
}

TEST_F(ContractErrorsTest, OverloadIsRefusedWithATimeToComeBack) {
  std::mutex mutex;
  std::vector<HttpAnswer> answers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&, i] {
      const HttpAnswer answer = api().Post(
          "/users/register/",
          absl::StrCat(R"({"username":"overload-)", i, R"(","password":"vellum otter quarry"})"));
      const std::lock_guard lock(mutex);
      answers.push_back(answer);
    });
  }
  for (std::thread& thread : threads) thread.join();
  int refused = 0;
  for (const HttpAnswer& answer : answers) {
    if (answer.status == 201) continue;
    ++refused;
    ExpectError(answer, 503, "OVERLOADED");
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 40);
}

TEST_F(ContractErrorsTest, ABugShowsNothingOfTheInside) {
  const User user = api().NewUser();
  stack().database().Execute("ALTER TABLE song_store.plays RENAME TO plays_away");
  const HttpAnswer answer = api().StoredSongs(user);
  stack().database().Execute("ALTER TABLE song_store.plays_away RENAME TO plays");
  EXPECT_THAT(ExpectError(answer, 500, "INTERNAL"), StartsWith("Internal error | "));
  EXPECT_EQ(api().StoredSongs(user).status, 200);
}

}  // namespace
}  // namespace playlog::harness
