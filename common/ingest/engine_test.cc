#include "common/ingest/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <stdexcept>
#include <thread>

#include "absl/synchronization/notification.h"
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
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Answer = std::variant<Page, UpstreamFailure>;

constexpr std::int64_t kUser = 7;

songs::v1::Play MakePlay(const std::string& title, std::int64_t seconds = 1'700'000'000) {
  songs::v1::Play play;
  play.set_title(title);
  SetPlayedAt(absl::FromUnixSeconds(seconds), play);
  return play;
}

Page MakePage(const std::vector<std::string>& titles) {
  Page page;
  for (const std::string& title : titles) page.plays.push_back(MakePlay(title));
  return page;
}

UpstreamFailure Fail(UpstreamFailure::Kind kind,
                     std::optional<absl::Duration> retry_after = std::nullopt) {
  return {.kind = kind, .cause = "test", .retry_after = retry_after};
}

constexpr auto kTransient = UpstreamFailure::Kind::kTransient;
constexpr auto kRejected = UpstreamFailure::Kind::kRejected;
constexpr auto kRateLimited = UpstreamFailure::Kind::kRateLimited;
constexpr auto kUnusable = UpstreamFailure::Kind::kUnusable;

// A source whose answers are given out in order; the last one is repeated for ever.
class FakeSource final : public Source {
 public:
  using Try = std::function<Answer(absl::Time deadline)>;

  explicit FakeSource(FakeClock& clock) : clock_(clock) {}
  const SourceProfile& profile() const override {
    static constexpr SourceProfile kProfile = FakeProfile(songs::v1::SOURCE_SPOTIFY);
    return kProfile;
  }
  absl::Status CheckCredential(const Credential& credential) const override {
    if (credential.account != "nobody") return absl::OkStatus();
    return Error(errors::v1::ERROR_CODE_LASTFM_USERNAME_MISSING, "no name");
  }
  Answer FetchPage(const Credential&, const Question& question) override {
    Try next;
    {
      const absl::MutexLock lock(&mutex_);
      times_.push_back(clock_.Now());
      next = tries_.front();
      if (tries_.size() > 1) tries_.pop_front();
    }
    return next(question.deadline);
  }
  void Add(Answer answer) {
    Add([answer = std::move(answer)](absl::Time) { return answer; });
  }
  void Add(Try next) {
    const absl::MutexLock lock(&mutex_);
    tries_.push_back(std::move(next));
  }
  // Uses up the time of a try as a server that hangs does.
  void AddHang() {
    Add([this](absl::Time deadline) {
      clock_.Advance(std::min(absl::Seconds(10), deadline - clock_.Now() - absl::Milliseconds(1)));
      return Fail(kTransient);
    });
  }
  std::vector<absl::Time> times() {
    const absl::MutexLock lock(&mutex_);
    return times_;
  }

 private:
  FakeClock& clock_;
  absl::Mutex mutex_;
  std::deque<Try> tries_;
  std::vector<absl::Time> times_;
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    vault_.Put(kUser, Credential{.key = Secret("k"), .account = "ada", .version = 1});
    call_.deadline = begin_ + absl::Seconds(30);
  }
  absl::StatusOr<Fetched> Fetch(int limit = 50) { return engine_.Fetch(call_, kUser, limit); }

  FakeClock clock_;
  const absl::Time begin_ = clock_.Now();
  FakeSource source_{clock_};
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_;
  rpc::Call call_;
  Engine engine_{source_, vault_, sink_, store_, clock_, [] { return 0.5; }};
};

TEST_F(EngineTest, StoresBeforeItAnswers) {
  source_.Add(MakePage({"a", "b"}));
  const absl::StatusOr<Fetched> fetched = Fetch();
  ASSERT_THAT(fetched, IsOk());
  EXPECT_EQ(fetched->account, "ada");
  EXPECT_THAT(fetched->plays, SizeIs(2));
  EXPECT_THAT(sink_.plays(kUser), SizeIs(2));
  EXPECT_EQ(clock_.Now(), begin_);
}

TEST_F(EngineTest, AnswersEachPlayOnceAndNoMoreThanTheLimit) {
  source_.Add(MakePage({"a", "a", "b", "c"}));
  const absl::StatusOr<Fetched> fetched = Fetch(2);
  ASSERT_THAT(fetched, IsOk());
  ASSERT_THAT(fetched->plays, SizeIs(2));
  EXPECT_EQ(fetched->plays[0].title(), "a");
  EXPECT_EQ(fetched->plays[1].title(), "b");
}

