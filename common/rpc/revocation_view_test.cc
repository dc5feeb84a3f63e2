#include "common/rpc/revocation_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "common/base/error.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::rpc {
namespace {

using playlog::testing::ErrorIs;
using playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::Optional;

jwt::Claims ClaimsOf(std::int64_t user_id, std::int64_t token_version, std::int64_t session_id) {
  jwt::Claims claims;
  claims.user_id = user_id;
  claims.token_version = token_version;
  claims.session_id = session_id;
  return claims;
}

class RevocationViewTest : public ::testing::Test {
 protected:
  // Answers as auth does, a page at a time.
  absl::StatusOr<Revocations> Answer(std::optional<absl::Time> since) {
    asked_.push_back(since);
    if (!available_) return absl::UnavailableError("auth is away");
    Revocations answer{.listed = {}, .as_of = clock_.Now()};
    while (!pending_.empty() && answer.listed.size() < RevocationView::kPageSize) {
      answer.listed.push_back(pending_.back());
      pending_.pop_back();
    }
    return answer;
  }
  void RevokeSession(std::int64_t session_id) {
    pending_.push_back({.user_id = 1, .session_id = session_id, .revoked_at = clock_.Now()});
  }
  void RevokeBelow(std::int64_t user_id, std::int64_t version) {
    pending_.push_back(
        {.user_id = user_id, .minimum_token_version = version, .revoked_at = clock_.Now()});
  }
  // Asks, which makes the view as fresh as can be.
  void Refresh() {
    clock_.Advance(absl::Seconds(1));
    view_.RefreshIfOlderThan(absl::ZeroDuration());
  }
  absl::Status Check(std::int64_t user_id, std::int64_t token_version, std::int64_t session_id) {
    return view_.Check(ClaimsOf(user_id, token_version, session_id));
  }

  playlog::testing::FakeClock clock_;
  bool available_ = true;
  std::vector<Revocation> pending_;
  std::vector<std::optional<absl::Time>> asked_;
  RevocationView view_{[this](std::optional<absl::Time> since) { return Answer(since); }, clock_};
};

TEST_F(RevocationViewTest, RefusesTheTokensOfOneSignIn) {
  RevokeSession(10);
  Refresh();
  EXPECT_THAT(Check(1, 0, 10), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Check(1, 9, 10), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Check(1, 0, 11), IsOk());
}

TEST_F(RevocationViewTest, RefusesTheTokensOfAUserBelowAVersion) {
  RevokeBelow(1, 3);
  RevokeBelow(1, 2);
  Refresh();
  EXPECT_THAT(Check(1, 2, 10), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Check(1, 3, 10), IsOk());
  EXPECT_THAT(Check(2, 0, 10), IsOk());
}

TEST_F(RevocationViewTest, AsksFromTheLastAnswerOn) {
  Refresh();
  const absl::Time first = clock_.Now();
  Refresh();
  EXPECT_THAT(asked_, ElementsAre(std::nullopt, Optional(first)));
}

TEST_F(RevocationViewTest, AsksAtMostOnceASecondAndOnlyIfOld) {
  Refresh();
  view_.RefreshIfOlderThan(absl::ZeroDuration());
  EXPECT_EQ(asked_.size(), 1U);
  clock_.Advance(absl::Seconds(4));
  view_.RefreshIfOlderThan(absl::Seconds(5));
  EXPECT_EQ(asked_.size(), 1U);
  clock_.Advance(absl::Seconds(2));
  view_.RefreshIfOlderThan(absl::Seconds(5));
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(RevocationViewTest, AsksSoonAgainWhileItKnowsNothing) {
  available_ = false;
  view_.RefreshIfOlderThan(absl::ZeroDuration());
  EXPECT_FALSE(view_.IsFresh());
  available_ = true;
  clock_.Advance(absl::Milliseconds(100));
  view_.RefreshIfOlderThan(absl::ZeroDuration());
  EXPECT_TRUE(view_.IsFresh());
}

TEST_F(RevocationViewTest, FailsClosedWhenItIsOld) {
  EXPECT_FALSE(view_.IsFresh());
  EXPECT_THAT(Check(1, 0, 10), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  Refresh();
  available_ = false;
  clock_.Advance(RevocationView::kAgeMax);
  view_.RefreshIfOlderThan(absl::ZeroDuration());
  EXPECT_THAT(Check(1, 0, 10), IsOk());
  Refresh();
  EXPECT_FALSE(view_.IsFresh());
  const absl::Status refused = Check(1, 0, 10);
  EXPECT_THAT(refused, ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_TRUE(RetryAfterOf(refused).has_value());
  available_ = true;
  Refresh();
  EXPECT_THAT(Check(1, 0, 10), IsOk());
}

TEST_F(RevocationViewTest, TrustsNothingAfterTheClockWasSetBack) {
  Refresh();
  clock_.Advance(-absl::Hours(1));
  EXPECT_THAT(Check(1, 0, 10), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  Refresh();
  EXPECT_THAT(Check(1, 0, 10), IsOk());
}

TEST_F(RevocationViewTest, ReadsAllPagesBeforeItIsFresh) {
  for (std::size_t i = 0; i < 2 * RevocationView::kPageSize + 5; ++i) {
    RevokeSession(static_cast<std::int64_t>(i + 1));
  }
  Refresh();
  EXPECT_EQ(asked_.size(), 3U);
  for (const std::size_t i : {std::size_t{1}, 2 * RevocationView::kPageSize + 5}) {
    EXPECT_THAT(Check(1, 0, static_cast<std::int64_t>(i)),
                ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  }
}

TEST_F(RevocationViewTest, ForgetsWhatNoTokenCanFallUnder) {
  RevokeSession(10);
  RevokeBelow(2, 5);
  Refresh();
  clock_.Advance(absl::Minutes(15));
  Refresh();
  EXPECT_THAT(Check(1, 0, 10), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Check(2, 0, 11), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  clock_.Advance(absl::Minutes(2));
  Refresh();
  EXPECT_THAT(Check(1, 0, 10), IsOk());
  EXPECT_THAT(Check(2, 0, 11), IsOk());
}

TEST_F(RevocationViewTest, TakesNoMoreThanFitsAndGetsOld) {
  for (std::size_t i = 0; i <= RevocationView::kKnownMax; ++i) {
    RevokeSession(static_cast<std::int64_t>(i + 1));
  }
  Refresh();
  EXPECT_FALSE(view_.IsFresh());
}

}  // namespace
}  // namespace playlog::rpc
