// Rows of the layers JSON and QUERY that need a user of their own or more than one request.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

class BadUserInputTest : public BadInputTest {
 protected:
  static std::string Credentials(const std::string& name, const std::string& password) {
    return absl::StrCat("{\"username\":", Quoted(name), ",\"password\":", Quoted(password), "}");
  }
  static std::string NewName() { return absl::StrCat("n", absl::ToUnixNanos(absl::Now())); }

  // What the query of the newest call to Last.fm with that user held.
  static std::string LastRequestLine(const std::string& account) {
    const boost::json::array calls = stack().standins().Calls(account);
    return calls.empty() ? "" : Member(boost::json::serialize(calls.back()), "request_line");
  }
};

TEST_F(BadUserInputTest, J29AKeyWithoutAccountIsStoredAndMissedAtTheFetch) {
  const User user = api().NewUser();
  EXPECT_EQ(api().StoreLastfmKey(user, "key", "").status, 201);
  EXPECT_THAT(ExpectError(api().FetchLastfm(user), 400, "LASTFM_USERNAME_MISSING"),
              HasSubstr("No Last.fm username found"));
}

TEST_F(BadUserInputTest, J30AnAccountStaysOneParameter) {
  const User user = api().NewUser();
  for (const char* account : {"a&api_key=x", "../x", "a b", "a#b", "a?b=c", "a%26b", "\xC3\xA9"}) {
    SCOPED_TRACE(account);
    ASSERT_EQ(api().StoreLastfmKey(user, "the-key", account).status / 100, 2);
    EXPECT_EQ(api().FetchLastfm(user).status, 200);
    const std::string line = LastRequestLine(account);
    EXPECT_EQ(CountOf(line, "user="), 1) << line;
    EXPECT_EQ(CountOf(line, "api_key="), 1) << line;
    EXPECT_THAT(line, HasSubstr("api_key=the-key"));
    EXPECT_THAT(line, HasSubstr("GET /lastfm/2.0/?"));
  }
}

TEST_F(BadUserInputTest, J31PasswordsOf8And128CharactersAreTaken) {
  for (const std::size_t length : {std::size_t{8}, std::size_t{128}}) {
    const std::string password = std::string("xq7#Lp2!").append(length - 8, 'w');
    EXPECT_EQ(api().Post("/users/register/", Credentials(NewName(), password)).status, 201);
  }
}

