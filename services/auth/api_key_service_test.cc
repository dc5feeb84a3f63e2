#include "services/auth/api_key_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::google::protobuf::util::TimeUtil;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kKey[] = "BQD-canary-key";

class ApiKeyServiceTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::StoreApiKeyResponse> Put(songs::v1::Source source, const std::string& key,
                                              const std::string& service_user_id = "") {
    v1::StoreApiKeyRequest request;
    request.set_service_name(source);
    request.set_api_key(key);
    if (!service_user_id.empty()) request.set_service_user_id(service_user_id);
    call_ = parts_.CallOf(user_id_);
    return service_.StoreApiKey(call_, request);
  }
  v1::ListApiKeysResponse List(std::int64_t user_id) {
    rpc::Call call = parts_.CallOf(user_id);
    return *service_.ListApiKeys(call, {});
  }
  absl::Status Delete(songs::v1::Source source) {
    v1::DeleteApiKeyRequest request;
    request.set_service_name(source);
    rpc::Call call = parts_.CallOf(user_id_);
    return service_.DeleteApiKey(call, request).status();
  }

  ServiceFixture parts_;
  ApiKeyService service_{parts_.store, parts_.vault, parts_.clock, parts_.dispatcher};
  rpc::Call call_;
  std::int64_t user_id_ = parts_.store.CreateUser(absl::InfiniteFuture(), "listener", "hash")->id;
};

TEST_F(ApiKeyServiceTest, StoresANewKeySealedAndNeverReturnsIt) {
  const auto stored = Put(songs::v1::SOURCE_LASTFM, kKey, "rj");
  ASSERT_THAT(stored, IsOk());
  EXPECT_FALSE(call_.alternative_status);
  EXPECT_EQ(stored->service_name(), songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(stored->service_user_id(), "rj");
  EXPECT_EQ(TimeUtil::ToString(stored->created_at()), "2023-11-14T22:13:20Z");
  EXPECT_EQ(TimeUtil::ToString(stored->updated_at()), "2023-11-14T22:13:20Z");
  EXPECT_THAT(stored->SerializeAsString(), Not(HasSubstr(kKey)));
  EXPECT_THAT(List(user_id_).SerializeAsString(), Not(HasSubstr(kKey)));
  const auto sealed = *parts_.store.FindKey(absl::InfiniteFuture(), user_id_, "lastfm");
  EXPECT_THAT(sealed->blob, Not(HasSubstr(kKey)));
  const RecordContext context{
      .user_id = user_id_, .service_name = "lastfm", .row_id = sealed->about.row_id, .version = 1};
  EXPECT_EQ(parts_.vault.Open(context, sealed->blob)->Reveal(), kKey);
}

TEST_F(ApiKeyServiceTest, ReplacesAKeyAndSaysSo) {
  ASSERT_THAT(Put(songs::v1::SOURCE_LASTFM, kKey, "rj"), IsOk());
  parts_.clock.Advance(absl::Milliseconds(1500));
  const auto replaced = Put(songs::v1::SOURCE_LASTFM, "another");
  ASSERT_THAT(replaced, IsOk());
  EXPECT_TRUE(call_.alternative_status);
  EXPECT_FALSE(replaced->has_service_user_id());
  EXPECT_EQ(TimeUtil::ToString(replaced->created_at()), "2023-11-14T22:13:20Z");
  EXPECT_EQ(TimeUtil::ToString(replaced->updated_at()), "2023-11-14T22:13:21.500Z");
  EXPECT_EQ(List(user_id_).results_size(), 1);
}

TEST_F(ApiKeyServiceTest, LeavesAnEmptyServiceUserIdOut) {
  v1::StoreApiKeyRequest request;
  request.set_service_name(songs::v1::SOURCE_LASTFM);
  request.set_api_key(kKey);
  request.set_service_user_id("");
  rpc::Call call = parts_.CallOf(user_id_);
  EXPECT_FALSE(service_.StoreApiKey(call, request)->has_service_user_id());
}

TEST_F(ApiKeyServiceTest, ListsTheCallersKeysByService) {
  ASSERT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), IsOk());
  ASSERT_THAT(Put(songs::v1::SOURCE_LASTFM, kKey, "rj"), IsOk());
  const auto list = List(user_id_);
  ASSERT_EQ(list.results_size(), 2);
  EXPECT_EQ(list.results(0).service_name(), songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(list.results(0).service_user_id(), "rj");
  EXPECT_EQ(list.results(1).service_name(), songs::v1::SOURCE_SPOTIFY);
  EXPECT_FALSE(list.results(1).has_service_user_id());
  EXPECT_EQ(List(user_id_ + 1).results_size(), 0);
}

TEST_F(ApiKeyServiceTest, DeletesAKeyOnce) {
  ASSERT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), IsOk());
  EXPECT_THAT(Delete(songs::v1::SOURCE_LASTFM), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  EXPECT_THAT(Delete(songs::v1::SOURCE_SPOTIFY), IsOk());
  EXPECT_THAT(Delete(songs::v1::SOURCE_SPOTIFY), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  EXPECT_EQ(FieldOf(Delete(songs::v1::SOURCE_UNSPECIFIED)), "service_name");
}

TEST_F(ApiKeyServiceTest, NamesTheFieldThatIsWrongAndStoresNothing) {
  EXPECT_EQ(FieldOf(Put(songs::v1::SOURCE_UNSPECIFIED, kKey).status()), "service_name");
  EXPECT_EQ(FieldOf(Put(songs::v1::SOURCE_SPOTIFY, "").status()), "api_key");
  EXPECT_EQ(FieldOf(Put(songs::v1::SOURCE_SPOTIFY, "a\r\nb").status()), "api_key");
  EXPECT_EQ(FieldOf(Put(songs::v1::SOURCE_SPOTIFY, kKey, std::string(129, 'u')).status()),
            "service_user_id");
  EXPECT_EQ(List(user_id_).results_size(), 0);
}

TEST_F(ApiKeyServiceTest, StoresNothingForADeletedUser) {
  user_id_ += 1;
  EXPECT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

}  // namespace
}  // namespace playlog::auth