TEST_F(EngineTest, CountsWhatThePageHeldAndWhatWasNewOfIt) {
  Page page = MakePage({"a", "b"});
  page.rejected.push_back({"title_missing", "{}"});
  source_.Add(page);
  source_.Add(MakePage({"a", "b", "c"}));
  const absl::StatusOr<Fetched> first = Fetch();
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->items, 3u);
  EXPECT_EQ(first->counts, (StoreCounts{.inserted = 2}));
  const absl::StatusOr<Fetched> second = Fetch();
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->counts, (StoreCounts{.inserted = 1, .unchanged = 2}));
}

TEST_F(EngineTest, SaysWhetherAPersonOrTheBackgroundBroughtThePlays) {
  source_.Add(MakePage({"a"}));
  source_.Add(MakePage({"b"}));
  ASSERT_THAT(engine_.Fetch(call_, kUser, 50, Priority::kBackground), IsOk());
  EXPECT_THAT(sink_.origins(kUser), ElementsAre(kSyncOrigin));
  ASSERT_THAT(Fetch(), IsOk());
  EXPECT_THAT(sink_.origins(kUser), ElementsAre(kFetchOrigin, kSyncOrigin));
}

TEST_F(EngineTest, TellsOfWhatAPersonFetchedOnceItIsStored) {
  std::vector<int> told;
  EngineOptions options;
  options.on_own_fetch = [&](std::int64_t user_id, int limit, const Fetched& fetched) {
    EXPECT_EQ(user_id, kUser);
    EXPECT_THAT(sink_.plays(kUser), SizeIs(fetched.plays.size()));
    told.push_back(limit);
  };
  Engine engine(
      source_, vault_, sink_, store_, clock_, [] { return 0.5; }, options);
  source_.Add(MakePage({"a"}));
  source_.Add(Fail(kRejected));
  EXPECT_THAT(engine.Fetch(call_, kUser, 20), IsOk());
  EXPECT_THAT(engine.Fetch(call_, kUser, 30), ::testing::Not(IsOk()));
  EXPECT_THAT(engine.Fetch(call_, kUser, 40, Priority::kBackground), ::testing::Not(IsOk()));
  EXPECT_THAT(told, ElementsAre(20));
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(engine.Fetch(call_, kUser, 50), ::testing::Not(IsOk()));
  EXPECT_THAT(engine.Fetch(call_, kUser, 60, Priority::kBackground), IsOk());
  EXPECT_THAT(told, ElementsAre(20));
}

TEST_F(EngineTest, TriesATransientFaultThreeTimesWithGrowingPauses) {
  source_.Add(Fail(kTransient));
  source_.Add(Fail(kTransient));
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(source_.times(), ElementsAre(begin_, begin_ + absl::Milliseconds(400),
                                           begin_ + absl::Milliseconds(1200)));
}

