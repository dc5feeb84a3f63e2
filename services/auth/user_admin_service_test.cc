// What staff see of users and their events, on PostgreSQL.

#include "services/auth/user_admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "auth_migrations.h"
#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "common/testing/migrated_database.h"
#include "services/auth/postgres_audit.h"
#include "services/auth/postgres_credential_store.h"
#include "services/auth/postgres_store.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kInvalidField = errors::v1::ERROR_CODE_INVALID_FIELD;

class NoVerifier final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

class UserAdminServiceTest : public ::testing::Test {
 protected:
  UserAdminServiceTest() { call_.deadline = absl::Now() + absl::Seconds(20); }

  std::int64_t NewUser(const std::string& name) {
    return store_.CreateUser(call_.deadline, name, "hash")->id;
  }
  void MakeStaff(std::int64_t id) {
    database_.database().Execute(
        absl::StrCat("UPDATE auth.users SET staff = true WHERE id = ", id));
  }
  void StoreKey(std::int64_t user_id, const std::string& service_name) {
    const auto seal = [](std::int64_t, std::int64_t) -> absl::StatusOr<SealedRecord> {
      return SealedRecord{.blob = "sealed", .kek_id = 1};
    };
    const AuditEvent event = {.user_id = user_id,
                              .at = clock_.Now(),
                              .action = v1::AUDIT_ACTION_KEY_STORED,
                              .service_name = service_name,
                              .by = "user"};
    ASSERT_THAT(
        credentials_.PutKey(call_.deadline, {.user_id = user_id, .service_name = service_name},
                            clock_.Now(), seal, event),
        IsOk());
  }
  std::vector<std::string> NamesOf(const v1::ListUsersRequest& request) {
    std::vector<std::string> names;
    const auto response = service_.ListUsers(call_, request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return names;
    for (const v1::ListedUser& user : response->results()) names.push_back(user.username());
    return names;
  }

  testing::MigratedDatabase database_{"auth", MigrationFiles()};
  testing::FakeClock clock_;
  PostgresStore store_{database_.pool()};
  PostgresAudit audit_{database_.pool()};
  PostgresCredentialStore credentials_{database_.pool()};
  UserDirectory directory_{database_.pool()};
  NoVerifier verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  UserAdminService service_{directory_, credentials_, audit_, clock_, dispatcher_};
  rpc::Call call_;
};

TEST_F(UserAdminServiceTest, ListsUsersNewestFirstWithTheirKeys) {
  const std::int64_t ann = NewUser("Ann");
  const std::int64_t bob = NewUser("bob");
  MakeStaff(bob);
  StoreKey(ann, "spotify");
  StoreKey(ann, "lastfm");
  const auto response = service_.ListUsers(call_, {});
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->results_size(), 2);
  EXPECT_FALSE(response->has_next());
  EXPECT_EQ(response->results(0).id(), bob);
  EXPECT_TRUE(response->results(0).staff());
  EXPECT_THAT(response->results(0).keys(), IsEmpty());
  const v1::ListedUser& listed = response->results(1);
  EXPECT_EQ(listed.username(), "Ann");
  EXPECT_FALSE(listed.staff());
  EXPECT_GT(listed.created_at().seconds(), 0);
  ASSERT_EQ(listed.keys_size(), 2);
  EXPECT_EQ(listed.keys(0).service_name(), songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(listed.keys(1).service_name(), songs::v1::SOURCE_SPOTIFY);
  EXPECT_EQ(listed.keys(1).state(), v1::KEY_STATE_UNVERIFIED);
}

// An answer has no field in which a secret could stand.
TEST_F(UserAdminServiceTest, NeverAnswersAKey) {
  const std::int64_t ann = NewUser("ann");
  StoreKey(ann, "spotify");
  v1::GetUserRequest request;
  request.set_id(ann);
  const auto response = service_.GetUser(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->result().keys_size(), 1);
  EXPECT_EQ(response->DebugString().find("sealed"), std::string::npos);
  EXPECT_EQ(response->DebugString().find("hash"), std::string::npos);
}

TEST_F(UserAdminServiceTest, FindsUsersByAPartOfTheirName) {
  for (const char* name : {"Ann", "joanna", "bob", "a_n", "axn"}) NewUser(name);
  v1::ListUsersRequest request;
  request.set_order_by("username");
  request.set_q("AN");
  EXPECT_THAT(NamesOf(request), ElementsAre("Ann", "joanna"));
  request.set_q("a_n");
  EXPECT_THAT(NamesOf(request), ElementsAre("a_n"));
  request.set_q("%");
  EXPECT_THAT(NamesOf(request), IsEmpty());
  request.set_q("");
  EXPECT_EQ(NamesOf(request).size(), 5U);
  request.clear_q();
  request.set_staff(true);
  EXPECT_THAT(NamesOf(request), IsEmpty());
}

TEST_F(UserAdminServiceTest, WalksAllPagesInEveryOrder) {
  std::set<std::string> all;
  for (int i = 0; i < 23; ++i) {
    const std::string name = absl::StrCat(i % 2 == 0 ? "User" : "user", i * 7 % 23);
    NewUser(name);
    all.insert(name);
  }
  for (const std::string order : {"id", "-id", "username", "-username"}) {
    v1::ListUsersRequest request;
    request.set_order_by(order);
    request.set_limit(4);
    std::vector<std::string> names;
    for (int page = 0; page < 10; ++page) {
      const auto response = service_.ListUsers(call_, request);
      ASSERT_THAT(response, IsOk());
      for (const v1::ListedUser& user : response->results()) names.push_back(user.username());
      if (!response->has_next()) break;
      request.set_cursor(response->next());
    }
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), all) << order;
    EXPECT_EQ(names.size(), all.size()) << order;
  }
}