TEST_F(BadUserInputTest, J31AWrongLengthAtSignInIsAWrongPassword) {
  const User user = api().NewUser();
  for (const std::string& password : {std::string("short"), std::string(900'000, 'p')}) {
    ExpectError(api().Post("/users/token/", Credentials(user.name, password)), 401,
                "INVALID_CREDENTIALS");
  }
}

TEST_F(BadUserInputTest, J32PasswordsAreTakenExactlyAsSent) {
  const std::string composed = "vellum otter caf\xC3\xA9";
  const std::string decomposed = "vellum otter cafe\xCC\x81";
  const std::string emoji = "vellum otter \xF0\x9F\x8E\xB5";
  for (const std::string& password : {composed, emoji, emoji + " "}) {
    const std::string name = NewName();
    ASSERT_EQ(api().Post("/users/register/", Credentials(name, password)).status, 201);
    EXPECT_EQ(api().Post("/users/token/", Credentials(name, password)).status, 200);
    const std::string other = password == composed     ? decomposed
                              : password.back() == ' ' ? password.substr(0, password.size() - 1)
                                                       : password + " ";
    ExpectError(api().Post("/users/token/", Credentials(name, other)), 401, "INVALID_CREDENTIALS");
  }
}

TEST_F(BadUserInputTest, J36TextsOfInjectionsAreStoredAsTheyAre) {
  const User user = api().NewUser();
  for (const char* text :
       {"' OR 1=1;--", "$1", "%s%n", "${jndi:x}", "{{7*7}}", "\\\"; DROP TABLE"}) {
    ASSERT_EQ(api().StoreLastfmKey(user, text, text).status / 100, 2) << text;
    EXPECT_EQ(Member(api().Get("/users/api-keys/", user.access).body, "results.0.service_user_id"),
              text);
    EXPECT_EQ(api().FetchLastfm(user).status, 200);
  }
  EXPECT_EQ(api().StoredSongs(user).status, 200);
}

TEST_F(BadUserInputTest, J40TheSamePostTwiceIsOneRow) {
  const User user = api().NewUser();
  EXPECT_EQ(api().StoreSpotifyToken(user, "token").status, 201);
  EXPECT_EQ(api().StoreSpotifyToken(user, "token").status, 200);
  EXPECT_EQ(CountElements(api().Get("/users/api-keys/", user.access).body, "results"), 1);
}

TEST_F(BadUserInputTest, J40TheSameRegistrationAtOnceIsOneUser) {
  const std::string body = Credentials(NewName(), "vellum otter quarry");
  HttpAnswer answers[6];
  std::vector<std::thread> threads;
  for (HttpAnswer& answer : answers) {
    threads.emplace_back([&] { answer = api().Post("/users/register/", body); });
  }
  for (std::thread& thread : threads) thread.join();
  int made = 0;
  for (const HttpAnswer& answer : answers) {
    made += answer.status == 201 ? 1 : 0;
    if (answer.status != 201) ExpectError(answer, 409, "ALREADY_EXISTS");
  }
  EXPECT_EQ(made, 1);
}

TEST_F(BadUserInputTest, Q01Q02Q06GoodLimitsReachTheUpstream) {
  const User user = api().NewUser();
  const std::string account = "limits-" + user.name;
  ASSERT_EQ(api().StoreLastfmKey(user, "key", account).status, 201);
  const std::map<std::string, int> limits = {{"", 50},          {"?limit=1", 1},
                                             {"?limit=50", 50}, {"?limit=200", 200},
                                             {"?limit=%35", 5}, {"?%6Cimit=7", 7}};
  for (const auto& [query, count] : limits) {
    const HttpAnswer answer = api().FetchLastfm(user, query);
    EXPECT_EQ(answer.status, 200) << query;
    EXPECT_EQ(CountElements(answer.body, "data"), count);
    EXPECT_EQ(Member(answer.body, "count"), absl::StrCat(count));
    EXPECT_THAT(LastRequestLine(account), HasSubstr(absl::StrCat("limit=", count)));
  }
}

TEST_F(BadUserInputTest, Q14ACursorIsGoodForItsUserAndItsFilterOnly) {
  const User user = api().NewUser();
  const User other = api().NewUser();
  for (const User* one : {&user, &other}) {
    ASSERT_EQ(api().StoreSpotifyToken(*one, "cursor-of-" + one->name).status, 201);
    ASSERT_EQ(api().FetchSpotify(*one).status, 200);
  }
  const std::string cursor = Member(api().StoredSongs(user, "?limit=10").body, "next");
  ASSERT_NE(cursor, "");
  const std::string good = "?cursor=" + cursor;
  EXPECT_EQ(api().StoredSongs(user, good).status, 200);
  const auto expect_refused = [](const HttpAnswer& answer) {
    EXPECT_THAT(ExpectError(answer, 400, "INVALID_PARAMETER"), HasSubstr("cursor"));
  };
  expect_refused(api().StoredSongs(other, good));
  expect_refused(api().StoredSongs(user, good + "&source=spotify"));
  for (std::size_t place = 0; place < cursor.size(); ++place) {
    std::string flipped = cursor;
    flipped[place] = flipped[place] == 'A' ? 'B' : 'A';
    expect_refused(api().StoredSongs(user, "?cursor=" + flipped));
    expect_refused(api().StoredSongs(user, "?cursor=" + cursor.substr(0, place)));
  }
}

TEST_F(BadUserInputTest, Q20Q21FetchesWithoutAKeyAreRefusedInTheDocumentsWords) {
  const User user = api().NewUser();
  const std::size_t calls = UpstreamCalls();
  EXPECT_THAT(ExpectError(api().FetchLastfm(user, "?limit=200"), 400, "LASTFM_KEY_MISSING"),
              HasSubstr("No Last.fm API key found"));
  EXPECT_THAT(ExpectError(api().FetchSpotify(user), 400, "SPOTIFY_KEY_MISSING"),
              HasSubstr("No Spotify API key found"));
  EXPECT_EQ(UpstreamCalls(), calls);
}

}  // namespace
}  // namespace playlog::harness
