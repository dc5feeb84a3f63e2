#include "services/gateway/request_binder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

class RequestBinder : public ::testing::Test {
 protected:
  static const Router& TheRouter() {
    static const auto* router =
        new std::unique_ptr<Router>(Router::Create(*PlaylogServices()).value());
    return **router;
  }

  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Bind(const std::string& verb,
                                                                  const std::string& path,
                                                                  const std::string& query,
                                                                  const std::string& body = "") {
    const Routing routing = TheRouter().Find(verb, path);
    EXPECT_THAT(routing.status, IsOk());
    return BindRequest(*routing.route, routing.path_values, query, body);
  }

  absl::Status Fetch(const std::string& query) {
    return Bind("GET", "/music/fetch-lastfm-recent", query).status();
  }
  absl::Status Stored(const std::string& query) {
    return Bind("GET", "/music/get-stored-songs/", query).status();
  }
  // The request that a query makes, in Protobuf's text format on one line.
  std::string Text(const std::string& path, const std::string& query) {
    const auto request = Bind("GET", path, query);
    EXPECT_THAT(request, IsOk()) << query;
    return request.ok() ? (*request)->ShortDebugString() : "";
  }
};

TEST_F(RequestBinder, BindsTheQuery) {
  EXPECT_EQ(Text("/music/fetch-lastfm-recent", ""), "");
  for (const std::string limit :
       {"1", "50", "200", "0", "-1", "201"}) {  // Values are the service's.
    EXPECT_EQ(Text("/music/fetch-lastfm-recent", "limit=" + limit), "limit: " + limit);
  }
  EXPECT_EQ(Text("/music/fetch-lastfm-recent", "limit=%35"), "limit: 5");
  EXPECT_EQ(Text("/music/fetch-lastfm-recent", "%6Cimit=5"), "limit: 5");
  EXPECT_EQ(Text("/music/get-stored-songs", "source=spotify"), "source: SOURCE_SPOTIFY");
  EXPECT_EQ(Text("/music/get-stored-songs", "limit=7&source=lastfm&cursor=a%2Bb+c%253D=d"),
            "source: SOURCE_LASTFM limit: 7 cursor: \"a+b c%3D=d\"");
  EXPECT_EQ(Text("/music/get-stored-songs", "cursor="), "cursor: \"\"");
}

TEST_F(RequestBinder, RefusesWhatIsNoInteger) {
  for (const std::string value :
       {"", "abc", "1.0", "1e2", "+1", " 1", "1%20", "0x1", "01", "1_000", "--1", "-",
        "5;source=spotify", "%EF%BC%95", "99999999999999999999", "5%00"}) {
    const absl::Status status = Fetch("limit=" + value);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER)) << value;
    EXPECT_EQ(status.message(), "Invalid limit: must be an integer") << value;
    EXPECT_EQ(FieldOf(status), "limit");
  }
  EXPECT_EQ(Fetch("limit").message(), "Invalid limit: must be an integer");
  const absl::Status status = Fetch("limit=2147483648");
  EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
  EXPECT_EQ(status.message(), "Invalid limit: must be an integer from -2147483648 to 2147483647");
}

TEST_F(RequestBinder, NamesTheAllowedValuesOfAnEnum) {
  for (const std::string value :
       {"", "Spotify", "all", "spotify,lastfm", "spotify%00", "spotify'", "SPOTIFY%20",
        "unspecified", "1", "SOURCE_SPOTIFY", "%F0%9F%8E%B5"}) {
    const absl::Status status = Stored("source=" + value);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER)) << value;
    EXPECT_EQ(status.message(), "Invalid source: must be spotify or lastfm");
  }
  const absl::Status long_value = Stored("source=" + std::string(6000, 'x'));
  EXPECT_EQ(long_value.message(), "Invalid source: must be spotify or lastfm");
}

