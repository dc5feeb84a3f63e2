#include "common/ingest/renewal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/ingest/engine.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_profile.h"
#include "common/ingest/fake_store.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kUser = 7;

UpstreamFailure Fail(UpstreamFailure::Kind kind, std::string cause = "test") {
  return {.kind = kind, .cause = std::move(cause), .retry_after = std::nullopt};
}

// A source whose keys end. A page is given for the keys that it takes.
class EndingSource final : public Source {
 public:
  using Renewal = std::variant<RenewedKey, UpstreamFailure>;
  using Hook = std::function<Renewal(const std::string& refresh_token)>;

  const SourceProfile& profile() const override {
    static constexpr SourceProfile kProfile = FakeProfile(songs::v1::SOURCE_SPOTIFY);
    return kProfile;
  }
  absl::Status CheckCredential(const Credential&) const override { return absl::OkStatus(); }
  std::variant<Page, UpstreamFailure> FetchPage(const Credential& credential,
                                                const Question&) override {
    const absl::MutexLock lock(&mutex_);
    const std::string key(credential.key.Reveal());
    keys_.push_back(key);
    if (key == good_key_) return Page();
    return Fail(failure_);
  }
  Renewal Renew(const Secret& refresh_token, const Question&) override {
    const std::string token(refresh_token.Reveal());
    Hook next;
    {
      const absl::MutexLock lock(&mutex_);
      refresh_tokens_.push_back(token);
      if (renewals_.empty()) return Fail(UpstreamFailure::Kind::kTransient);
      next = renewals_.front();
      if (renewals_.size() > 1) renewals_.pop_front();
    }
    return next(token);
  }

  void Take(std::string key) { good_key_ = std::move(key); }
  void RefuseWith(UpstreamFailure::Kind kind) { failure_ = kind; }
  // Given out in order; the last one is repeated for ever.
  void Add(Hook renewal) { renewals_.push_back(std::move(renewal)); }
  void Add(Renewal renewal) {
    Add([renewal = std::move(renewal)](const std::string&) { return renewal; });
  }

  // The keys that pages were asked for with, and the refresh tokens.
  std::vector<std::string> keys() {
    const absl::MutexLock lock(&mutex_);
    return keys_;
  }
  std::vector<std::string> refresh_tokens() {
    const absl::MutexLock lock(&mutex_);
    return refresh_tokens_;
  }

 private:
  absl::Mutex mutex_;
  std::string good_key_;
  UpstreamFailure::Kind failure_ = UpstreamFailure::Kind::kKeyEnded;
  std::deque<Hook> renewals_;
  std::vector<std::string> keys_;
  std::vector<std::string> refresh_tokens_;
};

class RenewalTest : public ::testing::Test {
 protected:
  RenewalTest() {
    call_.deadline = begin_ + absl::Seconds(30);
    Put(absl::Minutes(30));
    source_.Take("new");
  }
  // A signed-in user's key that ends after that time.
  void Put(absl::Duration left) {
    vault_.Put(kUser, {.key = Secret("old"),
                       .account = "",
                       .version = 3,
                       .refresh_token = Secret("r2"),
                       .previous_refresh_token = Secret("r1"),
                       .expires_at = clock_.Now() + left});
  }
  RenewedKey Renewed(const std::string& key, const std::string& refresh_token = "") {
    return {.key = Secret(key),
            .refresh_token = Secret(refresh_token),
            .expires_at = clock_.Now() + absl::Hours(1)};
  }
  absl::StatusOr<Fetched> Fetch() { return engine_.Fetch(call_, kUser, 50); }
  std::string Stored(Secret Credential::*member) {
    return std::string((vault_.credential(kUser).*member).Reveal());
  }
  std::vector<KeyUse> Uses() {
    std::vector<KeyUse> uses;
    for (const FakeKeyVault::Report& report : vault_.reports()) uses.push_back(report.use);
    return uses;
  }

  FakeClock clock_;
  const absl::Time begin_ = clock_.Now();
  EndingSource source_;
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_{clock_};
  rpc::Call call_;
  Engine engine_{source_, vault_, sink_, store_, clock_, [] { return 0.5; }};
};

TEST_F(RenewalTest, AKeyThatLastsIsUsedAsItIs) {
  source_.Take("old");
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
  EXPECT_THAT(vault_.reports(), ElementsAre(FakeKeyVault::Report{kUser, 3, KeyUse::kAccepted}));
}

