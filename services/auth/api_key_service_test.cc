#include "services/auth/api_key_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::google::protobuf::util::TimeUtil;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

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
    call_.request_id = "request-1";
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
    call.request_id = "request-1";
    return service_.DeleteApiKey(call, request).status();
  }

  // What was written of the user's keys, oldest first.
  std::vector<v1::AuditAction> Audited() {
    std::vector<v1::AuditAction> actions;
    for (const AuditEvent& event : parts_.audit.Written()) {
      EXPECT_EQ(event.user_id, user_id_);
      EXPECT_EQ(event.by, "user");
      EXPECT_EQ(event.request_id, "request-1");
      actions.push_back(event.action);
    }
    return actions;
  }

  ServiceFixture parts_;
  ApiKeyService service_{{parts_.credentials, parts_.vault, parts_.key_trier, parts_.clock,
                          parts_.dispatcher, parts_.dispatcher}};
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
  const auto sealed = *parts_.credentials.FindKey(absl::InfiniteFuture(), user_id_, "lastfm");
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

TEST_F(ApiKeyServiceTest, TriesAKeyAndSaysHowThatWent) {
  parts_.key_trier.answer = true;
  const auto accepted = Put(songs::v1::SOURCE_LASTFM, kKey, "rj");
  ASSERT_THAT(accepted, IsOk());
  EXPECT_EQ(accepted->state(), v1::KEY_STATE_OK);
  EXPECT_EQ(accepted->advice(), "");
  parts_.key_trier.answer = false;
  const auto rejected = Put(songs::v1::SOURCE_SPOTIFY, kKey);
  ASSERT_THAT(rejected, IsOk());
  EXPECT_EQ(rejected->state(), v1::KEY_STATE_REJECTED);
  EXPECT_THAT(rejected->advice(), HasSubstr("Spotify refused"));
  EXPECT_THAT(parts_.key_trier.tried, ElementsAre(Pair(user_id_, songs::v1::SOURCE_LASTFM),
                                                  Pair(user_id_, songs::v1::SOURCE_SPOTIFY)));
  const auto list = List(user_id_);
  ASSERT_EQ(list.results_size(), 2);
  EXPECT_EQ(list.results(0).state(), v1::KEY_STATE_OK);
  EXPECT_EQ(TimeUtil::ToString(list.results(0).last_success_at()), "2023-11-14T22:13:20Z");
  EXPECT_EQ(list.results(1).state(), v1::KEY_STATE_REJECTED);
  EXPECT_EQ(TimeUtil::ToString(list.results(1).state_since()), "2023-11-14T22:13:20Z");
  EXPECT_FALSE(list.results(1).has_last_success_at());
  EXPECT_FALSE(list.results(1).has_ends_at());
  EXPECT_EQ(list.results(1).advice(), rejected->advice());
}

TEST_F(ApiKeyServiceTest, StoresAKeyThatCannotBeTriedNow) {
  const auto stored = Put(songs::v1::SOURCE_SPOTIFY, kKey);
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->state(), v1::KEY_STATE_UNVERIFIED);
  EXPECT_THAT(stored->advice(), Not(IsEmpty()));
  EXPECT_EQ(List(user_id_).results(0).state(), v1::KEY_STATE_UNVERIFIED);
}

TEST_F(ApiKeyServiceTest, ForgetsHowTheReplacedKeyFared) {
  parts_.key_trier.answer = true;
  ASSERT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), IsOk());
  parts_.key_trier.answer.reset();
  ASSERT_THAT(Put(songs::v1::SOURCE_SPOTIFY, "another"), IsOk());
  const auto list = List(user_id_);
  EXPECT_EQ(list.results(0).state(), v1::KEY_STATE_UNVERIFIED);
  EXPECT_FALSE(list.results(0).has_last_success_at());
}

TEST_F(ApiKeyServiceTest, WritesNothingOfATryWhoseKeyWasReplacedMeanwhile) {
  parts_.key_trier.answer = false;
  parts_.key_trier.meanwhile = [this] {
    parts_.key_trier.meanwhile = nullptr;
    parts_.key_trier.answer = true;
    EXPECT_THAT(Put(songs::v1::SOURCE_SPOTIFY, "another"), IsOk());
    parts_.key_trier.answer = false;
  };
  ASSERT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), IsOk());
  EXPECT_EQ(List(user_id_).results(0).state(), v1::KEY_STATE_OK);
}

TEST_F(ApiKeyServiceTest, ShowsWhenASignInEnds) {
  const NewKey sign_in{.user_id = user_id_, .service_name = "spotify", .is_sign_in = true};
  ASSERT_THAT(parts_.credentials.PutKey(
                  absl::InfiniteFuture(), sign_in, parts_.clock.Now(),
                  [](std::int64_t, std::int64_t) { return SealedRecord{.blob = "blob"}; },
                  AuditEvent{.user_id = user_id_}),
              IsOk());
  EXPECT_EQ(TimeUtil::ToString(List(user_id_).results(0).ends_at()), "2024-05-14T22:13:20Z");
  parts_.clock.Advance(absl::Hours(24 * 190));
  EXPECT_EQ(List(user_id_).results(0).state(), v1::KEY_STATE_NEEDS_SIGN_IN);
}

TEST_F(ApiKeyServiceTest, WritesEveryChangeIntoTheAudit) {
  ASSERT_THAT(Put(songs::v1::SOURCE_LASTFM, kKey), IsOk());
  ASSERT_THAT(Put(songs::v1::SOURCE_LASTFM, "another"), IsOk());
  ASSERT_THAT(Delete(songs::v1::SOURCE_LASTFM), IsOk());
  ASSERT_THAT(Delete(songs::v1::SOURCE_LASTFM), Not(IsOk()));
  EXPECT_THAT(Audited(), ElementsAre(v1::AUDIT_ACTION_KEY_STORED, v1::AUDIT_ACTION_KEY_STORED,
                                     v1::AUDIT_ACTION_KEY_DELETED));
  EXPECT_EQ(parts_.audit.Written().front().service_name, "lastfm");
}

TEST_F(ApiKeyServiceTest, ChangesNothingThatCannotBeAudited) {
  ASSERT_THAT(Put(songs::v1::SOURCE_LASTFM, kKey), IsOk());
  parts_.audit.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(Delete(songs::v1::SOURCE_LASTFM), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_EQ(List(user_id_).results_size(), 1);
}

TEST_F(ApiKeyServiceTest, StoresNothingForADeletedUser) {
  user_id_ += 1;
  EXPECT_THAT(Put(songs::v1::SOURCE_SPOTIFY, kKey), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

}  // namespace
}  // namespace playlog::auth
