#include "services/gateway/neighbours.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kProtos[] = R"(
  message Q { optional playlog.songs.v1.Source source = 1; string job_id = 2; }
  message List { repeated string results = 1; }
  message P {}
  service Sources {
    option (playlog.options.v1.served_by_sources) = true;
    rpc M(Q) returns (List) {
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/sources'};
    }
  }
  service One {
    option (playlog.options.v1.served_by) = 'auth';
    rpc M(P) returns (List) {
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/one'};
    }
  })";

class NeighboursTest : public ::testing::Test {
 protected:
  NeighboursTest() : protos_(kProtos), router_(Router::Create(protos_.Services()).value()) {}

  // Nobody is there; the names are all that counts.
  absl::StatusOr<std::unique_ptr<Neighbours>> Make(const std::vector<std::string>& names) {
    std::map<std::string, std::string> addresses;
    for (const std::string& name : names) addresses[name] = "unix:/nowhere/" + name;
    return Neighbours::Create(
        addresses, *router_, [](const std::string&, const std::string& address) {
          return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
        });
  }

  absl::StatusOr<std::vector<NeighbourStub*>> StubsOf(const Neighbours& neighbours,
                                                      const std::string& request) {
    return neighbours.StubsOf(*router_->Find("GET", "/sources").route, *protos_.Make("Q", request));
  }

  TestProtos protos_;
  std::unique_ptr<Router> router_;
};

TEST_F(NeighboursTest, SendsARequestToTheSourceThatItNamesOrElseToAll) {
  const auto made = Make({"auth", "lastfm_ingest", "spotify_ingest"});
  ASSERT_THAT(made, IsOk());
  const auto spotify = StubsOf(**made, "source: SOURCE_SPOTIFY");
  const auto lastfm = StubsOf(**made, "source: SOURCE_LASTFM");
  ASSERT_THAT(spotify, IsOk());
  ASSERT_THAT(lastfm, IsOk());
  ASSERT_EQ(spotify->size(), 1u);
  ASSERT_EQ(lastfm->size(), 1u);
  EXPECT_NE(*spotify, *lastfm);
  EXPECT_EQ(StubsOf(**made, "job_id: 'lastfm-17'"), lastfm);
  // In the order of the enum, which is not that of the names.
  EXPECT_THAT(StubsOf(**made, ""),
              playlog::testing::IsOkAndHolds(ElementsAre(spotify->front(), lastfm->front())));
}

TEST_F(NeighboursTest, SendsARequestOfOneServiceToIt) {
  const auto made = Make({"auth", "lastfm_ingest"});
  ASSERT_THAT(made, IsOk());
  const auto one = (*made)->StubsOf(*router_->Find("GET", "/one").route, *protos_.Make("P"));
  ASSERT_THAT(one, IsOk());
  EXPECT_EQ(one->size(), 1u);
}

TEST_F(NeighboursTest, KnowsOnlyTheSourcesThatHaveANeighbour) {
  const auto made = Make({"auth", "lastfm_ingest"});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(StubsOf(**made, ""), StubsOf(**made, "source: SOURCE_LASTFM"));
  const absl::Status missing = StubsOf(**made, "source: SOURCE_SPOTIFY").status();
  EXPECT_THAT(missing, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  EXPECT_EQ(FieldOf(missing), "source");
  EXPECT_THAT(DetailOf(missing), HasSubstr("lastfm"));
  for (const char* id : {"spotify-1", "deezer-1"}) {
    EXPECT_THAT(StubsOf(**made, "job_id: '" + std::string(id) + "'").status(),
                ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND))
        << id;
  }
}

TEST_F(NeighboursTest, IsNotMadeWithoutAnybodyWhoServesAService) {
  const absl::Status no_source = Make({"auth", "song_store"}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(no_source));
  EXPECT_THAT(no_source.message(), HasSubstr("playlog.test.v1.Sources"));
  const absl::Status no_auth = Make({"lastfm_ingest"}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(no_auth));
  EXPECT_THAT(no_auth.message(), HasSubstr("playlog.test.v1.One"));
}

}  // namespace
}  // namespace playlog::gateway