TEST_F(RequestBinder, RefusesAParameterThatIsGivenTwice) {
  EXPECT_EQ(Fetch("limit=5&limit=6").message(), "Invalid limit: given twice");
  EXPECT_EQ(Fetch("limit=5&li%6Dit=5").message(), "Invalid limit: given twice");
  EXPECT_EQ(Stored("source=spotify&source=lastfm").message(), "Invalid source: given twice");
  EXPECT_THAT(Fetch("limit=5&limit=6"), ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
}

// A route whose request has messages and repeated fields.
std::unique_ptr<Router> RouterOf(const TestProtos& protos) {
  auto router = Router::Create(protos.Services());
  EXPECT_THAT(router, IsOk());
  return *std::move(router);
}

constexpr char kListing[] =
    "message Inner { optional string q = 1; repeated int64 ids = 2; Inner more = 3;"
    "  google.protobuf.Timestamp from = 4; playlog.songs.v1.Source source = 5; }"
    "message Q { Inner filter = 1; repeated string names = 2; repeated Inner others = 3;"
    "  map<string, string> labels = 4; string order = 5; } message A {}"
    "service S { rpc M(Q) returns (A) {"
    "option (playlog.options.v1.access) = {anyone: true};"
    "option (google.api.http) = {get: '/x'}; } }";

TEST_F(RequestBinder, BindsTheFieldsOfAMessageByDottedNames) {
  const TestProtos protos(kListing);
  const auto router = RouterOf(protos);
  const Route& route = *router->Find("GET", "/x").route;
  const auto request = BindRequest(
      route, {}, "filter.q=a+b&filter.from=2024-01-15T14:30:00Z&order=id&filter.source=lastfm", "");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(
      (*request)->ShortDebugString(),
      "filter { q: \"a b\" from { seconds: 1705329000 } source: SOURCE_LASTFM } order: \"id\"");
  EXPECT_EQ((*BindRequest(route, {}, "filter.q=", ""))->ShortDebugString(), "filter { q: \"\" }");
  const absl::Status bad = BindRequest(route, {}, "filter.from=yesterday", "").status();
  EXPECT_THAT(bad, ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
  EXPECT_EQ(bad.message(),
            "Invalid filter.from: must be an RFC 3339 time such as 2024-01-15T14:30:00Z");
  EXPECT_EQ(FieldOf(bad), "filter.from");
  EXPECT_EQ(BindRequest(route, {}, "filter.q=a&filter.q=b", "").status().message(),
            "Invalid filter.q: given twice");
  EXPECT_THAT(ForClientOf(route, InvalidField("filter.q", "shorter")),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
}

TEST_F(RequestBinder, AppendsTheValuesOfARepeatedField) {
  const TestProtos protos(kListing);
  const auto router = RouterOf(protos);
  const Route& route = *router->Find("GET", "/x").route;
  EXPECT_EQ((*BindRequest(route, {}, "names=b&filter.ids=2&names=a&filter.ids=1", ""))
                ->ShortDebugString(),
            "filter { ids: 2 ids: 1 } names: \"b\" names: \"a\"");
  EXPECT_THAT(BindRequest(route, {}, "filter.ids=1&filter.ids=x", "").status(),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
}

TEST_F(RequestBinder, TakesNeitherMessagesNorMapsNorWhatLiesDeeper) {
  const TestProtos protos(kListing);
  const auto router = RouterOf(protos);
  const Route& route = *router->Find("GET", "/x").route;
  for (const std::string name :
       {"filter", "filter.", ".q", "filter.more", "filter.more.q", "others", "others.q", "labels",
        "labels.key", "filter.unknown", "q"}) {
    EXPECT_THAT(BindRequest(route, {}, name + "=1", "").status(),
                ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER))
        << name;
  }
}

TEST_F(RequestBinder, NamesUnknownParameters) {
  for (const std::string name : {"Limit", "limt", "source[]", "user_id", "lImit", "limit "}) {
    const absl::Status status = Fetch(name + "=5");
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER)) << name;
    EXPECT_EQ(status.message(), "Unknown parameter: " + name);
  }
  EXPECT_THAT(Fetch("limit=5&a;b=6"), ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER));
  EXPECT_THAT(Bind("GET", "/users/me", "x=1").status(),
              ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER));
  EXPECT_THAT(Bind("POST", "/users/token", "username=a", "{}").status(),
              ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER));
  EXPECT_THAT(Bind("DELETE", "/users/api-keys/spotify", "service_name=spotify").status(),
              ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER));
}

