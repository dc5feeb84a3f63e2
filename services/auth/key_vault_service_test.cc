#include "services/auth/key_vault_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/api_key_service.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::google::protobuf::util::TimeUtil;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;

class KeyVaultServiceTest : public ::testing::Test {
 protected:
  KeyVaultServiceTest() {
    ApiKeyService keys({parts_.credentials, parts_.vault, parts_.key_trier, parts_.clock,
                        parts_.dispatcher, parts_.dispatcher});
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
    rpc::Call call = CallFrom(caller);
    return service_.OpenKey(call, request);
  }
  static rpc::Call CallFrom(const std::string& caller) {
    rpc::Call call;
    call.peer_service = caller;
    call.request_id = "request-2";
    return call;
  }
  // The tokens of a sign-in or, with a version, of its refresh.
  v1::SaveTokensRequest Tokens(const std::string& name, std::int64_t expected_version) const {
    v1::SaveTokensRequest request;
    request.set_user_id(user_id_);
    request.set_service_name(songs::v1::SOURCE_SPOTIFY);
    request.set_expected_version(expected_version);
    request.set_access_token("access-" + name);
    request.set_refresh_token("refresh-" + name);
    *request.mutable_expires_at() = TimeUtil::SecondsToTimestamp(1'700'003'600);
    return request;
  }
  absl::StatusOr<v1::SaveTokensResponse> Save(const v1::SaveTokensRequest& request,
                                              const std::string& caller = "spotify_ingest") {
    rpc::Call call = CallFrom(caller);
    return service_.SaveTokens(call, request);
  }
  absl::Status Report(v1::KeyOutcome outcome, std::int64_t version,
                      const std::string& caller = "spotify_ingest") {
    v1::ReportKeyUseRequest request;
    request.set_user_id(user_id_);
    request.set_service_name(songs::v1::SOURCE_SPOTIFY);
    request.set_version(version);
    request.set_outcome(outcome);
    rpc::Call call = CallFrom(caller);
    return service_.ReportKeyUse(call, request).status();
  }
  v1::OpenKeyResponse OpenSpotify() {
    return *Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_);
  }
  // The last event of the audit.
  AuditEvent LastEvent() { return parts_.audit.Written().back(); }

  ServiceFixture parts_;
  KeyVaultService service_{{parts_.credentials, parts_.vault, parts_.audit, parts_.open_limits,
                            parts_.clock, parts_.dispatcher}};
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
  parts_.credentials.Tamper(user_id_, "spotify");
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_),
              ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_THAT(Open("lastfm_ingest", songs::v1::SOURCE_LASTFM, user_id_), IsOk());
}

TEST_F(KeyVaultServiceTest, WritesEveryOpeningIntoTheAudit) {
  ASSERT_THAT(Open("lastfm_ingest", songs::v1::SOURCE_LASTFM, user_id_), IsOk());
  EXPECT_EQ(LastEvent().action, v1::AUDIT_ACTION_KEY_OPENED);
  EXPECT_EQ(LastEvent().user_id, user_id_);
  EXPECT_EQ(LastEvent().service_name, "lastfm");
  EXPECT_EQ(LastEvent().by, "lastfm_ingest");
  EXPECT_EQ(LastEvent().request_id, "request-2");
  EXPECT_EQ(LastEvent().at, parts_.clock.Now());
  const std::size_t written = parts_.audit.Written().size();
  ASSERT_THAT(Open("gateway", songs::v1::SOURCE_LASTFM, user_id_), Not(IsOk()));
  ASSERT_THAT(Open("lastfm_ingest", songs::v1::SOURCE_LASTFM, user_id_ + 1), Not(IsOk()));
  EXPECT_THAT(parts_.audit.Written(), SizeIs(written));
}

TEST_F(KeyVaultServiceTest, OpensNothingThatCannotBeAudited) {
  parts_.audit.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_),
              ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(KeyVaultServiceTest, TellsOfAKeyThatDidNotOpenAsFarAsItCan) {
  parts_.credentials.Tamper(user_id_, "spotify");
  ASSERT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_), Not(IsOk()));
  EXPECT_EQ(LastEvent().action, v1::AUDIT_ACTION_KEY_OPEN_FAILED);
  EXPECT_EQ(LastEvent().service_name, "spotify");
  parts_.audit.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_),
              ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
}

