#include "services/auth/audit_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

class AuditServiceTest : public ::testing::Test {
 protected:
  std::int64_t NewUser(const std::string& name) {
    return parts_.store.CreateUser(absl::InfiniteFuture(), name, "hash")->id;
  }
  void Write(std::int64_t user_id, v1::AuditAction action, const std::string& service_name) {
    rpc::Call call = ServiceFixture::CallOf(user_id);
    call.request_id = absl::StrCat("request-", ++written_);
    EXPECT_THAT(
        parts_.audit.Write(absl::InfiniteFuture(),
                           MakeAuditEvent(call, parts_.clock.Now(), user_id, action, service_name)),
        IsOk());
  }
  absl::StatusOr<v1::ListAuditEventsResponse> List(std::int64_t user_id,
                                                   const v1::ListAuditEventsRequest& request = {}) {
    rpc::Call call = ServiceFixture::CallOf(user_id);
    return service_.ListAuditEvents(call, request);
  }
  static v1::ListAuditEventsRequest Page(int limit) {
    v1::ListAuditEventsRequest request;
    request.set_limit(limit);
    return request;
  }

  ServiceFixture parts_;
  AuditService service_{parts_.audit, parts_.dispatcher};
  int written_ = 0;
};

TEST_F(AuditServiceTest, ShowsWhoDidWhatAndWhen) {
  const std::int64_t user_id = NewUser("listener");
  Write(user_id, v1::AUDIT_ACTION_SIGNED_IN, "");
  Write(user_id, v1::AUDIT_ACTION_KEY_STORED, "lastfm");
  const auto response = List(user_id);
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->results_size(), 2);
  EXPECT_FALSE(response->has_next());
  const v1::AuditEvent& stored = response->results(0);
  EXPECT_EQ(stored.action(), v1::AUDIT_ACTION_KEY_STORED);
  EXPECT_EQ(stored.service_name(), songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(stored.by(), "user");
  EXPECT_EQ(stored.request_id(), "request-2");
  EXPECT_EQ(google::protobuf::util::TimeUtil::ToString(stored.at()), "2023-11-14T22:13:20Z");
  EXPECT_GT(stored.id(), response->results(1).id());
  EXPECT_FALSE(response->results(1).has_service_name());
}

TEST_F(AuditServiceTest, NamesTheServiceThatDidIt) {
  rpc::Call call;
  call.peer_service = "spotify_ingest";
  EXPECT_EQ(MakeAuditEvent(call, parts_.clock.Now(), 7, v1::AUDIT_ACTION_KEY_OPENED, "spotify").by,
            "spotify_ingest");
}

TEST_F(AuditServiceTest, PagesUntilThereIsNoMore) {
  const std::int64_t user_id = NewUser("listener");
  for (int i = 0; i < 5; ++i) Write(user_id, v1::AUDIT_ACTION_SIGNED_IN, "");
  v1::ListAuditEventsRequest request = Page(2);
  for (const int size : {2, 2, 1}) {
    const auto page = List(user_id, request);
    ASSERT_THAT(page, IsOk());
    EXPECT_EQ(page->results_size(), size);
    EXPECT_EQ(page->has_next(), size == 2);
    request.set_before(page->next());
  }
  EXPECT_FALSE(List(user_id, Page(5))->has_next());
}

TEST_F(AuditServiceTest, ReturnsFiftyUnlessToldOtherwise) {
  const std::int64_t user_id = NewUser("listener");
  for (int i = 0; i < 201; ++i) Write(user_id, v1::AUDIT_ACTION_SIGNED_IN, "");
  EXPECT_EQ(List(user_id)->results_size(), 50);
  EXPECT_EQ(List(user_id, Page(1))->results_size(), 1);
  EXPECT_EQ(List(user_id, Page(200))->results_size(), 200);
}

TEST_F(AuditServiceTest, RefusesLimitsAndPlacesThatCannotBe) {
  for (const int limit : {0, -1, 201}) {
    EXPECT_EQ(FieldOf(List(1, Page(limit)).status()), "limit");
  }
  v1::ListAuditEventsRequest request;
  request.set_before(0);
  EXPECT_EQ(FieldOf(List(1, request).status()), "before");
}

TEST_F(AuditServiceTest, ShowsNobodyElsesEvents) {
  Write(NewUser("one"), v1::AUDIT_ACTION_SIGNED_IN, "");
  EXPECT_EQ(List(NewUser("other"))->results_size(), 0);
}

TEST_F(AuditServiceTest, FailsWhenTheAuditDoes) {
  parts_.audit.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  EXPECT_THAT(List(NewUser("one")), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

}  // namespace
}  // namespace playlog::auth
