#include "services/gateway/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "common/testing/matchers.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::IsOk;
using ::testing::HasSubstr;

class OpenApi : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string local_paths[] = {"/healthz"};
    const auto router = Router::Create(*PlaylogServices(), local_paths);
    ASSERT_THAT(router, IsOk());
    const auto text = MakeOpenApi(**router, {.version = "0.1.0", .server_url = "/"});
    ASSERT_THAT(text, IsOk());
    document_ = boost::json::parse(*text);
  }

  // The JSON at a JSON pointer.
  std::string At(const std::string& pointer) {
    boost::json::error_code error;
    const boost::json::value* value = document_.find_pointer(pointer, error);
    return value == nullptr ? "nothing" : boost::json::serialize(*value);
  }

  boost::json::value document_;
};

TEST_F(OpenApi, HasThePathsOfTheContractAndNoOthers) {
  std::set<std::string> operations;
  for (const auto& [path, item] : document_.at("paths").as_object()) {
    for (const auto& [verb, operation] : item.as_object()) {
      operations.insert(std::string(verb) + " " + std::string(path));
    }
  }
  for (const std::string operation : {"post /users/register",
                                      "post /users/token",
                                      "post /users/token/refresh",
                                      "get /users/me",
                                      "delete /users/me",
                                      "post /users/api-keys",
                                      "get /users/api-keys",
                                      "delete /users/api-keys/{service_name}",
                                      "get /music/fetch-recently-played",
                                      "get /music/fetch-lastfm-recent",
                                      "get /music/get-stored-songs",
                                      "post /users/logout",
                                      "post /users/password",
                                      "get /users/audit",
                                      "get /users/me/export",
                                      "get /users/spotify/connect",
                                      "get /users/spotify/callback",
                                      "get /music/sync",
                                      "put /music/sync/{source}",
                                      "post /music/backfill/{source}",
                                      "get /music/jobs",
                                      "get /music/jobs/{job_id}",
                                      "delete /music/jobs/{job_id}",
                                      "get /music/jobs/{job_id}/events",
                                      "get /music/coverage"}) {
    EXPECT_TRUE(operations.contains(operation)) << operation;
  }
  EXPECT_FALSE(operations.contains("get /healthz"));
}

TEST_F(OpenApi, TellsWhatTheProtosSay) {
  EXPECT_EQ(At("/openapi"), "\"3.1.0\"");
  EXPECT_EQ(At("/info/version"), "\"0.1.0\"");
  EXPECT_EQ(At("/paths/~1users~1me/get/operationId"), "\"UserService_GetMe\"");
  EXPECT_EQ(At("/paths/~1users~1me/get/summary"), "\"Returns the caller\"");
  EXPECT_EQ(At("/paths/~1users~1me/get/tags"), "[\"User\"]");
  EXPECT_EQ(At("/components/schemas/Song/properties/title/description"),
            "\"The song's title as it was first seen, 1 to 1000 characters.\"");
  EXPECT_THAT(At("/tags"), HasSubstr("SongStoreService keeps every play exactly once"));
}