// R19 at the service: whatever was done to the database, one error and one event of it.
TEST_F(KeyVaultServiceTest, RefusesEverySwapAndReplayWithOneErrorAndAnEvent) {
  const std::int64_t other = parts_.store.CreateUser(absl::InfiniteFuture(), "other", "hash")->id;
  v1::SaveTokensRequest others = Tokens("other", 0);
  others.set_user_id(other);
  ASSERT_THAT(Save(others), IsOk());
  const auto blob_of = [&](std::int64_t user_id, const std::string& service) {
    return (*parts_.credentials.FindKey(absl::InfiniteFuture(), user_id, service))->blob;
  };
  const std::string first = blob_of(user_id_, "spotify");
  const std::string lastfm = blob_of(user_id_, "lastfm");
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  const std::string second = blob_of(user_id_, "spotify");
  for (const std::string& wrong :
       {first, lastfm, blob_of(other, "spotify"), second.substr(0, second.size() - 1),
        second.substr(0, second.size() - 15), std::string("plain"), std::string()}) {
    parts_.credentials.SetBlob(user_id_, "spotify", wrong);
    const std::size_t written = parts_.audit.Written().size();
    const auto opened = Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_);
    EXPECT_THAT(opened, ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
    EXPECT_EQ(opened.status().message(), "a sealed key does not open");
    EXPECT_THAT(parts_.audit.Written(), SizeIs(written + 1));
    EXPECT_EQ(LastEvent().action, v1::AUDIT_ACTION_KEY_OPEN_FAILED);
  }
  parts_.credentials.SetBlob(user_id_, "spotify", second);
  EXPECT_EQ(OpenSpotify().api_key(), "access-a");
}

TEST_F(KeyVaultServiceTest, LimitsHowOftenOneKeyIsOpened) {
  for (int i = 0; i < OpenLimits::kOfOneKeyMax; ++i) {
    ASSERT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_), IsOk());
  }
  EXPECT_THAT(Open("spotify_ingest", songs::v1::SOURCE_SPOTIFY, user_id_),
              ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(Open("lastfm_ingest", songs::v1::SOURCE_LASTFM, user_id_), IsOk());
}

TEST_F(KeyVaultServiceTest, OpensKeysThatWereSealedBeforeThereWereSignIns) {
  const auto key = *parts_.credentials.FindKey(absl::InfiniteFuture(), user_id_, "spotify");
  parts_.credentials.SetBlob(user_id_, "spotify",
                             parts_.vault.Seal(ContextOf(key->about), Secret("as ever"))->blob);
  EXPECT_EQ(OpenSpotify().api_key(), "as ever");
  EXPECT_EQ(OpenSpotify().refresh_token(), "");
  EXPECT_FALSE(OpenSpotify().has_expires_at());
}

