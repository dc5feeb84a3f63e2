#include "services/gateway/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "playlog/options/v1/options.pb.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Router> MakeRouter() {
  const auto services = PlaylogServices();
  EXPECT_THAT(services, IsOk());
  const std::string local_paths[] = {"/", "/healthz"};
  auto router = Router::Create(*services, local_paths);
  EXPECT_THAT(router, IsOk());
  return *std::move(router);
}

struct ContractRow {
  std::string verb;
  std::string path;
  std::string method;
  Caller caller;
  int status;
  int alternative_status = 0;
  bool takes_body = false;
};

class Contract : public ::testing::TestWithParam<ContractRow> {};

TEST_P(Contract, IsRoutedWithAndWithoutTheTrailingSlash) {
  const auto router = MakeRouter();
  for (const std::string slash : {"", "/"}) {
    const Routing routing = router->Find(GetParam().verb, GetParam().path + slash);
    ASSERT_THAT(routing.status, IsOk());
    ASSERT_NE(routing.route, nullptr);
    EXPECT_EQ(routing.route->method->full_name(), GetParam().method);
    EXPECT_EQ(routing.route->caller, GetParam().caller);
    EXPECT_EQ(routing.route->status, GetParam().status);
    EXPECT_EQ(routing.route->alternative_status, GetParam().alternative_status);
    EXPECT_EQ(routing.route->takes_body, GetParam().takes_body);
    EXPECT_FALSE(routing.is_head);
    EXPECT_NE(routing.route->answer, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(
    OfRest, Contract,
    ::testing::Values(
        ContractRow{"POST", "/users/register", "playlog.auth.v1.UserService.Register",
                    Caller::kAnyone, 201, 0, true},
        ContractRow{"POST", "/users/token", "playlog.auth.v1.UserService.CreateToken",
                    Caller::kAnyone, 200, 0, true},
        ContractRow{"POST", "/users/token/refresh", "playlog.auth.v1.UserService.RefreshToken",
                    Caller::kAnyone, 200, 0, true},
        ContractRow{"GET", "/users/me", "playlog.auth.v1.UserService.GetMe", Caller::kUser, 200},
        ContractRow{"DELETE", "/users/me", "playlog.auth.v1.UserService.DeleteMe", Caller::kUser,
                    204},
        ContractRow{"POST", "/users/api-keys", "playlog.auth.v1.ApiKeyService.StoreApiKey",
                    Caller::kUser, 201, 200, true},
        ContractRow{"GET", "/users/api-keys", "playlog.auth.v1.ApiKeyService.ListApiKeys",
                    Caller::kUser, 200},
        ContractRow{"DELETE", "/users/api-keys/spotify",
                    "playlog.auth.v1.ApiKeyService.DeleteApiKey", Caller::kUser, 204},
        ContractRow{"GET", "/music/fetch-recently-played",
                    "playlog.spotify.v1.SpotifyIngestService.FetchRecentlyPlayed", Caller::kUser,
                    200},
        ContractRow{"GET", "/music/fetch-lastfm-recent",
                    "playlog.lastfm.v1.LastfmIngestService.FetchRecentTracks", Caller::kUser, 200},
        ContractRow{"GET", "/music/get-stored-songs",
                    "playlog.songs.v1.SongStoreService.GetStoredSongs", Caller::kUser, 200},
        ContractRow{"POST", "/users/logout", "playlog.auth.v1.UserService.Logout", Caller::kUser,
                    204, 0, true},
        ContractRow{"POST", "/users/password", "playlog.auth.v1.UserService.ChangePassword",
                    Caller::kUser, 204, 0, true},
        ContractRow{"GET", "/users/audit", "playlog.auth.v1.AuditService.ListAuditEvents",
                    Caller::kUser, 200},
        ContractRow{"GET", "/users/me/export", "playlog.auth.v1.UserService.ExportMe",
                    Caller::kUser, 200},
        ContractRow{"GET", "/users/spotify/connect",
                    "playlog.spotify.v1.SpotifySignInService.BeginSignIn", Caller::kUser, 200},
        ContractRow{"GET", "/users/spotify/callback",
                    "playlog.spotify.v1.SpotifySignInService.CompleteSignIn", Caller::kAnyone, 200,
                    400},
        ContractRow{"GET", "/music/sync", "playlog.ingest.v1.SyncService.GetSync", Caller::kUser,
                    200},
        ContractRow{"PUT", "/music/sync/spotify", "playlog.ingest.v1.SyncService.SetSync",
                    Caller::kUser, 200, 0, true},
        ContractRow{"POST", "/music/backfill/lastfm", "playlog.ingest.v1.JobService.StartBackfill",
                    Caller::kUser, 202, 0, true},
        ContractRow{"GET", "/music/jobs", "playlog.ingest.v1.JobService.ListJobs", Caller::kUser,
                    200},
        ContractRow{"GET", "/music/jobs/lastfm-1", "playlog.ingest.v1.JobService.GetJob",
                    Caller::kUser, 200},
        ContractRow{"DELETE", "/music/jobs/lastfm-1", "playlog.ingest.v1.JobService.CancelJob",
                    Caller::kUser, 204},
        ContractRow{"GET", "/music/jobs/lastfm-1/events", "playlog.ingest.v1.JobService.WatchJob",
                    Caller::kUser, 200},
        ContractRow{"GET", "/music/coverage", "playlog.ingest.v1.CoverageService.GetCoverage",
                    Caller::kUser, 200}));

TEST(Router, KnowsHowEachRouteBehaves) {
  const auto router = MakeRouter();
  const Route* stored = router->Find("GET", "/music/get-stored-songs").route;
  EXPECT_TRUE(stored->streams);
  EXPECT_TRUE(stored->only_reads);
  EXPECT_EQ(stored->deadline_ms, 2000);
  EXPECT_EQ(stored->grpc_method, "/playlog.songs.v1.SongStoreService/GetStoredSongs");
  const Route* fetch = router->Find("GET", "/music/fetch-lastfm-recent").route;
  EXPECT_FALSE(fetch->streams);
  EXPECT_FALSE(fetch->only_reads);
  EXPECT_TRUE(fetch->is_idempotent);
  EXPECT_EQ(fetch->deadline_ms, 30000);
  EXPECT_EQ(router->Find("GET", "/users/me").route->deadline_ms, 5000);
  EXPECT_FALSE(router->Find("POST", "/users/register").route->is_idempotent);
}

TEST(Router, KnowsWhichAnswersAreNoJson) {
  const auto router = MakeRouter();
  const Route* exported = router->Find("GET", "/users/me/export").route;
  EXPECT_TRUE(exported->IsRaw());
  EXPECT_TRUE(exported->streams);
  EXPECT_EQ(exported->content_type, "application/zip");
  EXPECT_EQ(exported->file_name, "playlog-export.zip");
  EXPECT_EQ(exported->body_number, 1);
  const Route* callback = router->Find("GET", "/users/spotify/callback").route;
  EXPECT_TRUE(callback->IsRaw());
  EXPECT_TRUE(callback->ignores_unknown_parameters);
  EXPECT_EQ(callback->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(callback->file_name, "");
  EXPECT_FALSE(router->Find("GET", "/users/me").route->IsRaw());
  const Route* events = router->Find("GET", "/music/jobs/lastfm-1/events").route;
  EXPECT_TRUE(events->is_event_stream);
  EXPECT_EQ(events->content_type, "text/event-stream");
  EXPECT_FALSE(events->IsRaw());
  EXPECT_FALSE(exported->is_event_stream);
}

TEST(Router, KnowsWhichRoutesGoToSources) {
  const auto router = MakeRouter();
  const Route* sync = router->Find("PUT", "/music/sync/spotify").route;
  EXPECT_TRUE(sync->by_source);
  EXPECT_EQ(sync->source->name(), "source");
  EXPECT_EQ(sync->job_id, nullptr);
  EXPECT_EQ(router->Find("GET", "/music/jobs/lastfm-1").route->job_id->name(), "job_id");
  EXPECT_TRUE(router->Find("GET", "/music/jobs").route->by_source);
  EXPECT_FALSE(router->Find("GET", "/music/get-stored-songs").route->by_source);
}

TEST(Router, KnowsWhichFieldsAreCookies) {
  const auto router = MakeRouter();
  const Route* connect = router->Find("GET", "/users/spotify/connect").route;
  EXPECT_TRUE(connect->request_cookies.empty());
  ASSERT_EQ(connect->answer_cookies.size(), 1u);
  EXPECT_EQ(connect->answer_cookies.front().name, "playlog_spotify_sign_in");
  const Route* callback = router->Find("GET", "/users/spotify/callback").route;
  ASSERT_EQ(callback->request_cookies.size(), 1u);
  EXPECT_EQ(callback->request_cookies.front().field->name(), "browser");
  EXPECT_EQ(callback->answer_cookies.size(), 1u);
}

TEST(Router, GivesPathVariablesDecoded) {
  const auto router = MakeRouter();
  EXPECT_THAT(router->Find("DELETE", "/users/api-keys/a%20b+%C3%A9/").path_values,
              ElementsAre("a b+\xC3\xA9"));
}

TEST(Router, ServesHeadOnlyWhereGetOnlyReads) {
  const auto router = MakeRouter();
  const Routing head = router->Find("HEAD", "/music/get-stored-songs");
  ASSERT_THAT(head.status, IsOk());
  EXPECT_TRUE(head.is_head);
  EXPECT_EQ(head.route->verb, "GET");
  const Routing fetch = router->Find("HEAD", "/music/fetch-recently-played/");
  EXPECT_THAT(fetch.status, ErrorIs(errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED));
  EXPECT_EQ(fetch.allow, "GET, OPTIONS");
  for (const std::string path : {"/users/spotify/connect/", "/users/spotify/callback/"}) {
    EXPECT_THAT(router->Find("HEAD", path).status,
                ErrorIs(errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED));
  }
  EXPECT_THAT(router->Find("HEAD", "/users/me/export/").status, IsOk());
}

TEST(Router, AnswersOptionsWithWhatIsAllowed) {
  const auto router = MakeRouter();
  const Routing options = router->Find("OPTIONS", "/users/api-keys/");
  EXPECT_THAT(options.status, IsOk());
  EXPECT_EQ(options.route, nullptr);
  EXPECT_EQ(options.allow, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(router->Find("OPTIONS", "/").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(router->Find("OPTIONS", "/users/api-keys/spotify").allow, "DELETE, OPTIONS");
}

TEST(Router, RefusesKnownVerbsThatAPathDoesNotHave) {
  const auto router = MakeRouter();
  for (const std::string verb : {"PUT", "PATCH", "DELETE", "TRACE"}) {
    const Routing routing = router->Find(verb, "/users/register");
    EXPECT_THAT(routing.status, ErrorIs(errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED)) << verb;
    EXPECT_EQ(routing.route, nullptr);
  }
  EXPECT_EQ(router->Find("GET", "/users/register").allow, "POST, OPTIONS");
}

TEST(Router, RefusesTraceAndConnectWhateverFollows) {
  const auto router = MakeRouter();
  for (const std::string target : {"/", "a:80", "/no/such/path"}) {
    const Routing routing = router->Find("CONNECT", target);
    EXPECT_THAT(routing.status, ErrorIs(errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED)) << target;
    EXPECT_EQ(routing.allow, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
  }
}

TEST(Router, DoesNotImplementUnknownVerbs) {
  const auto router = MakeRouter();
  for (const std::string verb : {"FOO", "get", "", "PROPFIND"}) {
    EXPECT_THAT(router->Find(verb, "/").status, ErrorIs(errors::v1::ERROR_CODE_NOT_IMPLEMENTED));
  }
}

TEST(Router, RefusesMalformedPaths) {
  const auto router = MakeRouter();
  for (const std::string path :
       {"/music/get-stored-songs/%00", "/%zz", "/%", "/%4", "/%c0%ae%c0%ae", "/%ED%A0%80",
        "/users/api-keys/%00", "*", "", "music", "//%zz"}) {
    EXPECT_THAT(router->Find("GET", path).status, ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST))
        << path;
  }
}

TEST(Router, FindsNothingOnStrangePaths) {
  const auto router = MakeRouter();
  for (const std::string path :
       {"//", "//music//get-stored-songs/", "/MUSIC/get-stored-songs", "/music/get-stored-songs//",
        "/admin/%2e%2e/%2e%2e/etc/passwd", "/admin/..%2f..%2fetc/passwd", "/admin/....//",
        "/music/../music/get-stored-songs", "/./healthz", "/music%2fget-stored-songs",
        "/users/api-keys/a%2Fb", "/users/api-keys/%2e%2e", "/music", "/users/api-keys/spotify/x"}) {
    EXPECT_THAT(router->Find("GET", path).status, ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND))
        << path;
  }
}

TEST(Router, ServesEscapedLiterals) {
  EXPECT_EQ(MakeRouter()->Find("GET", "/users/%6De").route->path, "/users/me");
}

TEST(Router, HasLocalPathsWithoutAMethod) {
  const auto router = MakeRouter();
  const Routing health = router->Find("HEAD", "/healthz/");
  ASSERT_NE(health.route, nullptr);
  EXPECT_EQ(health.route->method, nullptr);
  EXPECT_EQ(health.route->path, "/healthz");
  EXPECT_EQ(router->Find("GET", "/").route->path, "/");
}

TEST(Router, EveryRpcSaysWhoMayCallIt) {
  const auto services = PlaylogServices();
  ASSERT_THAT(services, IsOk());
  int methods = 0;
  for (const auto* service : *services) {
    for (int i = 0; i < service->method_count(); ++i, ++methods) {
      const auto& access = service->method(i)->options().GetExtension(options::v1::access);
      EXPECT_NE(access.who_case(), options::v1::Access::WHO_NOT_SET)
          << service->method(i)->full_name();
    }
  }
  EXPECT_GE(services->size(), 8u);
  EXPECT_GE(methods, 16);
}

constexpr char kMessages[] =
    "message Q { string id = 1; repeated string many = 2; Q inner = 3; string other = 4; }"
    "message A { string text = 1; } message B { google.protobuf.Duration duration = 1; }";

std::string OneRpc(const std::string& options, const std::string& signature = "(Q) returns (A)") {
  return std::string(kMessages) + "service S { rpc M" + signature + " {" + options + "} }";
}

std::string UserRoute(const std::string& rule) {
  return "option (playlog.options.v1.access) = {user: true};"
         "option (google.api.http) = {" +
         rule + "};";
}

TEST(RouterCreate, RefusesWhatItDoesNotUnderstand) {
  const std::string rows[] = {
      OneRpc("option (google.api.http) = {get: '/x'};"),
      OneRpc(""),
      OneRpc("option (playlog.options.v1.access) = {services: {}};"
             "option (google.api.http) = {get: '/x'};"),
      OneRpc(UserRoute("get: 'x'")),
      OneRpc(UserRoute("get: '/x/'")),
      OneRpc(UserRoute("get: '/x//y'")),
      OneRpc(UserRoute("get: '/{nothing}'")),
      OneRpc(UserRoute("get: '/{many}'")),
      OneRpc(UserRoute("get: '/{inner}'")),
      OneRpc(UserRoute("get: '/{id}/{id}'")),
      OneRpc(UserRoute("get: '/{id=songs/*}'")),
      OneRpc(UserRoute("get: '/{id}:undo'")),
      OneRpc(UserRoute("get: '/x/*'")),
      OneRpc(UserRoute("get: '/x' body: '*'")),
      OneRpc(UserRoute("delete: '/x' body: '*'")),
      OneRpc(UserRoute("post: '/x' body: 'inner'")),
      OneRpc(UserRoute("get: '/x' response_body: 'text'")),
      OneRpc(UserRoute("custom: {kind: 'LOCK' path: '/x'}")),
      OneRpc(UserRoute("get: '/x' additional_bindings {get: '/x'}")),
      OneRpc(UserRoute("get: '/{id}' additional_bindings {get: '/{other}'}")),
      OneRpc(UserRoute("post: '/x'"), "(stream Q) returns (A)"),
      OneRpc(UserRoute("get: '/x'"), "(Q) returns (B)"),
  };
  for (const std::string& row : rows) {
    const TestProtos protos(row);
    const auto router = Router::Create(protos.Services());
    EXPECT_FALSE(router.ok()) << row;
  }
  const TestProtos protos(OneRpc(""));
  EXPECT_THAT(Router::Create(protos.Services()).status().message(),
              HasSubstr("playlog.test.v1.S.M"));
}

// An RPC that answers a raw body; `fields` are those of its answer.
std::string RawRpc(const std::string& fields, const std::string& behaviour,
                   const std::string& returns = "Raw") {
  return "message Q {} message Raw {" + fields + "} service S { rpc M(Q) returns (" + returns +
         ") {" + UserRoute("get: '/x'") + "option (playlog.options.v1.http_behaviour) = {" +
         behaviour + "}; } }";
}

TEST(RouterCreate, RefusesRawAnswersAndCookiesThatCannotBeServed) {
  const std::string zip = "content_type: 'application/zip' ";
  const std::string cookie = "[(playlog.options.v1.cookie) = {name: 'a', path: '/', max_age_s: 1}]";
  const std::string events = "content_type: 'text/event-stream' ";
  EXPECT_THAT(
      Router::Create(TestProtos(RawRpc("string text = 1;", events, "stream Raw")).Services()),
      IsOk());
  const std::string good = RawRpc("bytes body = 3; string tie = 1 " + cookie + ";", zip);
  EXPECT_THAT(Router::Create(TestProtos(good).Services()), IsOk());
  EXPECT_THAT(Router::Create(TestProtos(RawRpc("bytes body = 1;", zip, "stream Raw")).Services()),
              IsOk());
  const std::string rows[] = {
      RawRpc("string body = 1;", zip),
      RawRpc("repeated bytes body = 1;", zip),
      RawRpc("bytes data = 1;", zip),
      RawRpc("bytes body = 1; string more = 2;", zip),
      RawRpc("", zip),
      RawRpc("bytes body = 1;", zip + "status: 204"),
      RawRpc("bytes body = 1;", "content_type: 'a\\r\\nb'"),
      RawRpc("bytes body = 1;", zip + "file_name: 'a\"b'"),
      RawRpc("bytes body = 1;", zip + "file_name: '../a'"),
      RawRpc("bytes body = 1;", zip + "file_name: '.a'"),
      RawRpc("bytes body = 1;", "file_name: 'a.zip'"),
      RawRpc("bytes body = 1; string tie = 2 " + cookie + ";", zip, "stream Raw"),
      RawRpc("string text = 1;", events),
      RawRpc("string text = 1;", events + "file_name: 'a'", "stream Raw"),
      RawRpc("string text = 1;", events + "status: 202", "stream Raw"),
      RawRpc("int32 tie = 2 " + cookie + ";", ""),
      "message Q { string tie = 1 " + cookie +
          "; } message A {} service S { rpc M(Q) returns (A) {" + UserRoute("get: '/x/{tie}'") +
          "} }",
      "message Q {} message A {} service S { rpc M(Q) returns (A) {" +
          UserRoute("post: '/x' body: '*'") +
          "option (playlog.options.v1.http_behaviour) = {ignores_unknown_parameters: true}; } }",
  };
  for (const std::string& row : rows) {
    const TestProtos protos(row);
    EXPECT_FALSE(Router::Create(protos.Services()).ok()) << row;
  }
}

TEST(RouterCreate, RefusesRevisionsOfAnswersThatAreNotTheUsersAlone) {
  const auto rpc = [](const std::string& options, const std::string& access = "{user: true}",
                      const std::string& rule = "get: '/x'", const std::string& service = "") {
    return "message Q {} message A {} message Raw { bytes body = 1; } service S {" + service +
           " rpc M(Q) returns (A) { option (playlog.revisions.v1.revisioned) = true;"
           "option (playlog.options.v1.access) = " +
           access + "; option (google.api.http) = {" + rule + "};" + options + "} }";
  };
  const std::string reads = "option idempotency_level = NO_SIDE_EFFECTS;";
  const TestProtos good(rpc(reads));
  const auto router = Router::Create(good.Services());
  ASSERT_THAT(router, IsOk());
  EXPECT_TRUE((*router)->Find("GET", "/x").route->revisioned);
  const std::string rows[] = {
      rpc(""),
      rpc(reads, "{anyone: true}"),
      rpc(reads, "{staff: true}"),
      rpc(reads, "{user: true}", "post: '/x' body: '*'"),
      rpc(reads + "option (playlog.options.v1.http_behaviour) = {alternative_status: 201};"),
      rpc(reads, "{user: true}", "get: '/x'",
          "option (playlog.options.v1.served_by_sources) = true;"),
  };
  for (const std::string& row : rows) {
    const TestProtos protos(row);
    EXPECT_FALSE(Router::Create(protos.Services()).ok()) << row;
  }
}

TEST(RouterCreate, PrefersLiteralsToVariables) {
  const TestProtos protos(
      OneRpc(UserRoute("get: '/a/{id}/c' additional_bindings {get: '/a/b/{id}'}"
                       "additional_bindings {get: '/a/b/c'}"
                       "additional_bindings {delete: '/a/{other}/c'}")));
  const auto created = Router::Create(protos.Services());
  ASSERT_THAT(created, IsOk());
  const Router& router = **created;
  EXPECT_EQ(router.Find("GET", "/a/b/c").route->path, "/a/b/c");
  EXPECT_EQ(router.Find("GET", "/a/b/x").route->path, "/a/b/{id}");
  EXPECT_EQ(router.Find("GET", "/a/x/c").route->path, "/a/{id}/c");
  EXPECT_EQ(router.Find("DELETE", "/a/b/c").route->path, "/a/{other}/c");
  EXPECT_THAT(router.Find("GET", "/a/b/x").path_values, ElementsAre("x"));
}

}  // namespace
}  // namespace playlog::gateway
