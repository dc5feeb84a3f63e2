// Who may call what, over HTTP: every route as nobody, with a token that is none, as a user and as
// staff, while another user's data must neither be seen nor changed.

#include <gmock/gmock.h>

#include <cstdio>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "services/gateway/router.h"
#include "tests/end_to_end/access_rpcs.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Credentials(const User& user) {
  return absl::StrCat("{\"username\":", Quoted(user.name), ",\"password\":", Quoted(user.password),
                      "}");
}

// What is sent to a route, and which statuses it may have once the caller is let in.
struct RouteRow {
  std::string route;   // As annotated: "DELETE /users/api-keys/{service_name}".
  std::string target;  // What is asked for.
  std::function<std::string(const User&)> json = nullptr;
  std::set<int> statuses = {200};
  bool ends_the_caller = false;  // The caller must be one that no other row needs.
};

constexpr char kNobodysJob[] = "/music/jobs/lastfm-999999999/";

// In the order in which they are tried: keys are stored before they are used and deleted after.
std::vector<RouteRow> Rows() {
  const auto text = [](const std::string& json) { return [json](const User&) { return json; }; };
  const auto new_user = [](const User&) {
    static int count = 0;
    ++count;
    return absl::StrCat("{\"username\":\"routes-", count, "\",\"password\":\"vellum otter ", count,
                        " quarry\"}");
  };
  const auto refresh = [](const User& user) {
    return absl::StrCat("{\"refresh\":", Quoted(user.refresh), "}");
  };
  const auto passwords = [](const User& user) {
    return absl::StrCat("{\"old\":", Quoted(user.password), ",\"new\":\"quarry of 17 otters\"}");
  };
  const auto key = [](const User& user) {
    return absl::StrCat("{\"service_name\":\"spotify\",\"api_key\":", Quoted("key-of-" + user.name),
                        "}");
  };
  const auto lastfm_key = [](const User& user) {
    return absl::StrCat("{\"service_name\":\"lastfm\",\"api_key\":\"the-key\",",
                        "\"service_user_id\":", Quoted("listener-" + user.name), "}");
  };
  return {
      {"POST /users/register", "/users/register/", new_user, {201}},
      {"POST /users/token", "/users/token/", &Credentials},
      {"POST /users/token/refresh", "/users/token/refresh/", refresh, {200}, true},
      {"GET /users/me", "/users/me/"},
      {"POST /users/api-keys", "/users/api-keys/", key, {200, 201}},
      {"POST /users/api-keys", "/users/api-keys/", lastfm_key, {200, 201}},
      {"GET /users/api-keys", "/users/api-keys/"},
      {"GET /music/fetch-recently-played", "/music/fetch-recently-played/"},
      {"GET /music/fetch-lastfm-recent", "/music/fetch-lastfm-recent/"},
      {"GET /music/get-stored-songs", "/music/get-stored-songs/"},
      {"GET /music/sync", "/music/sync/"},
      {"PUT /music/sync/{source}", "/music/sync/spotify/", text("{\"enabled\":false}")},
      {"GET /music/coverage", "/music/coverage/"},
      {"POST /music/backfill/{source}", "/music/backfill/lastfm/", text("{}"), {202}},
      {"GET /music/jobs", "/music/jobs/"},
      // Nobody's; that nobody reaches another's has a test of its own.
      {"GET /music/jobs/{job_id}", kNobodysJob, nullptr, {404}},
      {"GET /music/jobs/{job_id}/events", absl::StrCat(kNobodysJob, "events/"), nullptr, {404}},
      {"DELETE /music/jobs/{job_id}", kNobodysJob, nullptr, {404}},
      {"DELETE /users/api-keys/{service_name}", "/users/api-keys/spotify/", nullptr, {204}},
      // Without a client id of Spotify's there is no sign-in to begin.
      {"GET /users/spotify/connect", "/users/spotify/connect/", nullptr, {200, 501}},
      {"GET /users/spotify/callback",
       "/users/spotify/callback/?code=a&state=b",
       nullptr,
       {400, 501}},
      {"GET /users/audit", "/users/audit/"},
      {"GET /users/me/export", "/users/me/export/"},
      {"GET /admin/api/songs", "/admin/api/songs"},
      {"GET /admin/api/songs/count", "/admin/api/songs/count"},
      {"GET /admin/api/songs/periods", "/admin/api/songs/periods?period=year"},
      {"GET /admin/api/songs/{id}", "/admin/api/songs/999999999", nullptr, {404}},
      {"GET /admin/api/songs/export", "/admin/api/songs/export"},
      {"GET /admin/api/batches", "/admin/api/batches"},
      {"GET /admin/api/users/songs", "/admin/api/users/songs?user_ids=1"},
      {"GET /admin/api/users", "/admin/api/users"},
      {"GET /admin/api/users/{id}", "/admin/api/users/999999999", nullptr, {404}},
      {"GET /admin/api/audit", "/admin/api/audit"},
      {"POST /users/password", "/users/password/", passwords, {204}, true},
      {"POST /users/logout", "/users/logout/", text("{\"all\":true}"), {204}, true},
      {"DELETE /users/me", "/users/me/", nullptr, {204}, true},
  };
}