TEST_F(RequestBinder, RefusesMalformedQueries) {
  for (const std::string query :
       {"%ff=1", "limit=%zz", "a=%", "a=%4", "a=%c0%ae", "%00=1", "&", "&&", "=", "=1", "limit=5&",
        "&limit=5", "limit=5&&source=x", "cursor=%ED%A0%80"}) {
    EXPECT_THAT(Fetch(query), ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST)) << query;
  }
  EXPECT_THAT(Stored("cursor=a%00b"), ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
}

TEST_F(RequestBinder, TakesAtMostAHundredParameters) {
  TestProtos protos([] {
    std::string fields;
    for (int i = 1; i <= 101; ++i) {
      fields += "string p" + std::to_string(i) + " = " + std::to_string(i) + ";";
    }
    return "message Q {" + fields +
           "} message A {} service S { rpc M(Q) returns (A) {"
           "option (playlog.options.v1.access) = {anyone: true};"
           "option (google.api.http) = {get: '/x'}; } }";
  }());
  const auto router = Router::Create(protos.Services());
  ASSERT_THAT(router, IsOk());
  const Route& route = *(*router)->Find("GET", "/x").route;
  std::string query = "p1=1";
  for (int i = 2; i <= 100; ++i) query += "&p" + std::to_string(i) + "=1";
  EXPECT_THAT(BindRequest(route, {}, query, ""), IsOk());
  EXPECT_THAT(BindRequest(route, {}, query + "&p101=1", "").status(),
              ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST));
}

TEST_F(RequestBinder, BindsThePath) {
  const auto request = Bind("DELETE", "/users/api-keys/lastfm/", "");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ((*request)->ShortDebugString(), "service_name: SOURCE_LASTFM");
  for (const std::string value : {"foo", "Spotify", "unspecified", "%20spotify", "2"}) {
    const absl::Status status = Bind("DELETE", "/users/api-keys/" + value, "").status();
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER)) << value;
    EXPECT_EQ(status.message(), "Invalid service_name: must be spotify or lastfm");
  }
}

TEST_F(RequestBinder, BindsTheBody) {
  const auto request =
      Bind("POST", "/users/register/", "", R"({"username":"ann","password":" p\u00e9 "})");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ((*request)->ShortDebugString(), "username: \"ann\" password: \" p\\303\\251 \"");
  EXPECT_THAT(Bind("POST", "/users/register/", "", "").status(),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON));
  EXPECT_THAT(Bind("GET", "/users/me", "", "{}").status(),
              ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST));
}

