#include "common/ingest/sync_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/ingest/fake_coverage_store.h"
#include "common/ingest/fake_history_source.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_store.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::FakeClock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

constexpr std::int64_t kUser = 7;
constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::int64_t kDay = 24 * 60 * 60;

class SyncRunTest : public ::testing::Test {
 protected:
  explicit SyncRunTest(bool tells_past) : source_(tells_past) {
    vault_.Put(kUser, Credential{.key = Secret("k"), .account = "ada", .version = 1});
    call_.request_id = "sync-1";
  }

  FinishedRun Run() {
    call_.deadline = clock_.Now() + absl::Seconds(30);
    std::optional<FinishedRun> run = run_.Run(call_, user_);
    EXPECT_TRUE(run.has_value());
    if (!run.has_value()) return {};
    user_.progress = run->record.progress;
    user_.failures = run->record.succeeded ? 0 : user_.failures + 1;
    return *run;
  }
  // The times of what is stored.
  std::set<std::int64_t> Stored() {
    std::set<std::int64_t> seconds;
    for (const songs::v1::Play& play : sink_.plays(kUser)) {
      seconds.insert(absl::ToUnixSeconds(PlayedAtOf(play)));
    }
    return seconds;
  }
  void AddPlays(std::int64_t from, int count, std::int64_t apart) {
    for (int i = 0; i < count; ++i) source_.Add(from + i * apart);
  }
  SyncRunParts Parts() {
    return {.engine = engine_,
            .profile = source_.profile(),
            .sink = sink_,
            .clock = clock_,
            .coverage = &coverage_,
            .random = [] { return 0.0; }};
  }
  // What is known to be whole.
  KnownCoverage Covered() {
    return (*coverages_.LoadCoverage(kUser, absl::InfiniteFuture())).value_or(KnownCoverage());
  }
  void Reject() { source_.FailWith({{.kind = UpstreamFailure::Kind::kRejected, .cause = "t"}}); }

  FakeClock clock_{absl::FromUnixSeconds(kNow)};
  FakeHistorySource source_;
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_{clock_};
  Engine engine_{source_, vault_, sink_, store_, clock_, [] { return 0.0; }};
  FakeCoverageStore coverages_;
  CoverageRecorder coverage_{coverages_};
  SyncRun run_{Parts(), SyncRunOptionsFor(source_.profile(), 1)};
  rpc::Call call_;
  ClaimedUser user_{.user_id = kUser, .holder = "a"};
};

class WindowSyncTest : public SyncRunTest {
 protected:
  WindowSyncTest() : SyncRunTest(/*tells_past=*/false) {}
};

class PastSyncTest : public SyncRunTest {
 protected:
  PastSyncTest() : SyncRunTest(/*tells_past=*/true) {}
  // Runs once with nothing to compare, so that the next runs need not.
  void Settle() {
    user_.progress.compared_at = clock_.Now();
    Run();
  }
};

TEST_F(WindowSyncTest, AsksForTheWholeWindowEachTime) {
  AddPlays(kNow - 6000, 60, 100);
  const FinishedRun first = Run();
  EXPECT_EQ(first.outcome, RunOutcome::kOk);
  EXPECT_TRUE(first.record.succeeded);
  EXPECT_EQ(first.record.plays_added, 50);
  EXPECT_EQ(first.record.key, RunRecord::Key::kOk);
  EXPECT_EQ(first.record.error, std::nullopt);
  // One that shows up late, before others that are known.
  source_.Add(kNow - 550);
  EXPECT_EQ(Run().record.plays_added, 1);
  EXPECT_TRUE(Stored().contains(kNow - 550));
  for (const Question& question : source_.questions()) {
    EXPECT_EQ(question.limit, 50);
    EXPECT_EQ(question.page, 1);
    EXPECT_EQ(question.span.from, absl::InfinitePast());
    EXPECT_EQ(question.span.to, absl::InfiniteFuture());
  }
  EXPECT_THAT(source_.questions(), SizeIs(2));
  EXPECT_THAT(sink_.origins(kUser), ElementsAre("sync"));
  EXPECT_EQ(user_.progress.watermark, std::nullopt);
}