// The routes of the gateway and who may call each, from the protos.
std::map<std::string, gateway::Caller> Routes() {
  std::map<std::string, gateway::Caller> routes;
  const auto router = gateway::Router::Create(*gateway::PlaylogServices());
  EXPECT_TRUE(router.ok()) << router.status();
  for (const auto& route : (*router)->routes()) {
    routes[absl::StrCat(route->verb, " ", route->path)] = route->caller;
  }
  return routes;
}

class AccessRoutesTest : public EndToEndTest {
 protected:
  static User NewStaff() {
    User user = api().NewUser();
    stack().database().Execute(
        absl::StrCat("UPDATE auth.users SET staff = true WHERE id = ", user.id));
    const HttpAnswer tokens = api().Post("/users/token/", Credentials(user));
    user.access = Member(tokens.body, "access");
    user.refresh = Member(tokens.body, "refresh");
    return user;
  }

  // A user with keys and songs.
  static User NewListener() {
    User user = api().NewUser();
    EXPECT_EQ(api().StoreSpotifyToken(user, "key-of-" + user.name).status, 201);
    EXPECT_EQ(api().StoreLastfmKey(user, "the-key", "listener-" + user.name).status, 201);
    EXPECT_EQ(api().FetchSpotify(user).status, 200);
    EXPECT_EQ(api().FetchLastfm(user).status, 200);
    return user;
  }

  static HttpAnswer Send(const RouteRow& row, const User& user, const std::string& token) {
    const std::string verb = row.route.substr(0, row.route.find(' '));
    const std::string json = row.json == nullptr ? "" : row.json(user);
    return Exchange(stack().http_port(), RequestText(verb, row.target, token, json));
  }

  static std::set<std::string> Ids(const std::string& json) {
    std::set<std::string> ids;
    for (int i = 0; i < CountElements(json, "results"); ++i) {
      ids.insert(Member(json, absl::StrCat("results.", i, ".id")));
    }
    return ids;
  }

  // What the user sees of its own data and what the database holds about it.
  static std::string DataOf(const User& user) {
    std::string data;
    for (const char* target : {"/users/me/", "/users/api-keys/", "/music/get-stored-songs/"}) {
      absl::StrAppend(&data, api().Get(target, user.access).body, "\n");
    }
    return data;
  }
};

TEST_F(AccessRoutesTest, EveryRouteHasARow) {
  std::set<std::string> tried;
  for (const RouteRow& row : Rows()) tried.insert(row.route);
  std::set<std::string> routes;
  for (const auto& [route, caller] : Routes()) routes.insert(route);
  EXPECT_EQ(tried, routes);
}

TEST_F(AccessRoutesTest, EveryRouteLetsInWhomItsProtoSays) {
  const std::map<std::string, gateway::Caller> routes = Routes();
  const User other = NewListener();
  const std::string data = DataOf(other);
  const User user = api().NewUser();
  const User staff = NewStaff();
  int cells = 0;
  for (const RouteRow& row : Rows()) {
    SCOPED_TRACE(row.route);
    const gateway::Caller caller = routes.at(row.route);
    const bool is_open = caller == gateway::Caller::kAnyone;
    // Nobody, and who holds something that is no token.
    for (const std::string& token : {std::string(), std::string("garbage")}) {
      const HttpAnswer answer = Send(row, row.ends_the_caller ? api().NewUser() : user, token);
      if (is_open) {
        EXPECT_THAT(row.statuses, Contains(answer.status)) << answer.body;
      } else {
        ExpectError(answer, 401, token.empty() ? "AUTHENTICATION_REQUIRED" : "INVALID_TOKEN");
      }
      ++cells;
    }
    for (const bool is_staff : {false, true}) {
      User sender = is_staff ? staff : user;
      if (row.ends_the_caller) sender = is_staff ? NewStaff() : api().NewUser();
      const HttpAnswer answer = Send(row, sender, sender.access);
      if (caller == gateway::Caller::kStaff && !is_staff) {
        ExpectError(answer, 403, "PERMISSION_DENIED");
      } else {
        EXPECT_THAT(row.statuses, Contains(answer.status)) << answer.body;
        // What is for staff alone shows everybody's data.
        const bool is_staffs = caller == gateway::Caller::kStaff;
        EXPECT_TRUE(is_staffs || answer.body.find(other.name) == std::string::npos);
      }
      ++cells;
    }
  }
  std::printf("%d cells\n", cells);
  EXPECT_EQ(DataOf(other), data) << "somebody else's call changed a user's data";
}

