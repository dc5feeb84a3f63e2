// What the gateway says of itself and of its neighbours.
#include "services/gateway/facade.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/testing/temporary_directory.h"
#include "services/gateway/recording_exchange.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::testing::HasSubstr;

constexpr char kService[] = "playlog.test.v1.Sources";
constexpr char kProtos[] = R"(
  message Q { optional playlog.songs.v1.Source source = 1; }
  message List { repeated string results = 1; }
  service Sources {
    option (playlog.options.v1.served_by_sources) = true;
    rpc M(Q) returns (List) {
      option (playlog.options.v1.access) = {anyone: true};
      option (google.api.http) = {get: '/sources'};
    }
  })";

class FacadeTest : public ::testing::Test {
 protected:
  FacadeTest() : protos_(kProtos) {
    const std::string local_paths[] = {kReadyPath};
    router_ = Router::Create(protos_.Services(), local_paths).value();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
    neighbours_ = Neighbours::Create({{"lastfm_ingest", address_}}, *router_,
                                     [](const std::string&, const std::string& address) {
                                       return grpc::CreateChannel(
                                           address, grpc::InsecureChannelCredentials());
                                     })
                      .value();
    neighbours_->Watch();
    verifier_.Verify("so that the keys are known").IgnoreError();
    facade_ = std::make_unique<Facade>(*router_, identity_, *neighbours_, FacadeOptions());
  }

  HttpResponse Get(const std::string& path, const std::string& query = "") {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    const auto exchange = std::make_shared<RecordingExchange>();
    facade_->Handle(std::move(request), exchange);
    exchange->TakeAll();
    return exchange->sent();
  }

  // Asks for /readyz until it says this; the neighbours are asked every second.
  bool AwaitReady(int status, const std::string& body) {
    const absl::Time patience = absl::Now() + absl::Seconds(60);
    HttpResponse response;
    do {
      response = Get(kReadyPath);
      if (response.status == status && response.body == body) return true;
      absl::SleepFor(absl::Milliseconds(10));
    } while (absl::Now() < patience);
    ADD_FAILURE() << "it says " << response.status << " " << response.body;
    return false;
  }

  void SetServing(const std::string& service, bool serving) {
    server_->GetHealthCheckService()->SetServingStatus(service, serving);
  }

  playlog::testing::TemporaryDirectory directory_;
  const std::string address_ = "unix:" + directory_.path() + "/socket";
  TestProtos protos_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Neighbours> neighbours_;
  rpc::CachingTokenVerifier verifier_{[] { return jwt::PublicKeys(); }, Clock::System()};
  Identity identity_{verifier_};
  std::unique_ptr<Facade> facade_;
};

TEST_F(FacadeTest, IsReadyButDegradedWhileANeighboursServiceOfSourcesIs) {
  EXPECT_TRUE(AwaitReady(200, R"({"status":"ready"})"));
  SetServing(kService, false);
  EXPECT_TRUE(AwaitReady(200, R"({"status":"degraded","degraded":["lastfm_ingest"]})"));
  SetServing(kService, true);
  EXPECT_TRUE(AwaitReady(200, R"({"status":"ready"})"));
  SetServing("playlog.other.v1.Service", false);
  SetServing(kService, false);
  EXPECT_TRUE(AwaitReady(200, R"({"status":"degraded","degraded":["lastfm_ingest"]})"));
}

TEST_F(FacadeTest, IsNotReadyWithoutANeighbour) {
  EXPECT_TRUE(AwaitReady(200, R"({"status":"ready"})"));
  server_->Shutdown();
  server_.reset();
  const absl::Time patience = absl::Now() + absl::Seconds(60);
  HttpResponse response = Get(kReadyPath);
  while (response.status == 200 && absl::Now() < patience) response = Get(kReadyPath);
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("No answer from: lastfm_ingest."));
}

TEST_F(FacadeTest, NamesTheParameterOfASourceThatNobodyServes) {
  const HttpResponse response = Get("/sources", "source=spotify");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"INVALID_PARAMETER")"));
  EXPECT_THAT(response.body, HasSubstr("Invalid source: must be one that is served here: lastfm"));
}

}  // namespace
}  // namespace playlog::gateway