TEST_F(UserAdminServiceTest, RefusesWhatIsNotAllowed) {
  for (int i = 0; i < 3; ++i) NewUser(absl::StrCat("user", i));
  v1::ListUsersRequest request;
  request.set_limit(201);
  EXPECT_THAT(service_.ListUsers(call_, request), ErrorIs(kInvalidField));
  request.set_limit(1);
  request.set_order_by("created_at");
  EXPECT_THAT(service_.ListUsers(call_, request), ErrorIs(kInvalidField));
  request.set_order_by("id");
  const std::string cursor = service_.ListUsers(call_, request)->next();
  request.set_cursor(cursor);
  EXPECT_THAT(service_.ListUsers(call_, request), IsOk());
  request.set_order_by("username");
  EXPECT_THAT(service_.ListUsers(call_, request), ErrorIs(kInvalidField));
  request.set_order_by("id");
  for (const std::string bad : {"", "x", "aWQ6eA"}) {  // "id:x"
    request.set_cursor(bad);
    EXPECT_THAT(service_.ListUsers(call_, request), ErrorIs(kInvalidField)) << bad;
  }
  request.clear_cursor();
  request.set_q(std::string(151, 'x'));
  EXPECT_THAT(service_.ListUsers(call_, request), ErrorIs(kInvalidField));
  v1::GetUserRequest get;
  EXPECT_THAT(service_.GetUser(call_, get), ErrorIs(kInvalidField));
  get.set_id(999);
  EXPECT_THAT(service_.GetUser(call_, get), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

TEST_F(UserAdminServiceTest, ListsTheEventsOfAllUsersAndByUserAndKind) {
  const std::int64_t ann = NewUser("ann");
  const std::int64_t bob = NewUser("bob");
  StoreKey(ann, "spotify");
  for (int i = 0; i < 5; ++i) {
    const AuditEvent event = {.user_id = i % 2 == 0 ? ann : bob,
                              .at = clock_.Now(),
                              .action = v1::AUDIT_ACTION_SIGNED_IN,
                              .by = "user",
                              .request_id = absl::StrCat("r", i)};
    ASSERT_THAT(audit_.Write(call_.deadline, event), IsOk());
  }
  v1::ListAllAuditEventsRequest request;
  request.set_limit(4);
  auto response = service_.ListAllAuditEvents(call_, request);
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->results_size(), 4);
  EXPECT_EQ(response->results(0).event().request_id(), "r4");
  EXPECT_EQ(response->results(0).username(), "ann");
  EXPECT_EQ(response->results(1).username(), "bob");
  request.set_before(response->next());
  response = service_.ListAllAuditEvents(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->results_size(), 2);
  EXPECT_FALSE(response->has_next());
  request.Clear();
  request.set_user_id(bob);
  EXPECT_EQ(service_.ListAllAuditEvents(call_, request)->results_size(), 2);
  request.Clear();
  request.set_action(v1::AUDIT_ACTION_KEY_STORED);
  response = service_.ListAllAuditEvents(call_, request);
  ASSERT_EQ(response->results_size(), 1);
  EXPECT_EQ(response->results(0).event().service_name(), songs::v1::SOURCE_SPOTIFY);
  request.set_user_id(-1);
  EXPECT_THAT(service_.ListAllAuditEvents(call_, request), ErrorIs(kInvalidField));
}

TEST_F(UserAdminServiceTest, LooksUpIdsByPartsAndNamesByIds) {
  const std::int64_t ann = NewUser("Ann");
  const std::int64_t joan = NewUser("joan");
  v1::LookUpUsersRequest request;
  for (const char* part : {"an", "\u00e9", "", "nobody"}) request.add_parts(part);
  for (const std::int64_t id : {ann, std::int64_t{999}, joan}) request.add_ids(id);
  const auto response = service_.LookUpUsers(call_, request);
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->matches_size(), 4);
  EXPECT_THAT(response->matches(0).ids(), ElementsAre(ann, joan));
  EXPECT_FALSE(response->matches(0).capped());
  for (int i = 1; i < 4; ++i) EXPECT_THAT(response->matches(i).ids(), IsEmpty());
  EXPECT_EQ(response->users_size(), 2);
}

TEST_F(UserAdminServiceTest, SaysThatMoreNamesHaveAPartThanItReturns) {
  database_.database().Execute(
      "INSERT INTO auth.users (username, password_hash) SELECT 'user' || n, 'h' FROM "
      "generate_series(1, 1001) AS n");
  v1::LookUpUsersRequest request;
  request.add_parts("user");
  const auto response = service_.LookUpUsers(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_TRUE(response->matches(0).capped());
  EXPECT_EQ(response->matches(0).ids_size(), 1'000);
}

}  // namespace
}  // namespace playlog::auth