TEST_F(EngineTest, GivesUpAfterTheThirdTry) {
  source_.Add(Fail(kTransient));
  const absl::StatusOr<Fetched> fetched = Fetch();
  EXPECT_THAT(fetched, ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_EQ(fetched.status().message(), "It failed");
  EXPECT_THAT(source_.times(), SizeIs(3));
  EXPECT_THAT(sink_.plays(kUser), IsEmpty());
}

TEST_F(EngineTest, DoesNotTryAgainWhatIsRejectedOrUnusable) {
  source_.Add(Fail(kRejected));
  const absl::StatusOr<Fetched> rejected = Fetch();
  EXPECT_THAT(rejected, ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_EQ(DetailOf(rejected.status()), "Add another");
  source_.Add(Fail(kUnusable));
  source_.Add(Fail(kUnusable));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_THAT(source_.times(), SizeIs(3));
}

TEST_F(EngineTest, AnswersBeforeTheDeadlineOfTheCallWhenTheUpstreamHangs) {
  source_.AddHang();
  const absl::StatusOr<Fetched> fetched = Fetch();
  EXPECT_THAT(fetched, ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  EXPECT_EQ(fetched.status().message(), "It failed");
  EXPECT_THAT(source_.times(), SizeIs(3));
  EXPECT_LT(clock_.Now(), call_.deadline);
  EXPECT_GT(clock_.Now(), call_.deadline - absl::Seconds(4));
}

TEST_F(EngineTest, EndsWithin30SecondsThoughTheCallerWouldWaitForEver) {
  call_.deadline = absl::InfiniteFuture();
  source_.AddHang();
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  EXPECT_LT(clock_.Now() - begin_, absl::Seconds(30));
}

TEST_F(EngineTest, WaitsOutARateLimitThatFits) {
  source_.Add(Fail(kRateLimited, absl::Seconds(3)));
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(Fetch(), IsOk());
  ASSERT_THAT(source_.times(), SizeIs(2));
  EXPECT_GE(source_.times()[1] - begin_, absl::Seconds(3));
  EXPECT_LE(source_.times()[1] - begin_, absl::Milliseconds(3750));
}

TEST_F(EngineTest, HandsOnARateLimitThatDoesNotFitAndCallsNoMoreUntilThen) {
  source_.Add(Fail(kRateLimited, absl::Seconds(86'400)));
  source_.Add(MakePage({"a"}));
  const absl::StatusOr<Fetched> limited = Fetch();
  EXPECT_THAT(limited, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(limited.status().message(), "It failed");
  EXPECT_EQ(RetryAfterOf(limited.status()), absl::Seconds(86'400));

  clock_.Advance(absl::Seconds(400));
  call_.deadline = clock_.Now() + absl::Seconds(30);
  const absl::StatusOr<Fetched> again = Fetch();
  EXPECT_THAT(again, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(again.status()), absl::Seconds(86'000));
  EXPECT_THAT(source_.times(), SizeIs(1));

  clock_.Advance(absl::Seconds(86'000));
  call_.deadline = clock_.Now() + absl::Seconds(30);
  EXPECT_THAT(Fetch(), IsOk());
}

TEST_F(EngineTest, ForgetsTheRateLimitOfAKeyThatWasReplaced) {
  source_.Add(Fail(kRateLimited, absl::Seconds(86'400)));
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  vault_.Put(kUser, Credential{.key = Secret("new"), .account = "ada", .version = 2});
  EXPECT_THAT(Fetch(), IsOk());
}

TEST_F(EngineTest, WaitsOutAKnownRateLimitThatFits) {
  ASSERT_THAT(store_.NoteRateLimit(kUser, 1, begin_ + absl::Seconds(5), absl::InfiniteFuture()),
              IsOk());
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(Fetch(), IsOk());
  // With half of the jitter.
  EXPECT_THAT(source_.times(), ElementsAre(begin_ + absl::Milliseconds(5625)));
}

TEST_F(EngineTest, TakesThirtySecondsAndJitterForARateLimitThatSaysNothing) {
  source_.Add(Fail(kRateLimited));
  const absl::StatusOr<Fetched> limited = Fetch();
  EXPECT_THAT(limited, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(limited.status()), absl::Seconds(32));  // 31.5 s, in whole seconds.
  EXPECT_THAT(source_.times(), SizeIs(1));
}

TEST_F(EngineTest, AsksARateLimitedUpstreamThreeTimesAtMost) {
  source_.Add(Fail(kRateLimited, absl::Seconds(1)));
  const absl::StatusOr<Fetched> limited = Fetch();
  EXPECT_THAT(limited, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(RetryAfterOf(limited.status()), absl::Seconds(1));
  EXPECT_THAT(source_.times(), SizeIs(3));
}

TEST_F(EngineTest, CountsRateLimitsAndFaultsApart) {
  source_.Add(Fail(kTransient));
  source_.Add(Fail(kRateLimited, absl::Seconds(1)));
  source_.Add(Fail(kTransient));
  source_.Add(Fail(kRateLimited, absl::Seconds(1)));
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(Fetch(), IsOk());
}

TEST_F(EngineTest, SaysWhichKeyIsMissing) {
  const absl::StatusOr<Fetched> missing = engine_.Fetch(call_, 8, 50);
  EXPECT_THAT(missing, ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_KEY_MISSING));
  EXPECT_EQ(missing.status().message(), "No key");
  EXPECT_EQ(DetailOf(missing.status()), "Add one");
  vault_.Put(9, Credential{.key = Secret("k"), .account = "nobody"});
  EXPECT_THAT(engine_.Fetch(call_, 9, 50), ErrorIs(errors::v1::ERROR_CODE_LASTFM_USERNAME_MISSING));
  EXPECT_THAT(source_.times(), IsEmpty());
}

TEST_F(EngineTest, PassesOnWhatTheNeighboursSay) {
  source_.Add(MakePage({"a"}));
  sink_.FailWith(Error(errors::v1::ERROR_CODE_OVERLOADED, "busy"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_OVERLOADED));
  vault_.FailWith(absl::UnavailableError("away"));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(EngineTest, RecordsRejectedItemsAndAnswersTheOthers) {
  Page page = MakePage({"a"});
  page.rejected.push_back({"title_missing", "{}"});
  source_.Add(page);
  EXPECT_THAT(Fetch(), IsOk());
  ASSERT_THAT(store_.rejected(kUser), SizeIs(1));
  EXPECT_EQ(store_.rejected(kUser)[0].item.reason, "title_missing");
  EXPECT_EQ(store_.rejected(kUser)[0].source, "spotify");
}

TEST_F(EngineTest, CallsNobodyWhileNoRateLimitCanBeKnown) {
  store_.FailWith(absl::UnavailableError("away"));
  source_.Add(MakePage({"a"}));
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_THAT(source_.times(), IsEmpty());
}

TEST_F(EngineTest, KeepsWhatWasFetchedThoughItsOwnStoreGoesAway) {
  Page page = MakePage({"a"});
  page.rejected.push_back({"title_missing", "{}"});
  source_.Add([&](absl::Time) {
    store_.FailWith(absl::UnavailableError("away"));
    return page;
  });
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(sink_.plays(kUser), SizeIs(1));
}

TEST_F(EngineTest, StopsTryingWhenTheCallerHasGone) {
  call_.cancelled = [] { return true; };
  source_.Add(Fail(kTransient));
  EXPECT_FALSE(Fetch().ok());
  EXPECT_THAT(source_.times(), IsEmpty());
}

TEST_F(EngineTest, StoresWhatWasFetchedThoughTheCallerHasGone) {
  bool gone = false;
  call_.cancelled = [&gone] { return gone; };
  source_.Add([&gone](absl::Time) {
    gone = true;
    return MakePage({"a"});
  });
  EXPECT_THAT(Fetch(), IsOk());
  EXPECT_THAT(sink_.plays(kUser), SizeIs(1));
}

// Runs fetches of one user at once: the first is inside the upstream's answer until the others
// have joined it.
class JoinTest : public EngineTest {
 protected:
  std::vector<absl::StatusOr<Fetched>> FetchTogether(const std::vector<int>& limits) {
    std::vector<absl::StatusOr<Fetched>> results(limits.size(), InternalError("did not run"));
    absl::Notification asked;
    absl::Notification joined;
    source_.Add([&](absl::Time) {
      asked.Notify();
      joined.WaitForNotification();
      return first_answer_;
    });
    source_.Add(MakePage({"a", "b", "c"}));
    std::vector<std::thread> threads;
    std::vector<rpc::Call> calls(limits.size(), call_);
    for (std::size_t i = 0; i < limits.size(); ++i) {
      threads.emplace_back([&, i] { results[i] = engine_.Fetch(calls[i], kUser, limits[i]); });
      if (i == 0) asked.WaitForNotification();
    }
    while (engine_.WaitingCallers(kUser) < static_cast<int>(limits.size())) {
      std::this_thread::yield();
    }
    joined.Notify();
    for (std::thread& thread : threads) thread.join();
    return results;
  }
  Answer first_answer_ = MakePage({"a", "b"});
};

TEST_F(JoinTest, OneUpstreamCallServesAllWhoAskAtOnce) {
  for (const auto& result : FetchTogether({50, 50, 1})) {
    ASSERT_THAT(result, IsOk());
  }
  EXPECT_THAT(source_.times(), SizeIs(1));
  EXPECT_THAT(sink_.plays(kUser), SizeIs(2));
}

TEST_F(JoinTest, GivesEachCallerNoMoreThanItsLimit) {
  const auto results = FetchTogether({50, 1});
  ASSERT_THAT(results[1], IsOk());
  EXPECT_THAT(results[1]->plays, SizeIs(1));
}

TEST_F(JoinTest, FetchesAgainForACallerThatWantsMore) {
  const auto results = FetchTogether({2, 3});
  ASSERT_THAT(results[1], IsOk());
  EXPECT_THAT(results[1]->plays, SizeIs(3));
  EXPECT_THAT(source_.times(), SizeIs(2));
}

TEST_F(JoinTest, SharesAFailure) {
  first_answer_ = Fail(kRejected);
  for (const auto& result : FetchTogether({50, 50})) {
    EXPECT_THAT(result, ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  }
  EXPECT_THAT(source_.times(), SizeIs(1));
}

TEST_F(EngineTest, LetsTheNextFetchBeginAfterOneThatThrew) {
  source_.Add([](absl::Time) -> Answer { throw std::runtime_error("test"); });
  source_.Add(MakePage({"a"}));
  EXPECT_THROW(static_cast<void>(Fetch()), std::runtime_error);
  EXPECT_THAT(Fetch(), IsOk());
}

}  // namespace
}  // namespace playlog::ingest
