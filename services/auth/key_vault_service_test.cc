#include "services/auth/key_vault_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/api_key_service.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

class KeyVaultServiceTest : public ::testing::Test {
 protected:
  KeyVaultServiceTest() {
    ApiKeyService keys(parts_.store, parts_.vault, parts_.clock, parts_.dispatcher);
    for (const auto source : {songs::v1::SOURCE_SPOTIFY, songs::v1::SOURCE_LASTFM}) {
      v1::StoreApiKeyRequest request;
      request.set_service_name(source);
      request.set_api_key(songs::v1::Source_Name(source));
      if (source == songs::v1::SOURCE_LASTFM) request.set_service_user_id("rj");
      rpc::Call call = parts_.CallOf(user_id_);
      EXPECT_THAT(keys.StoreApiKey(call, request), IsOk());
    }
  }
  absl::StatusOr<v1::OpenKeyResponse> Open(const std::string& caller, songs::v1::Source source,
                                           std::int64_t user_id) {
    v1::OpenKeyRequest request;
    request.set_user_id(user_id);
    request.set_service_name(source);
    rpc::Call call;
    call.peer_service = caller;
    return service_.OpenKey(call, request);
  }

  ServiceFixture parts_;
  KeyVaultService service_{parts_.store, parts_.vault, parts_.dispatcher};
  std::int64_t user_id_ = parts_.store.CreateUser(absl::InfiniteFuture(), "listener", "hash")->id;
};

TEST_F(KeyVaultServiceTest, OpensAKeyForTheIngestOfItsSource) {
  const auto spotify = Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_);
  ASSERT_THAT(spotify, IsOk());
  EXPECT_EQ(spotify->api_key(), "SOURCE_SPOTIFY");
  EXPECT_FALSE(spotify->has_service_user_id());
  EXPECT_EQ(spotify->version(), 1);
  const auto lastfm = Open("lastfm_ingest", songs::v1::SOURCE_LASTFM, user_id_);
  ASSERT_THAT(lastfm, IsOk());
  EXPECT_EQ(lastfm->api_key(), "SOURCE_LASTFM");
  EXPECT_EQ(lastfm->service_user_id(), "rj");
}

TEST_F(KeyVaultServiceTest, OpensNoKeyForAnybodyElse) {
  for (const char* const caller :
       {"", "gateway", "auth", "song_store", "lastfm_ingest", "spotify_ingest2"}) {
    EXPECT_THAT(Open(caller, songs::v1::SOURCE_SPOTIFY, user_id_),
                ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED))
        << caller;
  }
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_LASTFM, user_id_),
              ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
  for (const char* const caller : {"", "spotify_ingest"}) {
    EXPECT_THAT(Open(caller, songs::v1::SOURCE_UNSPECIFIED, user_id_),
                ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
  }
}

TEST_F(KeyVaultServiceTest, SaysWhenThereIsNoKey) {
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_ + 100),
              ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  EXPECT_EQ(FieldOf(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, 0).status()), "user_id");
}

TEST_F(KeyVaultServiceTest, OpensNothingThatWasTamperedWith) {
  parts_.store.Tamper(user_id_, "spotify");
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_),
              ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_THAT(Open("lastfm_ingest", songs::v1::SOURCE_LASTFM, user_id_), IsOk());
}

}  // namespace
}  // namespace playlog::auth