TEST_F(RenewalTest, AKeyThatEndsSoonIsRenewedBeforeItIsUsed) {
  Put(absl::Seconds(20));
  source_.Add(Renewed("new"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.keys(), ElementsAre("new"));
  EXPECT_THAT(source_.refresh_tokens(), ElementsAre("r2"));
  // No new refresh token came, so the old ones stay.
  EXPECT_EQ(Stored(&Credential::key), "new");
  EXPECT_EQ(Stored(&Credential::refresh_token), "r2");
  EXPECT_EQ(Stored(&Credential::previous_refresh_token), "r1");
  EXPECT_EQ(vault_.credential(kUser).expires_at, begin_ + absl::Hours(1));
  EXPECT_THAT(vault_.reports(), ElementsAre(FakeKeyVault::Report{kUser, 4, KeyUse::kAccepted}));
}

TEST_F(RenewalTest, AKeyThatTheUpstreamCallsEndedIsRenewedOnce) {
  source_.Add(Renewed("new", "r3"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.keys(), ElementsAre("old", "new"));
  EXPECT_EQ(Stored(&Credential::refresh_token), "r3");
  EXPECT_EQ(Stored(&Credential::previous_refresh_token), "r2");
}

TEST_F(RenewalTest, ARenewedKeyThatIsRefusedTooIsTheUsersToRepair) {
  source_.Add(Renewed("no better"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_THAT(source_.keys(), ElementsAre("old", "no better"));
  EXPECT_THAT(source_.refresh_tokens(), SizeIs(1));
  EXPECT_THAT(vault_.reports(), ElementsAre(FakeKeyVault::Report{kUser, 4, KeyUse::kRejected}));
}

TEST_F(RenewalTest, APastedKeyIsNeverRenewed) {
  vault_.Put(kUser, {.key = Secret("old"), .account = "", .version = 1});
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
  EXPECT_THAT(Uses(), ElementsAre(KeyUse::kRejected));
}

TEST_F(RenewalTest, ARefusalThatNoRenewalHelpsIsNotFollowedByOne) {
  source_.RefuseWith(UpstreamFailure::Kind::kRejected);
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
}

// The refresh token that was stored may have been lost on its way to us before.
TEST_F(RenewalTest, ThePreviousRefreshTokenIsTriedOnce) {
  source_.Add(Fail(UpstreamFailure::Kind::kRejected));
  source_.Add(Renewed("new", "r3"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.refresh_tokens(), ElementsAre("r2", "r1"));
  EXPECT_EQ(Stored(&Credential::refresh_token), "r3");
  EXPECT_EQ(Stored(&Credential::previous_refresh_token), "r1");
}

TEST_F(RenewalTest, AnAcceptedPreviousRefreshTokenBecomesTheOnlyOne) {
  source_.Add(Fail(UpstreamFailure::Kind::kRejected));
  source_.Add(Renewed("new"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_EQ(Stored(&Credential::refresh_token), "r1");
  EXPECT_EQ(Stored(&Credential::previous_refresh_token), "");
}

TEST_F(RenewalTest, ARefusedGrantIsReportedAndNothingIsChanged) {
  source_.Add(Fail(UpstreamFailure::Kind::kRejected));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_THAT(source_.refresh_tokens(), ElementsAre("r2", "r1"));
  EXPECT_THAT(vault_.reports(),
              ElementsAre(FakeKeyVault::Report{kUser, 3, KeyUse::kGrantRejected}));
  EXPECT_EQ(Stored(&Credential::key), "old");
  // The next fetch tries again at once: the claim was given back.
  const absl::Time before = clock_.Now();
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_EQ(clock_.Now(), before);
}

TEST_F(RenewalTest, AnOutageIsAnsweredAsOneAndReportsNothing) {
  source_.Add(Fail(UpstreamFailure::Kind::kTransient, "http_503"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_THAT(source_.refresh_tokens(), ElementsAre("r2", "r2", "r2"));
  EXPECT_THAT(vault_.reports(), IsEmpty());
}

TEST_F(RenewalTest, AHangingAccountsServiceIsAnOutage) {
  source_.Add([this](const std::string&) {
    clock_.Advance(absl::Seconds(8));
    return Fail(UpstreamFailure::Kind::kTransient, "timeout");
  });
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_THAT(source_.refresh_tokens(), SizeIs(1));
}

TEST_F(RenewalTest, OurOwnWrongRegistrationIsNoUsersFault) {
  source_.Add(Fail(UpstreamFailure::Kind::kUnusable, "invalid_client"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_THAT(source_.refresh_tokens(), SizeIs(1));
  EXPECT_THAT(vault_.reports(), IsEmpty());
}

TEST_F(RenewalTest, AKeyThatStillWorksIsUsedDuringAnOutage) {
  Put(absl::Seconds(20));
  source_.Take("old");
  source_.Add(Fail(UpstreamFailure::Kind::kTransient, "http_503"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.keys(), ElementsAre("old"));
  EXPECT_LE(clock_.Now(), begin_ + absl::Seconds(3));
}

TEST_F(RenewalTest, AKeyThatHasEndedIsNotTriedDuringAnOutage) {
  Put(absl::Seconds(-1));
  source_.Add(Fail(UpstreamFailure::Kind::kTransient, "http_503"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_THAT(source_.keys(), IsEmpty());
}

TEST_F(RenewalTest, ARateLimitOfTheAccountsServiceBindsAllWhoSignedIn) {
  UpstreamFailure limited = Fail(UpstreamFailure::Kind::kRateLimited);
  limited.retry_after = absl::Hours(1);
  source_.Add(limited);
  const auto fetched = Fetch();
  EXPECT_THAT(fetched, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(fetched.status()), absl::Hours(1));
  EXPECT_THAT(store_.RateLimitedUntil(kAllSignedIn, 0, begin_),
              IsOkAndHolds(begin_ + absl::Hours(1)));
  vault_.Put(8, {.key = Secret("k"), .account = "", .version = 1, .refresh_token = Secret("r")});
  EXPECT_THAT(engine_.Fetch(call_, 8, 50), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_THAT(source_.refresh_tokens(), SizeIs(1));
}

TEST_F(RenewalTest, ARenewedKeyIsSavedEvenIfThatTakesSeveralTries) {
  source_.Add(Renewed("new", "r3"));
  vault_.FailNextSave(absl::UnavailableError("away"));
  vault_.FailNextSave(Error(errors::v1::ERROR_CODE_OVERLOADED, "busy"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_EQ(Stored(&Credential::refresh_token), "r3");
  EXPECT_THAT(source_.refresh_tokens(), SizeIs(1));
}

TEST_F(RenewalTest, ARenewedKeyThatIsNotSavedIsNotUsed) {
  source_.Add(Renewed("new", "r3"));
  vault_.FailNextSave(Error(errors::v1::ERROR_CODE_INTERNAL, "broken"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_THAT(source_.keys(), ElementsAre("old"));
}

TEST_F(RenewalTest, ARenewedKeyIsSavedThoughTheCallerHasGone) {
  bool gone = false;
  call_.cancelled = [&gone] { return gone; };
  source_.Add([&](const std::string&) {
    gone = true;
    return Renewed("new", "r3");
  });
  EXPECT_FALSE(Fetch().ok());
  EXPECT_EQ(Stored(&Credential::refresh_token), "r3");
}

TEST_F(RenewalTest, AKeyThatTheUserReplacedMeanwhileIsNotOverwritten) {
  source_.Add([&](const std::string&) {
    vault_.Put(kUser, {.key = Secret("pasted"), .account = "", .version = 9});
    return Renewed("new", "r3");
  });
  source_.Take("pasted");
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.keys(), ElementsAre("old", "pasted"));
  EXPECT_EQ(Stored(&Credential::key), "pasted");
}

TEST_F(RenewalTest, AKeyThatAnotherProcessRenewedIsUsedWithoutAsking) {
  const Credential ended = vault_.credential(kUser);
  vault_.Put(kUser, {.key = Secret("new"),
                     .account = "",
                     .version = 4,
                     .refresh_token = Secret("r3"),
                     .previous_refresh_token = Secret("r2"),
                     .expires_at = clock_.Now() + absl::Hours(1)});
  Budget budget(nullptr, source_.profile(), {}, clock_);
  Renewer renewer({source_, vault_, store_, budget, clock_, [] { return 0.5; }});
  const auto renewed = renewer.Renew(call_, kUser, ended, begin_ + absl::Seconds(20));
  ASSERT_THAT(renewed, IsOk());
  EXPECT_EQ(renewed->version, 4);
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
}

TEST_F(RenewalTest, AClaimThatADeadProcessLeftEndsByItself) {
  ASSERT_THAT(store_.ClaimRenewal(kUser, "dead", absl::Seconds(15), begin_), IsOkAndHolds(true));
  source_.Add(Renewed("new"));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_GE(clock_.Now(), begin_ + absl::Seconds(15));
  EXPECT_LT(clock_.Now(), begin_ + absl::Seconds(16));
}

TEST_F(RenewalTest, WhoeverWaitsForAClaimWaitsNoLongerThanItsDeadline) {
  ASSERT_THAT(store_.ClaimRenewal(kUser, "slow", absl::Minutes(5), begin_), IsOkAndHolds(true));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  EXPECT_LE(clock_.Now(), call_.deadline);
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
}

// Without the claim two processes could spend one refresh token.
TEST_F(RenewalTest, NothingIsRenewedWhileTheStoreIsAway) {
  store_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
}

TEST_F(RenewalTest, ADeletedKeyIsMissing) {
  const Credential ended = vault_.credential(kUser);
  vault_.FailNextSave(Error(errors::v1::ERROR_CODE_NOT_FOUND, "gone"));
  source_.Add(Renewed("new", "r3"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_KEY_MISSING));
}

// Several processes with engines of their own share the vault and the store.
TEST_F(RenewalTest, ManyAtOnceRenewOnce) {
  Put(absl::Seconds(-1));
  absl::Notification asked;
  source_.Add([&](const std::string&) -> EndingSource::Renewal {
    asked.WaitForNotification();
    return RenewedKey{.key = Secret("new"),
                      .refresh_token = Secret("r3"),
                      .expires_at = absl::Now() + absl::Hours(1)};
  });
  source_.Add(Fail(UpstreamFailure::Kind::kRejected));
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<absl::StatusOr<Fetched>> results(8, InternalError("did not run"));
  std::vector<std::thread> threads;
  // The machine's clock, since the others wait while one asks.
  FakeStore store;
  for (std::size_t i = 0; i < results.size(); ++i) {
    engines.push_back(std::make_unique<Engine>(source_, vault_, sink_, store, Clock::System()));
    threads.emplace_back([&, i] { results[i] = engines[i]->Fetch(rpc::Call{}, kUser, 50); });
  }
  while (source_.refresh_tokens().empty()) std::this_thread::yield();
  asked.Notify();
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_THAT(result, IsOk());
  EXPECT_THAT(source_.refresh_tokens(), ElementsAre("r2"));
  EXPECT_EQ(Stored(&Credential::refresh_token), "r3");
}

class ReportTest : public RenewalTest {
 protected:
  ReportTest() { source_.Take("old"); }
  void PutKnown(bool good, absl::Duration since_success) {
    vault_.Put(kUser, {.key = Secret("old"),
                       .account = "",
                       .version = 3,
                       .known_good = good,
                       .last_success_at = clock_.Now() - since_success});
  }
};

TEST_F(ReportTest, ASuccessIsReportedWhenItTellsSomethingNew) {
  PutKnown(true, absl::Minutes(4));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Uses(), IsEmpty());
  PutKnown(true, absl::Minutes(6));
  EXPECT_THAT(Fetch(), IsOk());
  PutKnown(false, absl::Minutes(1));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(Uses(), ElementsAre(KeyUse::kAccepted, KeyUse::kAccepted));
}

class TryKeyTest : public RenewalTest {
 protected:
  TryKeyTest() { vault_.Put(kUser, {.key = Secret("old"), .account = "", .version = 1}); }
  absl::StatusOr<std::optional<bool>> TryKey() { return engine_.TryKey(call_, kUser); }
};

TEST_F(TryKeyTest, SaysThatTheUpstreamTakesTheKeyAndStoresNothing) {
  source_.Take("old");
  EXPECT_THAT(TryKey(), IsOkAndHolds(::testing::Optional(true)));
  EXPECT_THAT(source_.keys(), ElementsAre("old"));
  EXPECT_THAT(sink_.plays(kUser), IsEmpty());
  EXPECT_THAT(vault_.reports(), IsEmpty());
}

TEST_F(TryKeyTest, SaysThatTheUpstreamRefusesTheKey) {
  EXPECT_THAT(TryKey(), IsOkAndHolds(::testing::Optional(false)));
  source_.RefuseWith(UpstreamFailure::Kind::kRejected);
  EXPECT_THAT(TryKey(), IsOkAndHolds(::testing::Optional(false)));
}

TEST_F(TryKeyTest, SaysNothingWithoutAUsableAnswerAfterOneTry) {
  source_.RefuseWith(UpstreamFailure::Kind::kTransient);
  EXPECT_THAT(TryKey(), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(source_.keys(), SizeIs(1));
  EXPECT_EQ(clock_.Now(), begin_);
}

TEST_F(TryKeyTest, RespectsAndRemembersARateLimit) {
  source_.RefuseWith(UpstreamFailure::Kind::kRateLimited);
  EXPECT_THAT(TryKey(), IsOkAndHolds(std::nullopt));
  source_.Take("old");
  EXPECT_THAT(TryKey(), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(source_.keys(), SizeIs(1));
}

TEST_F(TryKeyTest, SaysNothingAboutAKeyThatOnlyWantsRenewal) {
  Put(absl::Minutes(30));
  EXPECT_THAT(TryKey(), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(source_.refresh_tokens(), IsEmpty());
}

TEST_F(TryKeyTest, SaysNothingWithoutAKey) {
  EXPECT_THAT(engine_.TryKey(call_, 8), IsOkAndHolds(std::nullopt));
  vault_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(TryKey(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

}  // namespace
}  // namespace playlog::ingest
