#include "services/gateway/source_routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/gateway/request_binder.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A service of one RPC; `fields` are those of its request.
std::string Service(const std::string& fields, const std::string& rule,
                    const std::string& returns = "(List)", const std::string& options = "") {
  return "message Q {" + fields + "} message Item {} message List { repeated Item results = 1; }" +
         "message One { Item item = 1; } service S {" +
         "option (playlog.options.v1.served_by_sources) = true;" + options + "rpc M(Q) returns " +
         returns + " { option (playlog.options.v1.access) = {user: true};" +
         "option (google.api.http) = {" + rule + "}; } }";
}

constexpr char kSource[] = "optional playlog.songs.v1.Source source = 1;";
constexpr char kJobId[] = "string job_id = 2;";

// The source that a request, made from its fields in Protobuf's text format, names.
absl::StatusOr<std::string> Named(const std::string& request) {
  TestProtos protos(Service(std::string(kSource) + kJobId, "get: '/x'"));
  const auto router = Router::Create(protos.Services());
  EXPECT_THAT(router, IsOk());
  const Route& route = *(*router)->Find("GET", "/x").route;
  const auto named = SourceOf(route, *protos.Make("Q", request));
  if (!named.ok()) return named.status();
  return named->name;
}

TEST(SourceRouting, KnowsTheSourcesByTheEnumAlone) {
  EXPECT_THAT(SourceNames(), ElementsAre("spotify", "lastfm"));
  EXPECT_EQ(IngestServiceOf("lastfm"), "lastfm_ingest");
}

TEST(SourceRouting, TakesTheSourceFromItsField) {
  EXPECT_THAT(Named("source: SOURCE_LASTFM"), playlog::testing::IsOkAndHolds("lastfm"));
  EXPECT_THAT(Named("source: SOURCE_SPOTIFY job_id: 'lastfm-1'"),
              playlog::testing::IsOkAndHolds("spotify"));
}

TEST(SourceRouting, TakesTheSourceFromTheBeginningOfAJobsId) {
  EXPECT_THAT(Named("job_id: 'lastfm-17'"), playlog::testing::IsOkAndHolds("lastfm"));
  EXPECT_THAT(Named("job_id: 'spotify-'"), playlog::testing::IsOkAndHolds("spotify"));
}

TEST(SourceRouting, FindsNoJobOfASourceThatThereIsNot) {
  for (const char* id : {"deezer-1", "lastfm", "-1", "LASTFM-1", "lastfm1-1", "unspecified-1"}) {
    EXPECT_THAT(Named("job_id: '" + std::string(id) + "'"),
                ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND))
        << id;
  }
}

TEST(SourceRouting, NamesNoneWhereNoFieldIsSet) {
  EXPECT_THAT(Named(""), playlog::testing::IsOkAndHolds(""));
  EXPECT_THAT(Named("source: SOURCE_UNSPECIFIED"), playlog::testing::IsOkAndHolds(""));
}

TEST(SourceRouting, RefusesWhatCannotWork) {
  const std::string source = kSource;
  const std::string job_id = kJobId;
  const std::string good[] = {
      Service("", "get: '/x'"),
      Service(source, "get: '/x'"),
      Service(source, "put: '/x/{source}' body: '*'", "(One)"),
      Service(job_id, "get: '/x/{job_id}'", "(stream One)"),
  };
  for (const std::string& row : good) {
    EXPECT_THAT(Router::Create(TestProtos(row).Services()), IsOk()) << row;
  }
  const std::string bad[] = {
      Service("", "get: '/x'", "(stream List)"),
      Service(job_id, "get: '/x'", "(stream List)"),
      Service(source, "get: '/x'", "(One)"),
      Service("string source = 1;", "get: '/x/{source}'"),
      Service("repeated playlog.songs.v1.Source source = 1;", "get: '/x'"),
      Service("int64 job_id = 1;", "get: '/x/{job_id}'"),
      Service("", "get: '/x'", "(List)", "option (playlog.options.v1.served_by) = 'auth';"),
  };
  for (const std::string& row : bad) {
    const absl::Status status = Router::Create(TestProtos(row).Services()).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << row;
    EXPECT_THAT(status.message(), HasSubstr("playlog.test.v1.S.M")) << row;
  }
}

}  // namespace
}  // namespace playlog::gateway
