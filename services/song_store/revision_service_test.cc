#include "services/song_store/revision_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/matchers.h"
#include "services/song_store/fake_store.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;

// Accepts the tokens `token of ID`.
class Tokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view token) override {
    jwt::Claims claims;
    if (!token.starts_with("token of ") ||
        !absl::SimpleAtoi(ToAbsl(token.substr(9)), &claims.user_id)) {
      return jwt::InvalidTokenError();
    }
    return claims;
  }
};

class RevisionServiceTest : public ::testing::Test {
 protected:
  void Store(std::int64_t user_id) {
    songs::v1::UpsertSongsRequest request;
    request.set_user_id(user_id);
    request.set_source(songs::v1::SOURCE_SPOTIFY);
    request.set_origin("fetch");
    request.add_plays()->set_title(absl::StrCat("Song ", ++songs_));
    request.mutable_plays(0)->mutable_played_at()->set_seconds(songs_);
    const absl::StatusOr<Batch> batch = MakeBatch(request);
    ASSERT_THAT(batch, IsOk());
    ASSERT_THAT(store_.Upsert(*batch, absl::InfiniteFuture()), IsOk());
  }

  std::vector<std::int64_t> Get(const std::vector<std::string>& tokens) {
    revisions::v1::GetRevisionsRequest request;
    for (const std::string& token : tokens) request.add_tokens(token);
    rpc::Call call;
    const auto response = service_.GetRevisions(call, request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    return {response->revisions().begin(), response->revisions().end()};
  }

  int songs_ = 0;
  FakeSongStore store_;
  Tokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  RevisionService service_{store_, verifier_, dispatcher_};
};

TEST_F(RevisionServiceTest, TellsEachTokensUsersRevisionInTheirOrder) {
  Store(1);
  Store(2);
  Store(2);
  EXPECT_THAT(Get({"token of 2", "token of 3", "token of 1", "token of 2"}),
              ElementsAre(2, 0, 1, 2));
}

TEST_F(RevisionServiceTest, TellsNothingForATokenThatIsNotAccepted) {
  Store(1);
  EXPECT_THAT(Get({"garbage", "token of 1", ""}), ElementsAre(-1, 1, -1));
  EXPECT_THAT(Get({"garbage"}), ElementsAre(-1));
  EXPECT_THAT(Get({}), ElementsAre());
}

TEST_F(RevisionServiceTest, RefusesTooManyTokens) {
  revisions::v1::GetRevisionsRequest request;
  for (int i = 0; i < 65; ++i) request.add_tokens("token of 1");
  rpc::Call call;
  EXPECT_THAT(service_.GetRevisions(call, request), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  request.mutable_tokens()->RemoveLast();
  EXPECT_THAT(service_.GetRevisions(call, request), IsOk());
}

}  // namespace
}  // namespace playlog::song_store
