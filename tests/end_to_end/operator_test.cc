// What an operator asks a service over its Unix socket, with the operator's certificate: reflection
// and health, by a client that is not ours.

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/rpc/credentials.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

// The standard's own messages: gRPC's server implements them and does not describe them, so that
// reflection names the service and knows nothing of its parts.
constexpr char kHealthProto[] = R"(syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
)";

class OperatorTest : public EndToEndTest {
 protected:
  static void SetUpTestSuite() { SetOptions({.reflection = true}); }

  void SetUp() override {
    if (access(PLAYLOG_BUF, X_OK) == 0) return;
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true")
        << "there is no " << PLAYLOG_BUF << ", which must be there in CI";
    GTEST_SKIP() << "there is no " << PLAYLOG_BUF << "; npm puts it there";
  }

  // Calls a service as the holder of a certificate. `path` follows the server's name.
  static Finished Curl(const std::string& service, const std::string& holder,
                       const std::string& path, const std::vector<std::string>& more = {}) {
    const std::string tls = stack().TlsDirectoryOf(holder);
    // The name that the server's certificate has; the socket is what is really connected to.
    std::vector<std::string> words = {PLAYLOG_BUF,     "curl",
                                      "--protocol",    "grpc",
                                      "--unix-socket", stack().SocketOf(service),
                                      "--cacert",      tls + "/ca.pem",
                                      "--cert",        tls + "/cert.pem",
                                      "--key",         tls + "/key.pem"};
    words.insert(words.end(), more.begin(), more.end());
    words.push_back(absl::StrCat("https://", rpc::DnsNameOf(service), path));
    static int count = 0;
    return RunToEnd({absl::StrCat("buf-", ++count),
                     words,
                     {"HOME=" + stack().directory()},
                     stack().directory()},
                    absl::Seconds(30));
  }
};

TEST_F(OperatorTest, ReflectionListsAServicesRpcs) {
  const std::map<std::string, std::string> services = {
      {"auth", "playlog.auth.v1.UserService"},
      {"song_store", "playlog.songs.v1.SongStoreService"},
      {"spotify_ingest", "playlog.spotify.v1.SpotifyIngestService"},
      {"lastfm_ingest", "playlog.lastfm.v1.LastfmIngestService"}};
  for (const auto& [service, rpc_service] : services) {
    const Finished listed = Curl(service, "operator", "", {"--list-services"});
    EXPECT_EQ(listed.exit_code, 0) << listed.errors;
    EXPECT_THAT(listed.output, HasSubstr(rpc_service));
    EXPECT_THAT(listed.output, HasSubstr("grpc.health.v1.Health"));
  }
}

TEST_F(OperatorTest, HealthIsServing) {
  const std::string schema = stack().directory() + "/health.proto";
  std::ofstream(schema) << kHealthProto;
  for (const std::string& service : Stack::Services()) {
    if (service == "gateway") continue;
    const Finished health =
        Curl(service, "operator", "/grpc.health.v1.Health/Check", {"--schema", schema});
    EXPECT_EQ(health.exit_code, 0) << health.errors;
    EXPECT_THAT(absl::StrReplaceAll(health.output, {{" ", ""}}),
                HasSubstr(R"("status":"SERVING")"));
  }
}

TEST_F(OperatorTest, AnOperatorMayNotActAsAService) {
  const Finished erased =
      Curl("song_store", "operator", "/playlog.songs.v1.SongStoreService/EraseSongs",
           {"--data", R"({"userId": "1"})"});
  // buf's exit code is the gRPC code times eight: PERMISSION_DENIED is 7.
  EXPECT_EQ(erased.exit_code, 7 * 8) << erased.output << erased.errors;
}

TEST_F(OperatorTest, TheGatewayMayNotOpenKeys) {
  const Finished opened = Curl("auth", "gateway", "/playlog.auth.v1.KeyVaultService/OpenKey",
                               {"--data", R"({"userId": "1", "serviceName": "SOURCE_SPOTIFY"})"});
  EXPECT_EQ(opened.exit_code, 7 * 8) << opened.output << opened.errors;
}

TEST_F(OperatorTest, WithoutACertificateNothingIsAnswered) {
  Command command{
      "buf-anonymous",
      {PLAYLOG_BUF, "curl", "--protocol", "grpc", "--unix-socket", stack().SocketOf("auth"),
       "--cacert", stack().TlsDirectoryOf("operator") + "/ca.pem",
       "https://auth/grpc.health.v1.Health/Check"},
      {"HOME=" + stack().directory()},
      stack().directory()};
  const Finished refused = RunToEnd(command, absl::Seconds(30));
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.output, ::testing::Not(HasSubstr("SERVING")));
}

}  // namespace
}  // namespace playlog::harness
