// Verbs, paths and request ids: what holds for every route alike.

#include <gmock/gmock.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

struct RouteRow {
  std::string path;
  std::set<std::string> verbs;  // With OPTIONS.
};

const std::vector<RouteRow>& Routes() {
  static const auto& routes =
      *new std::vector<RouteRow>{{"/users/register", {"POST", "OPTIONS"}},
                                 {"/users/token", {"POST", "OPTIONS"}},
                                 {"/users/token/refresh", {"POST", "OPTIONS"}},
                                 {"/users/me", {"GET", "HEAD", "DELETE", "OPTIONS"}},
                                 {"/users/api-keys", {"GET", "HEAD", "POST", "OPTIONS"}},
                                 {"/users/api-keys/spotify", {"DELETE", "OPTIONS"}},
                                 {"/music/fetch-recently-played", {"GET", "OPTIONS"}},
                                 {"/music/fetch-lastfm-recent", {"GET", "OPTIONS"}},
                                 {"/music/get-stored-songs", {"GET", "HEAD", "OPTIONS"}},
                                 {"/users/logout", {"POST", "OPTIONS"}},
                                 {"/users/password", {"POST", "OPTIONS"}},
                                 {"/users/audit", {"GET", "HEAD", "OPTIONS"}},
                                 {"/users/me/export", {"GET", "HEAD", "OPTIONS"}},
                                 {"/users/spotify/connect", {"GET", "OPTIONS"}},
                                 {"/users/spotify/callback", {"GET", "OPTIONS"}},
                                 {"/music/sync", {"GET", "HEAD", "OPTIONS"}},
                                 {"/music/sync/spotify", {"PUT", "OPTIONS"}},
                                 {"/music/backfill/lastfm", {"POST", "OPTIONS"}},
                                 {"/music/jobs", {"GET", "HEAD", "OPTIONS"}},
                                 {"/music/jobs/lastfm-1", {"GET", "HEAD", "DELETE", "OPTIONS"}},
                                 {"/music/jobs/lastfm-1/events", {"GET", "HEAD", "OPTIONS"}},
                                 {"/music/coverage", {"GET", "HEAD", "OPTIONS"}},
                                 {"/healthz", {"GET", "HEAD", "OPTIONS"}},
                                 {"/readyz", {"GET", "HEAD", "OPTIONS"}}};
  return routes;
}

std::set<std::string> AllowOf(const HttpAnswer& answer) {
  return absl::StrSplit(answer.Header("allow"), ", ");
}

class ContractVerbsTest : public EndToEndTest {
 protected:
  static HttpAnswer Send(const std::string& verb, const std::string& target,
                         const std::string& token = "") {
    return Exchange(stack().http_port(), RequestText(verb, target, token), absl::Seconds(40),
                    verb != "HEAD");
  }
};

TEST_F(ContractVerbsTest, OptionsTellsTheVerbsAndNothingOfOtherOrigins) {
  for (const RouteRow& route : Routes()) {
    SCOPED_TRACE(route.path);
    for (const char* slash : {"", "/"}) {
      const HttpAnswer answer = Send("OPTIONS", route.path + slash);
      EXPECT_EQ(answer.status, 204);
      EXPECT_EQ(answer.body, "");
      EXPECT_EQ(AllowOf(answer), route.verbs);
      ExpectCommonHeaders(answer);
    }
  }
}

TEST_F(ContractVerbsTest, AKnownVerbThatAPathLacksIs405) {
  const User user = api().NewUser();
  for (const RouteRow& route : Routes()) {
    for (const char* verb : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
      if (route.verbs.contains(verb)) continue;
      SCOPED_TRACE(absl::StrCat(verb, " ", route.path));
      const HttpAnswer answer = Send(verb, route.path, user.access);
      EXPECT_EQ(answer.status, 405);
      EXPECT_EQ(AllowOf(answer), route.verbs);
      if (std::string(verb) != "HEAD") ExpectError(answer, 405, "METHOD_NOT_ALLOWED");
    }
  }
}

TEST_F(ContractVerbsTest, AnUnknownVerbIs501) {
  for (const char* verb : {"FOO", "get", "PROPFIND"}) {
    ExpectError(Send(verb, "/healthz"), 501, "NOT_IMPLEMENTED");
  }
}

TEST_F(ContractVerbsTest, HeadIsGetWithoutABody) {
  const User user = api().NewUser();
  for (const char* target : {"/users/me/", "/users/api-keys/", "/music/get-stored-songs/"}) {
    SCOPED_TRACE(target);
    const HttpAnswer got = api().Get(target, user.access);
    HttpConnection connection(stack().http_port());
    connection.Send(RequestText("HEAD", target, user.access));
    const HttpAnswer head = connection.Read(absl::Seconds(5), false);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("content-length"), absl::StrCat(got.body.size()));
    EXPECT_EQ(head.Header("content-type"), "application/json");
    std::string rest;
    EXPECT_TRUE(connection.AwaitClose(absl::Seconds(5), &rest));
    EXPECT_EQ(rest, "");
  }
}

TEST_F(ContractVerbsTest, TheTrailingSlashIsOptional) {
  const User user = api().NewUser();
  for (const char* target : {"/users/me", "/users/api-keys", "/music/get-stored-songs"}) {
    const HttpAnswer without = api().Get(target, user.access);
    EXPECT_EQ(without.status, 200);
    EXPECT_EQ(without.body, api().Get(absl::StrCat(target, "/"), user.access).body);
  }
  EXPECT_EQ(api().Get("/music/get-stored-songs?source=spotify", user.access).status, 200);
}

TEST_F(ContractVerbsTest, UnknownPathsAre404WithAndWithoutASignIn) {
  const User user = api().NewUser();
  for (const char* target :
       {"/", "/music/", "/music/get-stored-songs/1", "/users/me/me", "/metrics", "/favicon.ico"}) {
    SCOPED_TRACE(target);
    ExpectError(api().Get(target), 404, "NOT_FOUND");
    ExpectError(api().Get(target, user.access), 404, "NOT_FOUND");
  }
}

TEST_F(ContractVerbsTest, EveryAnswerHasARequestIdOfItsOwn) {
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    const HttpAnswer answer =
        Exchange(stack().http_port(),
                 RequestText("GET", "/healthz", "", "", "X-Request-Id: chosen-by-the-client\r\n"));
    ids.insert(answer.Header("x-request-id"));
  }
  EXPECT_EQ(ids.size(), 20U);
  EXPECT_FALSE(ids.contains("chosen-by-the-client"));
}

TEST_F(ContractVerbsTest, ACookieIsNoSignIn) {
  const User user = api().NewUser();
  const std::string cookie =
      absl::StrCat("Cookie: access=", user.access, "; Authorization=Bearer ", user.access, "\r\n");
  for (const char* target : {"/music/fetch-recently-played/", "/music/get-stored-songs/"}) {
    ExpectError(Exchange(stack().http_port(), RequestText("GET", target, "", "", cookie)), 401,
                "AUTHENTICATION_REQUIRED");
  }
}

}  // namespace
}  // namespace playlog::harness