TEST_F(KeyVaultServiceTest, SavesASignInInPlaceOfAnyKey) {
  const auto saved = Save(Tokens("a", 0));
  ASSERT_THAT(saved, IsOk());
  EXPECT_EQ(saved->version(), 2);
  EXPECT_EQ(LastEvent().action, v1::AUDIT_ACTION_KEY_STORED);
  EXPECT_EQ(LastEvent().by, "spotify_ingest");
  const v1::OpenKeyResponse opened = OpenSpotify();
  EXPECT_EQ(opened.api_key(), "access-a");
  EXPECT_EQ(opened.refresh_token(), "refresh-a");
  EXPECT_EQ(opened.previous_refresh_token(), "");
  EXPECT_EQ(opened.expires_at().seconds(), 1'700'003'600);
  EXPECT_EQ(opened.version(), 2);
  EXPECT_EQ(opened.state(), v1::KEY_STATE_UNVERIFIED);
  EXPECT_FALSE(opened.has_last_success_at());
}

TEST_F(KeyVaultServiceTest, SavesRefreshedTokensOnce) {
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  v1::SaveTokensRequest refreshed = Tokens("b", 2);
  refreshed.set_previous_refresh_token("refresh-a");
  const auto saved = Save(refreshed);
  ASSERT_THAT(saved, IsOk());
  EXPECT_EQ(saved->version(), 3);
  EXPECT_EQ(LastEvent().action, v1::AUDIT_ACTION_KEY_REFRESHED);
  EXPECT_THAT(Save(Tokens("late", 2)), ErrorIs(errors::v1::ERROR_CODE_CONFLICT));
  const v1::OpenKeyResponse opened = OpenSpotify();
  EXPECT_EQ(opened.api_key(), "access-b");
  EXPECT_EQ(opened.previous_refresh_token(), "refresh-a");
}

TEST_F(KeyVaultServiceTest, SavesNoRefreshOfAKeyThatIsGone) {
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  ASSERT_THAT(parts_.credentials.DeleteKey(absl::InfiniteFuture(), user_id_, "spotify",
                                           AuditEvent{.user_id = user_id_}),
              IsOk());
  EXPECT_THAT(Save(Tokens("b", 2)), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  v1::SaveTokensRequest of_nobody = Tokens("a", 0);
  of_nobody.set_user_id(user_id_ + 100);
  EXPECT_THAT(Save(of_nobody), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
  of_nobody.set_expected_version(1);
  EXPECT_THAT(Save(of_nobody), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

TEST_F(KeyVaultServiceTest, SavesNothingThatCannotBeAudited) {
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  parts_.audit.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(Save(Tokens("b", 2)), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  parts_.audit.FailWith(absl::OkStatus());
  EXPECT_EQ(OpenSpotify().api_key(), "access-a");
}

TEST_F(KeyVaultServiceTest, NamesTheFieldOfTokensThatIsWrong) {
  const auto field_of = [&](const auto& spoil) {
    v1::SaveTokensRequest request = Tokens("a", 0);
    spoil(request);
    return FieldOf(Save(request).status());
  };
  EXPECT_EQ(field_of([](auto& r) { r.set_user_id(0); }), "user_id");
  EXPECT_EQ(field_of([](auto& r) { r.set_expected_version(-1); }), "expected_version");
  EXPECT_EQ(field_of([](auto& r) { r.set_access_token(""); }), "access_token");
  EXPECT_EQ(field_of([](auto& r) { r.set_access_token("a\r\nb"); }), "access_token");
  EXPECT_EQ(field_of([](auto& r) { r.set_refresh_token(std::string(4097, 'r')); }),
            "refresh_token");
  EXPECT_EQ(field_of([](auto& r) { r.set_previous_refresh_token("\x01"); }),
            "previous_refresh_token");
  EXPECT_EQ(field_of([](auto& r) { r.clear_expires_at(); }), "expires_at");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_expires_at()->set_nanos(-1); }), "expires_at");
  EXPECT_EQ(OpenSpotify().api_key(), "SOURCE_SPOTIFY");
}

TEST_F(KeyVaultServiceTest, LetsNobodyElseSaveOrReport) {
  for (const char* const caller : {"", "gateway", "auth", "song_store", "lastfm_ingest"}) {
    EXPECT_THAT(Save(Tokens("a", 0), caller), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
    EXPECT_THAT(Report(v1::KEY_OUTCOME_REJECTED, 1, caller),
                ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
  }
}

TEST_F(KeyVaultServiceTest, WritesDownHowAKeyFared) {
  ASSERT_THAT(Report(v1::KEY_OUTCOME_ACCEPTED, 1), IsOk());
  EXPECT_EQ(OpenSpotify().state(), v1::KEY_STATE_OK);
  EXPECT_EQ(OpenSpotify().last_success_at().seconds(), 1'700'000'000);
  ASSERT_THAT(Report(v1::KEY_OUTCOME_REJECTED, 1), IsOk());
  EXPECT_EQ(OpenSpotify().state(), v1::KEY_STATE_REJECTED);
}

TEST_F(KeyVaultServiceTest, IgnoresReportsOfAnotherVersion) {
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  ASSERT_THAT(Report(v1::KEY_OUTCOME_REJECTED, 1), IsOk());
  EXPECT_EQ(OpenSpotify().state(), v1::KEY_STATE_UNVERIFIED);
}

TEST_F(KeyVaultServiceTest, QuarantinesAGrantAndNeverDeletesIt) {
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  ASSERT_THAT(Report(v1::KEY_OUTCOME_GRANT_REJECTED, 2), IsOk());
  EXPECT_EQ(OpenSpotify().state(), v1::KEY_STATE_REJECTED);
  parts_.clock.Advance(absl::Minutes(59));
  ASSERT_THAT(Report(v1::KEY_OUTCOME_GRANT_REJECTED, 2), IsOk());
  EXPECT_EQ(OpenSpotify().state(), v1::KEY_STATE_REJECTED);
  parts_.clock.Advance(absl::Minutes(1));
  ASSERT_THAT(Report(v1::KEY_OUTCOME_GRANT_REJECTED, 2), IsOk());
  EXPECT_EQ(OpenSpotify().state(), v1::KEY_STATE_NEEDS_SIGN_IN);
  EXPECT_EQ(OpenSpotify().refresh_token(), "refresh-a");
}

TEST_F(KeyVaultServiceTest, ListsWhoHasAKeyWithoutOpeningIt) {
  const auto list = [&](std::int64_t after_user_id, int limit) {
    v1::ListKeysRequest request;
    request.set_service_name(songs::v1::SOURCE_SPOTIFY);
    request.set_after_user_id(after_user_id);
    request.set_limit(limit);
    rpc::Call call = CallFrom("spotify_ingest");
    return service_.ListKeys(call, request);
  };
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  ASSERT_THAT(Report(v1::KEY_OUTCOME_ACCEPTED, 2), IsOk());
  const std::size_t events = parts_.audit.Written().size();
  const auto keys = list(0, 1000);
  ASSERT_THAT(keys, IsOk());
  ASSERT_EQ(keys->keys_size(), 1);
  EXPECT_EQ(keys->keys(0).user_id(), user_id_);
  EXPECT_EQ(keys->keys(0).version(), 2);
  EXPECT_EQ(keys->keys(0).state(), v1::KEY_STATE_OK);
  EXPECT_EQ(keys->keys(0).updated_at().seconds(), 1'700'000'000);
  EXPECT_EQ(list(user_id_, 1000)->keys_size(), 0);
  EXPECT_EQ(parts_.audit.Written().size(), events);
  EXPECT_EQ(FieldOf(list(0, 0).status()), "limit");
  EXPECT_EQ(FieldOf(list(0, 1001).status()), "limit");
  EXPECT_EQ(FieldOf(list(-1, 1).status()), "after_user_id");
}

TEST_F(KeyVaultServiceTest, ListsASignInThatHasEndedAsSuch) {
  ASSERT_THAT(Save(Tokens("a", 0)), IsOk());
  ASSERT_THAT(Report(v1::KEY_OUTCOME_ACCEPTED, 2), IsOk());
  parts_.clock.Advance(absl::Hours(24 * 200));
  v1::ListKeysRequest request;
  request.set_service_name(songs::v1::SOURCE_SPOTIFY);
  request.set_limit(1);
  rpc::Call call = CallFrom("spotify_ingest");
  EXPECT_EQ(service_.ListKeys(call, request)->keys(0).state(), v1::KEY_STATE_NEEDS_SIGN_IN);
}

TEST_F(KeyVaultServiceTest, ListsNoKeysForAnybodyElse) {
  for (const char* const caller : {"", "gateway", "auth", "song_store", "lastfm_ingest"}) {
    v1::ListKeysRequest request;
    request.set_service_name(songs::v1::SOURCE_SPOTIFY);
    request.set_limit(10);
    rpc::Call call = CallFrom(caller);
    EXPECT_THAT(service_.ListKeys(call, request), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED))
        << caller;
  }
}

TEST_F(KeyVaultServiceTest, RefusesReportsThatSayNothing) {
  EXPECT_EQ(FieldOf(Report(v1::KEY_OUTCOME_UNSPECIFIED, 1)), "outcome");
  EXPECT_EQ(FieldOf(Report(static_cast<v1::KeyOutcome>(9), 1)), "outcome");
  EXPECT_EQ(FieldOf(Report(v1::KEY_OUTCOME_ACCEPTED, 0)), "version");
}

}  // namespace
}  // namespace playlog::auth