// Each user's lists have nothing of the other's, though both asked for everything.
TEST_F(AccessRoutesTest, UsersSeeNothingOfEachOther) {
  const User user = NewListener();
  const User other = NewListener();
  for (const char* target : {"/music/get-stored-songs/", "/users/audit/"}) {
    SCOPED_TRACE(target);
    const std::set<std::string> ids = Ids(api().Get(target, user.access).body);
    const std::set<std::string> others = Ids(api().Get(target, other.access).body);
    EXPECT_FALSE(ids.empty());
    EXPECT_FALSE(others.empty());
    for (const std::string& id : ids) EXPECT_FALSE(others.contains(id)) << id;
  }
  EXPECT_EQ(Member(api().Get("/users/me/", user.access).body, "id"), absl::StrCat(user.id));
  EXPECT_THAT(api().Get("/users/api-keys/", user.access).body, Not(HasSubstr(other.name)));
  // What one deletes, the other keeps.
  EXPECT_EQ(api().Delete("/users/api-keys/spotify/", user.access).status, 204);
  EXPECT_EQ(CountElements(api().Get("/users/api-keys/", other.access).body, "results"), 2);
  EXPECT_EQ(api().Delete("/users/me/", user.access).status, 204);
  EXPECT_GT(CountElements(api().StoredSongs(other).body, "results"), 0);
}

TEST_F(AccessRoutesTest, NobodyReachesTheJobsOfAnother) {
  const User user = NewListener();
  const User other = NewListener();
  const HttpAnswer started = api().Post("/music/backfill/lastfm/", "{}", other.access);
  ASSERT_EQ(started.status, 202) << started.body;
  const std::string id = Member(started.body, "job_id");
  const std::string job = absl::StrCat("/music/jobs/", id, "/");
  ExpectError(api().Get(job, user.access), 404, "NOT_FOUND");
  ExpectError(api().Get(absl::StrCat(job, "events/"), user.access), 404, "NOT_FOUND");
  ExpectError(api().Delete(job, user.access), 404, "NOT_FOUND");
  EXPECT_EQ(CountElements(api().Get("/music/jobs/", user.access).body, "results"), 0);
  EXPECT_EQ(CountElements(api().Get("/music/jobs/", other.access).body, "results"), 1);
  const HttpAnswer theirs = api().Get(job, other.access);
  EXPECT_EQ(theirs.status, 200);
  EXPECT_NE(Member(theirs.body, "job.state"), "cancelled");
}

// A user's id is never taken from the request, wherever one puts it.
TEST_F(AccessRoutesTest, NobodyCanNameAnotherUser) {
  const User user = api().NewUser();
  const User other = NewListener();
  const std::string id = absl::StrCat(other.id);
  for (const char* name : {"user_id", "user", "id", "sub", "username"}) {
    for (const char* target :
         {"/users/me/", "/users/api-keys/", "/music/get-stored-songs/", "/users/audit/"}) {
      ExpectError(api().Get(absl::StrCat(target, "?", name, "=", id), user.access), 400,
                  "UNKNOWN_PARAMETER");
    }
    ExpectError(api().Post("/users/api-keys/",
                           absl::StrCat("{\"service_name\":\"spotify\",\"api_key\":\"x\",\"", name,
                                        "\":", id, "}"),
                           user.access),
                400, "UNKNOWN_FIELD");
  }
  const std::string fields = absl::StrCat("X-User-Id: ", id, "\r\nplaylog-user-id: ", id,
                                          "\r\nCookie: user_id=", id, "\r\n");
  const HttpAnswer me =
      Exchange(stack().http_port(), RequestText("GET", "/users/me/", user.access, "", fields));
  EXPECT_EQ(Member(me.body, "id"), absl::StrCat(user.id));
}

// A cookie says nothing about who calls, whatever it is called.
TEST_F(AccessRoutesTest, CookiesSignNobodyIn) {
  const User user = api().NewUser();
  for (const char* name :
       {"access", "token", "Authorization", "session", "playlog_spotify_sign_in"}) {
    const std::string fields = absl::StrCat("Cookie: ", name, "=", user.access, "\r\n");
    ExpectError(Exchange(stack().http_port(), RequestText("GET", "/users/me/", "", "", fields)),
                401, "AUTHENTICATION_REQUIRED");
  }
}

TEST_F(AccessRoutesTest, RpcsBetweenServicesAreNotThere) {
  const User staff = NewStaff();
  for (const auto* rpc : PlaylogRpcs()) {
    ExpectError(api().Post(PathOf(*rpc), "{}", staff.access), 404, "NOT_FOUND");
    ExpectError(api().Get(PathOf(*rpc), staff.access), 404, "NOT_FOUND");
  }
}

}  // namespace
}  // namespace playlog::harness