TEST_F(RequestBinder, TakesFieldsEitherFromThePathOrFromTheBody) {
  TestProtos protos(
      "message Q { int64 id = 1; string name = 2; } message A {}"
      "service S { rpc M(Q) returns (A) {"
      "option (playlog.options.v1.access) = {user: true};"
      "option (google.api.http) = {patch: '/songs/{id}' body: '*'}; } }");
  const auto router = Router::Create(protos.Services());
  ASSERT_THAT(router, IsOk());
  const Route& route = *(*router)->Find("PATCH", "/songs/7").route;
  const auto request = BindRequest(route, {"7"}, "", R"({"name":"x"})");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ((*request)->ShortDebugString(), "id: 7 name: \"x\"");
  EXPECT_THAT(BindRequest(route, {"7"}, "", R"({"id":8})").status(),
              ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
  EXPECT_TRUE(FieldCameFromUrl(route, "id"));
  EXPECT_FALSE(FieldCameFromUrl(route, "name"));
}

TEST_F(RequestBinder, TakesCookiesFromTheirHeaderFieldAlone) {
  TestProtos protos(
      "message Q { string name = 1; string tie = 2 "
      "[(playlog.options.v1.cookie) = {name: 'ticket', path: '/', max_age_s: 1}]; } message A {}"
      "service S { rpc M(Q) returns (A) {"
      "option (playlog.options.v1.access) = {user: true};"
      "option (google.api.http) = {get: '/x' additional_bindings {post: '/x' body: '*'}}; } }");
  const auto router = Router::Create(protos.Services());
  ASSERT_THAT(router, IsOk());
  const Route& get = *(*router)->Find("GET", "/x").route;
  const Route& post = *(*router)->Find("POST", "/x").route;
  const HttpHeaders headers = {{"cookie", "other=1; ticket=abc"}};
  EXPECT_EQ((*BindRequest(get, {}, "name=n", "", headers))->ShortDebugString(),
            "name: \"n\" tie: \"abc\"");
  EXPECT_EQ((*BindRequest(post, {}, "", "{}", headers))->ShortDebugString(), "tie: \"abc\"");
  EXPECT_EQ((*BindRequest(get, {}, "", ""))->ShortDebugString(), "");
  for (const std::string name : {"tie", "ticket"}) {
    EXPECT_THAT(BindRequest(get, {}, name + "=abc", "", headers).status(),
                ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER));
    EXPECT_THAT(BindRequest(post, {}, "", "{\"" + name + "\":\"abc\"}", headers).status(),
                ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
  }
  for (const std::string cookies :
       {"ticket=a; ticket=b", "ticket=", "ticket=a b", "ticket=a;b=c"}) {
    EXPECT_THAT(BindRequest(get, {}, "", "", {{"cookie", cookies}}).status(),
                ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST))
        << cookies;
  }
  EXPECT_FALSE(FieldCameFromUrl(get, "tie"));
}

TEST_F(RequestBinder, LeavesCookiesAloneWhereTheRequestHasNone) {
  const Routing routing = TheRouter().Find("GET", "/users/me");
  EXPECT_THAT(BindRequest(*routing.route, {}, "", "", {{"cookie", ";;;"}, {"cookie", "a"}}),
              IsOk());
}

TEST_F(RequestBinder, IgnoresUnknownParametersWhereTheRouteSaysSo) {
  const auto request =
      Bind("GET", "/users/spotify/callback/", "code=c&state=s&unknown=1&unknown=2&browser=forged");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ((*request)->ShortDebugString(), "code: \"c\" state: \"s\"");
  EXPECT_THAT(Bind("GET", "/users/spotify/callback", "code=c&code=d").status(),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
  EXPECT_THAT(Bind("GET", "/users/spotify/callback", "unknown=%zz").status(),
              ErrorIs(errors::v1::ERROR_CODE_BAD_REQUEST));
}

TEST_F(RequestBinder, TurnsAServicesFieldErrorIntoAParameterError) {
  const Route& fetch = *TheRouter().Find("GET", "/music/fetch-lastfm-recent").route;
  const Route& store = *TheRouter().Find("POST", "/users/api-keys").route;
  const absl::Status limit = InvalidField("limit", "an integer from 1 to 200");
  EXPECT_THAT(ForClientOf(fetch, limit), ErrorIs(errors::v1::ERROR_CODE_INVALID_PARAMETER));
  EXPECT_EQ(ForClientOf(fetch, limit).message(), limit.message());
  EXPECT_EQ(DetailOf(ForClientOf(fetch, limit)), DetailOf(limit));
  const absl::Status key = InvalidField("api_key", "printable");
  EXPECT_THAT(ForClientOf(store, key), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(ForClientOf(fetch, InvalidField("nothing", "x")),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_THAT(ForClientOf(fetch, Error(errors::v1::ERROR_CODE_NOT_FOUND, "Not found")),
              ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  EXPECT_THAT(ForClientOf(fetch, absl::OkStatus()), IsOk());
}

}  // namespace
}  // namespace playlog::gateway