TEST_F(OpenApi, DescribesParameters) {
  const std::string parameter = "/paths/~1users~1api-keys~1{service_name}/delete/parameters/0";
  EXPECT_EQ(At(parameter + "/in"), "\"path\"");
  EXPECT_EQ(At(parameter + "/required"), "true");
  EXPECT_EQ(At(parameter + "/schema"), R"({"$ref":"#/components/schemas/Source"})");
  const std::string limit = "/paths/~1music~1fetch-lastfm-recent/get/parameters/0";
  EXPECT_EQ(At(limit + "/name"), "\"limit\"");
  EXPECT_EQ(At(limit + "/required"), "false");
  EXPECT_EQ(At(limit + "/schema"), R"({"type":"integer","format":"int32"})");
  EXPECT_EQ(At("/components/schemas/Source/enum"), R"(["spotify","lastfm"])");
}

TEST_F(OpenApi, DescribesParametersOfAMessageAndRepeatedOnes) {
  const std::string list = "/paths/~1admin~1api~1songs/get/parameters/";
  EXPECT_EQ(At(list + "0/name"), "\"filter.q\"");
  EXPECT_EQ(At(list + "1/name"), "\"filter.source\"");
  EXPECT_EQ(At(list + "1/schema"), R"({"$ref":"#/components/schemas/Source"})");
  const std::string users = "/paths/~1admin~1api~1users~1songs/get/parameters/0";
  EXPECT_EQ(At(users + "/name"), "\"user_ids\"");
  EXPECT_EQ(At(users + "/required"), "true");
  EXPECT_EQ(At(users + "/schema"),
            R"({"type":"array","items":{"type":"integer","format":"int64"}})");
}

TEST_F(OpenApi, DescribesRequestsStrictly) {
  EXPECT_EQ(At("/paths/~1users~1api-keys/post/requestBody/content/application~1json/schema/$ref"),
            "\"#/components/schemas/StoreApiKeyRequest\"");
  const std::string schema = "/components/schemas/StoreApiKeyRequest";
  EXPECT_EQ(At(schema + "/required"), R"(["service_name","api_key"])");
  EXPECT_EQ(At(schema + "/additionalProperties"), "false");
  EXPECT_EQ(At(schema + "/properties/api_key/writeOnly"), "true");
  EXPECT_THAT(At(schema + "/properties/api_key/description"), HasSubstr("\"The key, 1 to 4096"));
  EXPECT_EQ(At(schema + "/properties/service_user_id/type"), R"(["string","null"])");
}

TEST_F(OpenApi, DescribesAnswers) {
  EXPECT_EQ(At("/components/schemas/Song/properties/id/type"), "\"integer\"");
  EXPECT_EQ(At("/components/schemas/Song/properties/id/format"), "\"int64\"");
  EXPECT_EQ(At("/components/schemas/Song/properties/played_at/format"), "\"date-time\"");
  EXPECT_EQ(At("/components/schemas/Song/properties/track_mbid/type"), R"(["string","null"])");
  EXPECT_EQ(At("/components/schemas/GetStoredSongsResponse/required"), R"(["results"])");
  EXPECT_THAT(At("/paths/~1users~1api-keys/post/responses/201"), HasSubstr("StoreApiKeyResponse"));
  EXPECT_THAT(At("/paths/~1users~1api-keys/post/responses/200"), HasSubstr("StoreApiKeyResponse"));
  EXPECT_EQ(At("/paths/~1users~1me/delete/responses/204/content"), "nothing");
}

TEST_F(OpenApi, DescribesTheTagsOfAnswersThatHaveRevisions) {
  const std::string songs = "/paths/~1music~1get-stored-songs/get";
  EXPECT_THAT(At(songs + "/parameters"), HasSubstr(R"("name":"If-None-Match","in":"header")"));
  EXPECT_EQ(At(songs + "/responses/200/headers/ETag/schema/type"), "\"string\"");
  EXPECT_EQ(At(songs + "/responses/304/headers/ETag/schema/type"), "\"string\"");
  EXPECT_EQ(At(songs + "/responses/304/content"), "nothing");
  EXPECT_EQ(At("/paths/~1users~1me/get/responses/304"), "nothing");
  EXPECT_EQ(At("/paths/~1users~1me/get/responses/200/headers"), "nothing");
}

TEST_F(OpenApi, DescribesAnswersThatAreNoJson) {
  const std::string file = "/paths/~1users~1me~1export/get/responses/200/content";
  EXPECT_EQ(At(file), R"({"application/zip":{"schema":{"contentMediaType":"application/zip"}}})");
  const std::string page = "/paths/~1users~1spotify~1callback/get/responses/";
  EXPECT_EQ(At(page + "200/content"),
            R"({"text/html; charset=utf-8":{"schema":{"type":"string"}}})");
  // The page says what went wrong in the sign-in; the gateway's own refusals are errors as ever.
  EXPECT_EQ(At(page + "400/content/text~1html; charset=utf-8/schema/type"), "\"string\"");
  EXPECT_EQ(At(page + "400/content/application~1json/schema/$ref"),
            "\"#/components/schemas/Error\"");
  EXPECT_EQ(At("/components/schemas/CompleteSignInResponse"), "nothing");
}

TEST_F(OpenApi, DescribesEventsByTheDataOfEach) {
  const std::string events = "/paths/~1music~1jobs~1{job_id}~1events/get/responses/200/content";
  EXPECT_EQ(At(events),
            R"({"text/event-stream":{"schema":{"$ref":"#/components/schemas/WatchJobResponse"}}})");
  EXPECT_EQ(At("/components/schemas/WatchJobResponse/properties/job/anyOf/0/$ref"),
            "\"#/components/schemas/Job\"");
}

TEST_F(OpenApi, DescribesWhatIsServedBySources) {
  const std::string start = "/paths/~1music~1backfill~1{source}/post";
  EXPECT_THAT(At(start + "/responses/202"), HasSubstr("StartBackfillResponse"));
  EXPECT_EQ(At(start + "/responses/200"), "nothing");
  EXPECT_EQ(At(start + "/parameters/0/schema/$ref"), "\"#/components/schemas/Source\"");
  EXPECT_EQ(At("/components/schemas/StartBackfillRequest/properties/source"), "nothing");
  const std::string set = "/paths/~1music~1sync~1{source}/put";
  EXPECT_EQ(At(set + "/requestBody/content/application~1json/schema/$ref"),
            "\"#/components/schemas/SetSyncRequest\"");
  EXPECT_EQ(At("/components/schemas/SetSyncRequest/required"), R"(["enabled"])");
  EXPECT_EQ(At("/paths/~1music~1coverage/get/parameters/0/name"), "\"source\"");
}

TEST_F(OpenApi, DescribesCookies) {
  const std::string connect = "/paths/~1users~1spotify~1connect/get/responses/200";
  EXPECT_THAT(At(connect + "/headers/Set-Cookie/description"),
              HasSubstr("`playlog_spotify_sign_in`: What ties"));
  EXPECT_EQ(At("/components/schemas/BeginSignInResponse/required"), R"(["authorize_url"])");
  EXPECT_EQ(At("/components/schemas/BeginSignInResponse/properties/browser"), "nothing");
  EXPECT_EQ(At("/paths/~1users~1spotify~1connect/get/responses/501/$ref"),
            "\"#/components/responses/Error501\"");
  const std::string cookie = "/paths/~1users~1spotify~1callback/get/parameters/0";
  EXPECT_EQ(At(cookie + "/name"), "\"playlog_spotify_sign_in\"");
  EXPECT_EQ(At(cookie + "/in"), "\"cookie\"");
  EXPECT_EQ(At(cookie + "/required"), "false");
  EXPECT_EQ(At("/paths/~1users~1spotify~1callback/get/parameters/1/name"), "\"code\"");
}

TEST_F(OpenApi, SaysWhichValuesMayBeNull) {
  const std::string key = "/components/schemas/ApiKey/properties/";
  EXPECT_EQ(At(key + "ends_at/type"), R"(["string","null"])");
  EXPECT_EQ(At(key + "ends_at/format"), "\"date-time\"");
  EXPECT_EQ(At("/components/schemas/AuditEvent/properties/service_name/anyOf/1/type"), "\"null\"");
  EXPECT_EQ(At("/components/schemas/ListAuditEventsResponse/properties/next/type"),
            R"(["integer","null"])");
}

TEST_F(OpenApi, DescribesErrors) {
  EXPECT_EQ(At("/paths/~1users~1me/get/responses/401/$ref"), "\"#/components/responses/Error401\"");
  EXPECT_EQ(At("/paths/~1users~1register/post/responses/409/$ref"),
            "\"#/components/responses/Error409\"");
  EXPECT_EQ(At("/paths/~1users~1token/post/security"), "[]");
  EXPECT_EQ(At("/paths/~1users~1me/get/security"), R"([{"bearer":[]}])");
  EXPECT_THAT(At("/components/responses/Error400/description"), HasSubstr("`INVALID_FIELD`: A"));
  EXPECT_THAT(At("/components/schemas/Error/properties/code/enum"), HasSubstr("\"NOT_FOUND\""));
  EXPECT_EQ(At("/components/schemas/Error/required"), R"(["error","code","detail","request_id"])");
}

TEST_F(OpenApi, RefersOnlyToWhatIsThere) {
  const std::string text = boost::json::serialize(document_);
  const std::string mark = "\"$ref\":\"#";
  int references = 0;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    EXPECT_NE(At(text.substr(begin, text.find('"', begin) - begin)), "nothing");
    ++references;
  }
  EXPECT_GT(references, 50);
}

TEST_F(OpenApi, LeavesNothingWithoutADescription) {
  EXPECT_EQ(boost::json::serialize(document_).find("\"description\":\"\""), std::string::npos);
}

}  // namespace
}  // namespace playlog::gateway
