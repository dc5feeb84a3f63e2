#include "tests/end_to_end/personal_data.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace playlog::harness {
namespace {

constexpr char kPassword[] = "gondola7river under a bridge";

// What comes after the one page of each source.
constexpr char kLimit[] = R"({"status": 429, "headers": {"Retry-After": "100"}})";

// Pages with a good play and a rejected item, both with the canary in them.
void ScriptSpotify(const Stack& stack, const Person& person) {
  const std::string page = absl::StrCat(
      R"({"set": {"/items/0/track/name": "Song of )", person.canary,
      R"(", "/items/1/track/name": null, "/items/1/track/artists/0/name": "Artist of )",
      person.canary, R"("}})");
  stack.standins().Script(person.spotify_token,
                          boost::json::parse(absl::StrCat("[", page, ",", kLimit, "]")), "last");
}

void ScriptLastfm(const Stack& stack, const Person& person) {
  const std::string page = absl::StrCat(
      R"({"set": {"/recenttracks/track/0/name": "Scrobble of )", person.canary,
      R"(", "/recenttracks/track/1/name": "", )",
      R"("/recenttracks/track/1/url": "https://www.last.fm/music/)", person.canary, R"("}})");
  stack.standins().Script(person.lastfm_account,
                          boost::json::parse(absl::StrCat("[", page, ",", kLimit, "]")), "last");
}

std::string SignInBody(const std::string& name, const std::string& password) {
  return absl::StrCat("{\"username\":", Quoted(name), ",\"password\":", Quoted(password), "}");
}

void SignIn(const Api& api, Person& person) {
  User& user = person.user;
  user.password = kPassword;
  const HttpAnswer registered = api.Post("/users/register/", SignInBody(user.name, user.password));
  ASSERT_EQ(registered.status, 201) << registered.body;
  ASSERT_TRUE(absl::SimpleAtoi(Member(registered.body, "id"), &user.id));
  EXPECT_EQ(api.Post("/users/token/", SignInBody(user.name, "a wrong password")).status, 401);
  for (int i = 0; i < 2; ++i) {
    const HttpAnswer signed_in = api.Post("/users/token/", SignInBody(user.name, user.password));
    ASSERT_EQ(signed_in.status, 200) << signed_in.body;
    user.access = Member(signed_in.body, "access");
    user.refresh = Member(signed_in.body, "refresh");
    // The first sign-in ends, the second stays.
    if (i == 0) api.Post("/users/logout/", "{}", user.access);
  }
  EXPECT_EQ(api.Post("/users/token/", SignInBody(user.name, "a wrong password")).status, 401);
}

// Runs a query for each column and returns those for which it counts something.
std::set<std::string> Search(const Stack& stack, const std::string& columns,
                             const std::string& condition) {
  constexpr char kSearch[] = R"(
SELECT string_agg(place, ' ') FROM (
  SELECT concat_ws('.', table_schema, table_name, column_name) AS place,
    (xpath('/row/n/text()', query_to_xml(format(
      'SELECT count(*) AS n FROM %I.%I WHERE @CONDITION',
      table_schema, table_name, column_name), false, true, '')))[1]::text::bigint AS found
  FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
  WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'
    AND (@COLUMNS)
) AS places WHERE found > 0)";
  const std::string found = stack.database().Execute(absl::StrReplaceAll(
      kSearch,
      {{"@CONDITION", absl::StrReplaceAll(condition, {{"'", "''"}})}, {"@COLUMNS", columns}}));
  if (found.empty()) return {};
  return absl::StrSplit(found, ' ');
}

}  // namespace

Person NewPerson(const Stack& stack) {
  static int made = 0;
  Person person;
  person.canary = absl::StrCat("canary", ++made, "bird");
  person.secret = absl::StrCat("secret", made, "bird");
  person.user.name = "person-" + person.canary;
  person.spotify_token = person.secret + "-token";
  person.lastfm_key = person.secret + "-key";
  person.lastfm_account = "account-" + person.canary;
  const Api api(stack.http_port());
  SignIn(api, person);
  const User& user = person.user;
  const std::string spotify_key = absl::StrCat(
      "{\"service_name\":\"spotify\",\"service_user_id\":", Quoted("spotify-" + person.canary),
      ",\"api_key\":", Quoted(person.spotify_token), "}");
  EXPECT_EQ(api.Post("/users/api-keys/", spotify_key, user.access).status, 201);
  EXPECT_EQ(api.StoreLastfmKey(user, person.lastfm_key, person.lastfm_account).status, 201);
  // After the keys were tried, so that the pages come to the fetches.
  ScriptSpotify(stack, person);
  ScriptLastfm(stack, person);
  EXPECT_EQ(api.FetchSpotify(user).status, 200);
  EXPECT_EQ(api.FetchSpotify(user).status, 429);
  EXPECT_EQ(api.FetchLastfm(user).status, 200);
  EXPECT_EQ(api.FetchLastfm(user).status, 429);
  // A job that waits until the rate limit is over.
  EXPECT_EQ(api.Post("/music/backfill/lastfm/", "{}", user.access).status, 202);
  // Begins a sign-in at Spotify where the server has a client id.
  api.Get("/users/spotify/connect/", user.access);
  return person;
}

std::set<std::string> FindText(const Stack& stack, const std::string& text) {
  return Search(stack, "true",
                absl::StrCat("strpos(lower(%3$I::text), '", text, "') > 0 OR strpos(%3$I::text, '",
                             absl::BytesToHexString(text), "') > 0"));
}

std::set<std::string> FindUserId(const Stack& stack, std::int64_t user_id) {
  return Search(stack, "column_name = 'user_id' OR (table_name = 'users' AND column_name = 'id')",
                absl::StrCat("%3$I::text = '", user_id, "'"));
}

}  // namespace playlog::harness