TEST_F(WindowSyncTest, FollowsHowTheUserPlays) {
  source_.Add(kNow - 60);
  const FinishedRun run = Run();
  EXPECT_EQ(run.record.next_run_in, run.record.progress.interval);
  EXPECT_EQ(run.record.progress.interval,
            PauseAfterSuccess(run.record.progress.rhythm, clock_.Now(), 0.0, WindowPolling(50)));
  EXPECT_THAT(run.record.progress.rhythm.newest_play_at,
              Optional(absl::FromUnixSeconds(kNow - 60)));
  SyncRun fast(Parts(), SyncRunOptionsFor(source_.profile(), 100));
  EXPECT_EQ(fast.Run(call_, user_)->record.next_run_in, run.record.next_run_in / 100);
}

TEST_F(WindowSyncTest, AsksAKeyThatWasRefusedSeldomAndSaysSo) {
  Reject();
  const FinishedRun first = Run();
  EXPECT_EQ(first.outcome, RunOutcome::kRefused);
  EXPECT_FALSE(first.record.succeeded);
  EXPECT_EQ(first.record.key, RunRecord::Key::kRejected);
  EXPECT_THAT(first.record.error, Optional(std::string("It failed. Add another")));
  EXPECT_EQ(first.record.next_run_in, absl::Hours(1));
  EXPECT_EQ(Run().record.next_run_in, absl::Hours(2));
  for (int i = 0; i < 100; ++i) Run();
  EXPECT_EQ(Run().record.next_run_in, absl::Hours(12));
}

TEST_F(WindowSyncTest, SaysThatThereIsNoKey) {
  vault_.Remove(kUser);
  const FinishedRun run = Run();
  EXPECT_EQ(run.outcome, RunOutcome::kRefused);
  EXPECT_EQ(run.record.key, RunRecord::Key::kMissing);
  EXPECT_THAT(run.record.error, Optional(std::string("No key. Add one")));
  EXPECT_THAT(source_.questions(), IsEmpty());
}

TEST_F(WindowSyncTest, ComesBackAfterAFaultWithPausesThatGrow) {
  source_.FailWith({{.kind = UpstreamFailure::Kind::kTransient, .cause = "t"}});
  const FinishedRun first = Run();
  EXPECT_EQ(first.outcome, RunOutcome::kFailed);
  EXPECT_EQ(first.record.key, RunRecord::Key::kUnchanged);
  EXPECT_THAT(first.record.error, Optional(HasSubstr("It failed. ")));
  EXPECT_GT(Run().record.next_run_in, first.record.next_run_in);
  source_.FailWith(std::nullopt);
  EXPECT_EQ(Run().outcome, RunOutcome::kOk);
}

TEST_F(WindowSyncTest, SaysNothingOfTheInsideInItsWords) {
  source_.Add(kNow - 60);
  sink_.FailWith(absl::UnavailableError("unix:/run/song_store.sock: connection refused"));
  const FinishedRun run = Run();
  EXPECT_EQ(run.outcome, RunOutcome::kFailed);
  EXPECT_THAT(run.record.error, Optional(::testing::Not(HasSubstr("sock"))));
  // Our own neighbours come back soon.
  EXPECT_EQ(run.record.next_run_in, absl::Seconds(10));
  EXPECT_EQ(Run().record.next_run_in, absl::Seconds(20));
  // Nothing is stored, so nothing has moved.
  EXPECT_EQ(run.record.progress.rhythm.newest_play_at, std::nullopt);
}

TEST_F(WindowSyncTest, LeavesASourceAloneForAsLongAsItAsks) {
  source_.FailWith(
      {{.kind = UpstreamFailure::Kind::kRateLimited, .cause = "t", .retry_after = absl::Hours(3)}});
  const FinishedRun run = Run();
  EXPECT_EQ(run.outcome, RunOutcome::kRateLimited);
  EXPECT_EQ(run.record.next_run_in, absl::Hours(3));
  EXPECT_THAT(run.record.error, Optional(HasSubstr("left alone")));
  EXPECT_EQ(run.record.key, RunRecord::Key::kUnchanged);
}

