// The program itself: what it refuses to start with, and its services over mutual TLS with a real
// database and with neighbours that come and go.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/server.h"
#include "common/testing/matchers.h"
#include "playlog/auth/v1/api_key_service.grpc.pb.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"
#include "playlog/auth/v1/user_service.grpc.pb.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"
#include "services/auth/auth_process.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(AuthProcessTest, DeletesAUserAtOnceAndHasTheNeighboursEraseItThroughAKill) {
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
  // The song store is away, which the user need not wait for.
  EXPECT_THAT(delete_me(), IsOk());
  EXPECT_EQ(database_.Execute("SELECT (SELECT count(*) FROM auth.users) + (SELECT count(*) FROM "
                              "auth.refresh_families)"),
            "0");
  EXPECT_THAT((CallAs<v1::UserService>("gateway", &v1::UserService::Stub::GetMe, v1::GetMeRequest(),
                                       token)),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(SignIn("gondola7river"), ErrorIs(errors::v1::ERROR_CODE_INVALID_CREDENTIALS));
  Stop(SIGKILL);
  StartAndWaitUntilServing();
  const auto done = [&] {
    return database_.Execute("SELECT count(*) FROM auth.erasures WHERE done_at IS NOT NULL");
  };
  EXPECT_EQ(done(), "0");
  const auto song_store_server = serve("song_store", &song_store);
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (done() == "0" && absl::Now() < end) absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(done(), "1");
}

}  // namespace
}  // namespace playlog::auth
