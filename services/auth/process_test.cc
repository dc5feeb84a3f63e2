// The program itself: what it refuses to start with, and its services over mutual TLS with a real
// database and with neighbours that come and go.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/server.h"
#include "common/testing/certificates.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"
#include "common/testing/temporary_directory.h"
#include "playlog/auth/v1/api_key_service.grpc.pb.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"
#include "playlog/auth/v1/user_service.grpc.pb.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRing[] =
    R"({"primary":1,"keys":[{"id":1,"key":"3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs="}]})";
constexpr int kExitBadConfiguration = 78;

// Forgets whomever it is asked to, as each of the neighbours would.
class Forgetful final : public songs::v1::SongStoreService::CallbackService {
 public:
  explicit Forgetful(rpc::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  grpc::ServerUnaryReactor* EraseSongs(grpc::CallbackServerContext* context,
                                       const songs::v1::EraseSongsRequest* request,
                                       songs::v1::EraseSongsResponse* response) override {
    return dispatcher_.Unary(
        context, request, response, [](rpc::Call&, const songs::v1::EraseSongsRequest&) {
          return absl::StatusOr<songs::v1::EraseSongsResponse>(songs::v1::EraseSongsResponse());
        });
  }

 private:
  rpc::Dispatcher& dispatcher_;
};

class ForgetfulIngest final : public ingest::v1::IngestService::CallbackService {
 public:
  explicit ForgetfulIngest(rpc::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  grpc::ServerUnaryReactor* EraseUser(grpc::CallbackServerContext* context,
                                      const ingest::v1::EraseUserRequest* request,
                                      ingest::v1::EraseUserResponse* response) override {
    return dispatcher_.Unary(
        context, request, response, [](rpc::Call&, const ingest::v1::EraseUserRequest&) {
          return absl::StatusOr<ingest::v1::EraseUserResponse>(ingest::v1::EraseUserResponse());
        });
  }

 private:
  rpc::Dispatcher& dispatcher_;
};

class AuthProcessTest : public ::testing::Test {
 protected:
  AuthProcessTest() {
    testing::WriteSecretFile(Path("database_url"), database_.url());
    testing::WriteSecretFile(Path("ring.json"), kRing);
    testing::WriteEcKey(Path("token.pem"));
    flags_ = {{"listen_address", Socket("auth")},
              {"tls_directory", authority_.Issue(directory_.path(), "auth")},
              {"database_url_file", Path("database_url")},
              {"token_key_file", Path("token.pem")},
              {"key_encryption_key_file", Path("ring.json")},
              {"song_store_address", Socket("song_store")},
              {"spotify_ingest_address", Socket("spotify_ingest")},
              {"lastfm_ingest_address", Socket("lastfm_ingest")}};
  }
  ~AuthProcessTest() override {
    if (process_ > 0) Stop(SIGKILL);
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string Socket(const std::string& service) const { return "unix:" + Path(service + ".sock"); }

  void Start() {
    std::vector<std::string> words = {PLAYLOG_AUTH_PROGRAM};
    for (const auto& [flag, value] : flags_) words.push_back(absl::StrCat("--", flag, "=", value));
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string output = Path("output");
    const std::string errors = Path("errors");
    process_ = fork();
    if (process_ == 0) {
      dup2(open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
      dup2(open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
  }
  // Returns the exit code.
  int Wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int Stop(int signal) {
    kill(process_, signal);
    return Wait();
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Starts the program, which must refuse in one line that has `words` and nothing of the secrets.
  void ExpectRefused(const std::string& words) {
    const absl::Time start = absl::Now();
    Start();
    EXPECT_EQ(Wait(), kExitBadConfiguration) << words;
    EXPECT_LT(absl::Now() - start, absl::Seconds(2)) << words;
    const std::string line = Read("errors");
    EXPECT_THAT(line, AllOf(HasSubstr(words), Not(HasSubstr("3q2+7wAB"))));
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
    EXPECT_FALSE(std::filesystem::exists(Path("auth.sock")));
  }
  void Replace(const std::string& file, const std::string& contents) {
    std::filesystem::remove(Path(file));
    testing::WriteSecretFile(Path(file), contents);
  }

  void StartAndWaitUntilServing() {
    Start();
    const std::string tls = authority_.Issue(directory_.path(), "gateway");
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (!rpc::CheckHealth("auth", Socket("auth"), tls, absl::Seconds(2)).ok()) {
      ASSERT_LT(absl::Now(), give_up) << Read("errors") << Read("output");
    }
  }

  // Calls the program as another service would.
  template <class Service, class StubBase, class Request, class Response>
  absl::StatusOr<Response> CallAs(const std::string& caller,
                                  grpc::Status (StubBase::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                  const Request& request, const std::string& token = "") {
    const auto stub = Service::NewStub(
        rpc::Connect("auth", Socket("auth"), authority_.Issue(directory_.path(), caller)));
    rpc::Call call;
    call.request_id = "test-1";
    call.authorization = token;
    return rpc::Invoke(*stub, method, call, request, absl::Seconds(20));
  }
  absl::StatusOr<v1::CreateTokenResponse> SignIn(const std::string& password) {
    v1::CreateTokenRequest request;
    request.set_username("Listener");
    request.set_password(password);
    return CallAs<v1::UserService>("gateway", &v1::UserService::Stub::CreateToken, request);
  }

  testing::TestDatabase database_;
  testing::TemporaryDirectory directory_;
  testing::TestAuthority authority_;
  std::map<std::string, std::string> flags_;
  pid_t process_ = 0;
};

TEST_F(AuthProcessTest, RefusesToStartWithoutAGoodTokenKey) {
  const std::string ec_key = Read("token.pem");
  Replace("token.pem", "secret");
  ExpectRefused("no unencrypted private key");
  Replace("token.pem", std::string(31, 'k'));
  ExpectRefused("no unencrypted private key");
  Replace("token.pem", Read("ring.json"));
  ExpectRefused("no unencrypted private key");
  Replace("token.pem", jwt::NewPrivateKeyPem("P-384"));
  ExpectRefused("P-256");
  Replace("token.pem", ec_key);
  std::filesystem::permissions(Path("token.pem"), std::filesystem::perms(0644));
  ExpectRefused("others may read");
  std::filesystem::remove(Path("token.pem"));
  ExpectRefused("token.pem");
  flags_["token_key_file"] = "";
  ExpectRefused("--token_key_file is not set");
}

TEST_F(AuthProcessTest, RefusesToStartWithoutAGoodKeyRing) {
  Replace("ring.json", Read("token.pem"));
  ExpectRefused("--key_encryption_key_file");
  Replace("ring.json", R"({"primary":1,"keys":[{"id":1,"key":"c2VjcmV0"}]})");
  ExpectRefused("not 32 bytes");
  Replace("ring.json", absl::StrCat(R"({"primary":1,"keys":[{"id":1,"key":")", std::string(43, 'A'),
                                    R"(="}]})"));
  ExpectRefused("too weak");
  std::filesystem::remove(Path("ring.json"));
  ExpectRefused("ring.json");
}

TEST_F(AuthProcessTest, ServesUntilItIsTold) {
  StartAndWaitUntilServing();
  v1::RegisterRequest registration;
  registration.set_username("Listener");
  registration.set_password("gondola7river");
  const auto registered =
      CallAs<v1::UserService>("gateway", &v1::UserService::Stub::Register, registration);
  ASSERT_THAT(registered, IsOk());
  EXPECT_THAT(SignIn("wrong password"), ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  const auto tokens = SignIn("gondola7river");
  ASSERT_THAT(tokens, IsOk());
  const auto me = CallAs<v1::UserService>("gateway", &v1::UserService::Stub::GetMe,
                                          v1::GetMeRequest(), tokens->access());
  ASSERT_THAT(me, IsOk());
  EXPECT_EQ(me->username(), "Listener");
  EXPECT_THAT((CallAs<v1::UserService>("gateway", &v1::UserService::Stub::GetMe, v1::GetMeRequest(),
                                       tokens->refresh())),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));

  v1::StoreApiKeyRequest key;
  key.set_service_name(songs::v1::SOURCE_SPOTIFY);
  key.set_api_key("BQD-canary-key");
  ASSERT_THAT((CallAs<v1::ApiKeyService>("gateway", &v1::ApiKeyService::Stub::StoreApiKey, key,
                                         tokens->access())),
              IsOk());
  v1::OpenKeyRequest open;
  open.set_user_id(registered->id());
  open.set_service_name(songs::v1::SOURCE_SPOTIFY);
  const auto open_as = [&](const std::string& caller) {
    return CallAs<v1::KeyVaultService>(caller, &v1::KeyVaultService::Stub::OpenKey, open,
                                       tokens->access());
  };
  EXPECT_EQ(open_as("spotify_ingest")->api_key(), "BQD-canary-key");
  for (const char* const other : {"gateway", "lastfm_ingest", "song_store", "auth"}) {
    EXPECT_THAT(open_as(other), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED)) << other;
  }
  EXPECT_EQ(Stop(SIGTERM), 0) << Read("errors");
  EXPECT_THAT(Read("output") + Read("errors"),
              AllOf(Not(HasSubstr("canary")), Not(HasSubstr("gondola")),
                    Not(HasSubstr(tokens->access())), Not(HasSubstr(tokens->refresh()))));
  EXPECT_EQ(database_.Execute("SELECT count(*) FROM auth.api_credentials WHERE "
                              "position('canary'::bytea in blob) > 0"),
            "0");

  // All of it is there after a restart.
  StartAndWaitUntilServing();
  EXPECT_EQ(open_as("spotify_ingest")->api_key(), "BQD-canary-key");
  EXPECT_THAT(SignIn("gondola7river"), IsOk());
}

TEST_F(AuthProcessTest, CountsFailedSignInsAcrossAKill) {
  StartAndWaitUntilServing();
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(SignIn("wrong password"), ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  }
  Stop(SIGKILL);
  StartAndWaitUntilServing();
  const auto refused = SignIn("wrong password");
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  const absl::Duration wait = RetryAfterOf(refused.status()).value_or(absl::ZeroDuration());
  EXPECT_GT(wait, absl::Minutes(4));
  EXPECT_LE(wait, absl::Minutes(5));
}

TEST_F(AuthProcessTest, DeletesAUserOnlyWhenEveryNeighbourHas) {
  StartAndWaitUntilServing();
  v1::RegisterRequest registration;
  registration.set_username("Listener");
  registration.set_password("gondola7river");
  ASSERT_THAT((CallAs<v1::UserService>("gateway", &v1::UserService::Stub::Register, registration)),
              IsOk());
  const std::string token = SignIn("gondola7river")->access();
  const auto delete_me = [&] {
    return CallAs<v1::UserService>("gateway", &v1::UserService::Stub::DeleteMe,
                                   v1::DeleteMeRequest(), token);
  };
  const auto get_me = [&] {
    return CallAs<v1::UserService>("gateway", &v1::UserService::Stub::GetMe, v1::GetMeRequest(),
                                   token);
  };
  NoVerifier verifier;
  rpc::Dispatcher dispatcher({.workers = 1, .queue = 1}, verifier);
  ForgetfulIngest spotify(dispatcher);
  ForgetfulIngest lastfm(dispatcher);
  Forgetful song_store(dispatcher);
  const auto serve = [&](const std::string& name, grpc::Service* service) {
    return *rpc::Server::Start({Socket(name), authority_.Issue(directory_.path(), name), false},
                               {service});
  };
  const auto spotify_server = serve("spotify_ingest", &spotify);
  const auto lastfm_server = serve("lastfm_ingest", &lastfm);
  const auto refused = delete_me();
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_TRUE(RetryAfterOf(refused.status()).has_value());
  EXPECT_THAT(get_me(), IsOk());
  const auto song_store_server = serve("song_store", &song_store);
  EXPECT_THAT(delete_me(), IsOk());
  EXPECT_THAT(get_me(), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(delete_me(), IsOk());
  EXPECT_EQ(database_.Execute("SELECT (SELECT count(*) FROM auth.users) + (SELECT count(*) FROM "
                              "auth.refresh_families)"),
            "0");
}

}  // namespace
}  // namespace playlog::auth