TEST_F(WindowSyncTest, LeavesNothingBehindIfItIsGivenUp) {
  call_.cancelled = [] { return true; };
  call_.deadline = clock_.Now() + absl::Seconds(30);
  EXPECT_FALSE(run_.Run(call_, user_).has_value());
}

TEST_F(PastSyncTest, AsksForTheNewestPageAloneWhileItReachesBack) {
  AddPlays(kNow - 4000, 300, 10);
  Settle();
  EXPECT_EQ(user_.progress.watermark, absl::FromUnixSeconds(kNow - 1010));
  EXPECT_FALSE(user_.progress.unread.has_value());
  AddPlays(kNow - 500, 5, 10);
  EXPECT_EQ(Run().record.plays_added, 5);
  ASSERT_THAT(source_.questions(), SizeIs(2));
  EXPECT_EQ(source_.questions()[1].limit, 200);
  EXPECT_EQ(source_.questions()[1].span.from, absl::InfinitePast());
  EXPECT_EQ(vault_.opened(), 2);
}

TEST_F(PastSyncTest, ReadsWhatLiesBetweenTheNewestPageAndWhatWasRead) {
  source_.Add(kNow - 90'000);
  Settle();
  AddPlays(kNow - 80'000, 750, 100);
  const FinishedRun run = Run();
  EXPECT_EQ(run.outcome, RunOutcome::kOk);
  EXPECT_EQ(run.record.plays_added, 750);
  EXPECT_THAT(Stored(), SizeIs(751));
  EXPECT_FALSE(user_.progress.unread.has_value());
  EXPECT_EQ(user_.progress.watermark, absl::FromUnixSeconds(kNow - 5'100));
  const std::vector<Question> questions = source_.questions();
  ASSERT_THAT(questions, SizeIs(5));
  for (std::size_t i = 2; i < questions.size(); ++i) {
    EXPECT_EQ(questions[i].span.from, absl::FromUnixSeconds(kNow - 90'000 - 30 * 60));
    EXPECT_LT(questions[i].span.to, absl::FromUnixSeconds(kNow));
  }
}

TEST_F(PastSyncTest, GoesOnInTheNextRunWithALongWay) {
  source_.Add(kNow - 900'000);
  Settle();
  AddPlays(kNow - 800'000, 5000, 100);
  EXPECT_EQ(Run().record.plays_added, 200 + 10 * 199);
  ASSERT_TRUE(user_.progress.unread.has_value());
  // What is played meanwhile is read too.
  source_.Add(kNow - 5);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Run().outcome, RunOutcome::kOk);
  EXPECT_FALSE(user_.progress.unread.has_value());
  EXPECT_THAT(Stored(), SizeIs(5002));
}

TEST_F(PastSyncTest, MissesNothingThatMovesWhileItReads) {
  source_.Add(kNow - 900'000);
  Settle();
  AddPlays(kNow - 800'000, 2000, 100);
  int asked = 0;
  source_.OnAsk([&] {
    // A late one comes in behind the reader's back, and one that was read goes.
    ++asked;
    source_.Add(kNow - 650'000 + asked);
    source_.Remove(kNow - 800'000 + 1900 * 100 + asked * 100);
  });
  while (Run().record.progress.unread.has_value()) {
  }
  for (int i = 0; i < 1900; ++i) EXPECT_TRUE(Stored().contains(kNow - 800'000 + i * 100)) << i;
}

TEST_F(PastSyncTest, KeepsWhatItHasReadWhenItFails) {
  source_.Add(kNow - 900'000);
  Settle();
  AddPlays(kNow - 800'000, 1000, 100);
  int asked = 0;
  source_.OnAsk([&] {
    if (++asked == 3) {
      source_.FailWith({{.kind = UpstreamFailure::Kind::kTransient, .cause = "error_8"}});
    }
  });
  const FinishedRun failed = Run();
  EXPECT_EQ(failed.outcome, RunOutcome::kFailed);
  EXPECT_EQ(failed.record.plays_added, 399);
  ASSERT_TRUE(user_.progress.unread.has_value());
  source_.FailWith(std::nullopt);
  EXPECT_EQ(Run().outcome, RunOutcome::kOk);
  EXPECT_FALSE(user_.progress.unread.has_value());
  EXPECT_THAT(Stored(), SizeIs(1001));
}

// Two hundred plays and more of one second: time alone leads nowhere.
TEST_F(PastSyncTest, GetsPastAMomentWithMorePlaysThanAPage) {
  source_.Add(kNow - 90'000);
  Settle();
  for (int i = 0; i < 450; ++i) source_.Add(kNow - 50'000, absl::StrCat("same ", i));
  AddPlays(kNow - 80'000, 10, 100);
  AddPlays(kNow - 40'000, 10, 100);
  EXPECT_EQ(Run().outcome, RunOutcome::kOk);
  EXPECT_FALSE(user_.progress.unread.has_value());
  EXPECT_THAT(sink_.Count(call_, kUser, {}), playlog::testing::IsOkAndHolds(471));
}

TEST_F(PastSyncTest, DoesNotLookIntoTheFuture) {
  Settle();
  source_.Add(kNow + 3600);
  source_.Add(kNow - 100);
  Run();
  EXPECT_EQ(user_.progress.watermark, absl::FromUnixSeconds(kNow));
}

TEST_F(PastSyncTest, ReadsTheLastDaysAgainOnlyIfTheSourceCountsDifferently) {
  AddPlays(kNow - 14 * kDay, 400, 3000);
  // The first time all of it differs.
  const FinishedRun first = Run();
  EXPECT_EQ(first.record.plays_added, 400);
  EXPECT_THAT(user_.progress.compared_at, Optional(absl::FromUnixSeconds(kNow)));
  EXPECT_THAT(source_.questions(), SizeIs(1 + 1 + 3));
  // Within a day the newest page is enough.
  clock_.Advance(absl::Hours(23));
  Run();
  EXPECT_THAT(source_.questions(), SizeIs(6));
  // After a day the counts are the same.
  clock_.Advance(absl::Hours(2));
  Run();
  ASSERT_THAT(source_.questions(), SizeIs(8));
  EXPECT_EQ(source_.questions()[7].limit, 1);
  EXPECT_EQ(source_.questions()[7].span.from, clock_.Now() - absl::Hours(15 * 24));
  // A scrobble of ten days ago comes from a device that was offline.
  source_.Add(kNow - 10 * kDay + 7);
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(Run().record.plays_added, 1);
  EXPECT_TRUE(Stored().contains(kNow - 10 * kDay + 7));
}

TEST_F(PastSyncTest, TellsWhichPartsAreWhole) {
  AddPlays(kNow - 14 * kDay, 400, 3000);
  Run();
  ASSERT_THAT(Covered().coverage.spans, SizeIs(1));
  EXPECT_EQ(Covered().coverage.spans[0].from, absl::FromUnixSeconds(kNow - 15 * kDay));
  EXPECT_THAT(Covered().count, Optional(SourceCount{400, 400, absl::FromUnixSeconds(kNow)}));
  // After a long pause there is a hole, which the run closes.
  clock_.Advance(absl::Hours(14 * 24));
  AddPlays(kNow + kDay, 500, 1000);
  Run();
  EXPECT_THAT(Covered().coverage.spans, SizeIs(1));
}

TEST_F(PastSyncTest, ReadsTheLastDaysAgainOverSeveralRuns) {
  AddPlays(kNow - 14 * kDay, 6000, 200);
  EXPECT_EQ(Run().record.plays_added, 200 + 9 * 199);
  EXPECT_TRUE(user_.progress.unread.has_value());
  int runs = 1;
  for (; user_.progress.unread.has_value() && runs < 10; ++runs) Run();
  EXPECT_EQ(runs, 4);
  EXPECT_THAT(Stored(), SizeIs(6000));
}

}  // namespace
}  // namespace playlog::ingest
