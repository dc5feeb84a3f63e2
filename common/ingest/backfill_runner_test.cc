#include "common/ingest/backfill_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/ingest/fake_job_store.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_store.h"
#include "common/ingest/job_trouble.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kUser = 7;
constexpr std::int64_t kFirstSecond = 1'600'000'000;

using Answer = std::variant<Page, UpstreamFailure>;

// A source that tells its past. What happens between two questions is the test's to say.
class PastSource final : public Source {
 public:
  struct Scrobble {
    std::int64_t second;
    std::string title;  // Empty: it can become no play.
  };
  // Told the number of the question, from 1, and the question; a failure in place of the page.
  using Hook = std::function<std::optional<UpstreamFailure>(int number, const Question&)>;

  const SourceProfile& profile() const override {
    static constexpr SourceProfile kProfile{
        .source = songs::v1::SOURCE_LASTFM,
        .name = "past",
        .key_missing_code = errors::v1::ERROR_CODE_LASTFM_KEY_MISSING,
        .key_missing_text = "No key",
        .key_missing_detail = "Add one",
        .failed_text = "It failed",
        .rejected_code = errors::v1::ERROR_CODE_LASTFM_REJECTED,
        .rejected_detail = "Add another",
        .unavailable_code = errors::v1::ERROR_CODE_LASTFM_UNAVAILABLE,
        .tells_past = true,
    };
    return kProfile;
  }
  absl::Status CheckCredential(const Credential&) const override { return absl::OkStatus(); }
  std::string_view AdviceOn(std::string_view cause) const override {
    return cause == "error_17" ? "Show it" : "";
  }
  Answer FetchPage(const Credential&, const Question& question) override {
    const absl::MutexLock lock(&mutex_);
    questions_.push_back(question);
    if (hook_) {
      const auto failure = hook_(static_cast<int>(questions_.size()), question);
      if (failure.has_value()) return *failure;
    }
    return PageOf(question);
  }

  // These are called before the work begins, or by the hook.
  void OnAsk(Hook hook) { hook_ = std::move(hook); }
  void Add(std::int64_t second, std::string title) {
    const auto newer = std::find_if(scrobbles_.begin(), scrobbles_.end(),
                                    [&](const Scrobble& known) { return known.second > second; });
    scrobbles_.insert(newer, {.second = second, .title = std::move(title)});
  }
  void AddMany(int count) {
    for (int i = 0; i < count; ++i) {
      scrobbles_.push_back({.second = kFirstSecond + 300 * i, .title = absl::StrCat("song ", i)});
    }
  }
  void Remove(std::size_t index) {
    scrobbles_.erase(scrobbles_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  std::vector<Question> questions() {
    const absl::MutexLock lock(&mutex_);
    return questions_;
  }

 private:
  Page PageOf(const Question& question) const {
    std::vector<const Scrobble*> newest_first;
    for (auto known = scrobbles_.rbegin(); known != scrobbles_.rend(); ++known) {
      const absl::Time at = absl::FromUnixSeconds(known->second);
      if (at >= question.span.from && at <= question.span.to) newest_first.push_back(&*known);
    }
    Page page;
    page.total = std::ssize(newest_first);
    const auto begin =
        static_cast<std::size_t>(question.page - 1) * static_cast<std::size_t>(question.limit);
    const std::size_t end = begin + static_cast<std::size_t>(question.limit);
    for (std::size_t i = begin; i < std::min(end, newest_first.size()); ++i) {
      if (newest_first[i]->title.empty()) {
        page.rejected.push_back({.reason = kTitleMissing, .raw = absl::StrCat("{", i, "}")});
        continue;
      }
      songs::v1::Play play;
      play.set_title(newest_first[i]->title);
      SetPlayedAt(absl::FromUnixSeconds(newest_first[i]->second), play);
      page.plays.push_back(std::move(play));
    }
    return page;
  }

  absl::Mutex mutex_;
  std::vector<Question> questions_;
  std::vector<Scrobble> scrobbles_;  // Oldest first.
  Hook hook_;
};

UpstreamFailure Fail(UpstreamFailure::Kind kind, std::string cause,
                     std::optional<absl::Duration> retry_after = std::nullopt) {
  return {.kind = kind, .cause = std::move(cause), .retry_after = retry_after};
}

class BackfillRunnerTest : public ::testing::Test {
 protected:
  struct Whole {
    std::int64_t user_id;
    Span span;
    std::int64_t theirs;
    std::int64_t ours;
  };

  BackfillRunnerTest() {
    vault_.Put(kUser, {.key = Secret("k"), .account = "", .version = 1, .known_good = true});
  }

  std::int64_t Start(std::int64_t user_id = kUser) {
    const auto job = jobs_.Start(user_id, {.to = clock_.Now()}, absl::InfiniteFuture());
    EXPECT_THAT(job, IsOk());
    return job->number;
  }
  bool RunOne() {
    const auto ran = runner_.RunOne([this] { return goes_on_; });
    EXPECT_THAT(ran, IsOk());
    return ran.value_or(false);
  }
  Job Find(std::int64_t number, std::int64_t user_id = kUser) {
    const auto job = jobs_.Find(user_id, number, absl::InfiniteFuture());
    EXPECT_TRUE(job.ok() && job->has_value());
    return job->value_or(Job());
  }
  // Works until the job has ended, and lets time pass while it waits.
  Job RunToTheEnd(std::int64_t number) {
    for (int i = 0; i < 500 && Find(number).state == Job::State::kOpen; ++i) {
      if (!RunOne()) clock_.Advance(absl::Minutes(10));
    }
    return Find(number);
  }
  // The titles that are stored, each once.
  std::size_t stored() {
    return static_cast<std::size_t>(
        *sink_.Count(rpc::Call(), kUser, {.to = absl::InfiniteFuture()}));
  }

  FakeClock clock_{absl::FromUnixSeconds(1'790'000'000)};
  PastSource source_;
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_;
  FakeJobStore jobs_{clock_};
  Engine engine_{source_, vault_, sink_, store_, clock_, [] { return 0.5; }};
  std::vector<Whole> whole_;
  absl::Status whole_status_;
  bool goes_on_ = true;
  BackfillRunner runner_{
      source_,
      engine_,
      sink_,
      jobs_,
      clock_,
      [this](const Job& job, std::int64_t stored) {
        whole_.push_back({job.user_id, job.span, job.walk.total.value_or(0), stored});
        return whole_status_;
      },
      // One page at a time, so that each question has its number.
      {.in_flight = 1}};
};

TEST_F(BackfillRunnerTest, HasNothingToDoWithoutJobs) { EXPECT_FALSE(RunOne()); }

TEST_F(BackfillRunnerTest, StoresTheWholePastAndLooksASecondTime) {
  source_.AddMany(1050);
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  const Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.position, 1050);
  EXPECT_EQ(job.walk.total, 1050);
  EXPECT_EQ(job.added, 1050);
  EXPECT_EQ(job.read, 2100);
  EXPECT_EQ(job.walks, 2);
  EXPECT_THAT(job.differences, IsEmpty());
  EXPECT_EQ(job.last_error, "");
  EXPECT_EQ(stored(), 1050);
  EXPECT_THAT(sink_.origins(kUser), ElementsAre(kBackfillOrigin));
  // The total, and the pages of the two walks.
  EXPECT_THAT(source_.questions(), SizeIs(1 + 6 + 6));
  EXPECT_EQ(source_.questions()[1].page, 6);
  EXPECT_EQ(source_.questions()[1].limit, 200);
  EXPECT_EQ(vault_.opened(), 1);
  ASSERT_THAT(whole_, SizeIs(1));
  EXPECT_EQ(whole_[0].user_id, kUser);
  EXPECT_EQ(whole_[0].theirs, 1050);
  EXPECT_EQ(whole_[0].ours, 1050);
  EXPECT_EQ(whole_[0].span.to, job.span.to);
}

TEST_F(BackfillRunnerTest, AsksForTwoPagesAtATimeAndMissesNothingThatMoves) {
  BackfillRunner runner(source_, engine_, sink_, jobs_, clock_,
                        [](const Job&, std::int64_t) { return absl::OkStatus(); },
                        {.in_flight = 2});
  std::mt19937_64 random(11);
  source_.AddMany(3000);
  source_.OnAsk([&](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (random() % 9 == 0) return Fail(UpstreamFailure::Kind::kTransient, "error_8");
    if (number < 60 && random() % 5 == 0) {
      source_.Add(kFirstSecond + static_cast<std::int64_t>(random() % 900'000),
                  absl::StrCat("late ", number));
    }
    return std::nullopt;
  });
  const std::int64_t number = Start();
  for (int i = 0; i < 200 && Find(number).state == Job::State::kOpen; ++i) {
    if (!runner.RunOne([] { return true; }).value_or(false)) clock_.Advance(absl::Minutes(10));
  }
  const Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.total, static_cast<std::int64_t>(stored()));
  EXPECT_GT(stored(), 3005U);
  EXPECT_THAT(job.differences, IsEmpty());
}

TEST_F(BackfillRunnerTest, IsDoneWithNothing) {
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.total, 0);
  EXPECT_EQ(job.walks, 1);
}

TEST_F(BackfillRunnerTest, FindsWhatArrivesWhileItWalks) {
  source_.AddMany(1000);
  source_.OnAsk([this](int number, const Question&) {
    // Behind the walk, where it has been; and before it.
    if (number == 4) source_.Add(kFirstSecond + 1, "late");
    if (number == 5) source_.Add(kFirstSecond + 300 * 900 + 1, "later");
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walk.total, 1002);
  EXPECT_EQ(stored(), 1002);
  EXPECT_THAT(job.differences, IsEmpty());
}

TEST_F(BackfillRunnerTest, NamesWhatTheStoreHasAndTheSourceHasNot) {
  source_.AddMany(600);
  source_.Add(kFirstSecond + 1, "");
  source_.Add(kFirstSecond + 2, "");
  // Twice on a page, and on both sides of the border between two pages.
  source_.Add(kFirstSecond, "song 0");
  source_.Add(kFirstSecond + 300 * 400, "song 400");
  source_.OnAsk([this](int number, const Question&) {
    if (number == 3) source_.Remove(0);
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_THAT(job.rejected, UnorderedElementsAre(Pair(kTitleMissing, 2)));
  EXPECT_THAT(job.differences, UnorderedElementsAre(Pair(kTitleMissing, 2), Pair(kToldTwice, 1)));
  EXPECT_EQ(stored(), 600);
  EXPECT_THAT(store_.rejected(kUser), SizeIs(Ge(2U)));
}

TEST_F(BackfillRunnerTest, NamesWhatWasDeletedAtTheSource) {
  source_.AddMany(600);
  source_.OnAsk([this](int number, const Question&) {
    if (number == 6) source_.Remove(10);
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_THAT(job.differences, UnorderedElementsAre(Pair(kDeletedAtSource, 1)));
  EXPECT_EQ(stored(), 600);
}

TEST_F(BackfillRunnerTest, FindsTheSamePlayOnBothSidesOfAPage) {
  source_.AddMany(400);
  source_.Add(kFirstSecond + 300 * 200, "song 200");
  // 401 scrobbles: the border lies between the oldest and the rest, and between 200 and its double.
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_THAT(job.differences, UnorderedElementsAre(Pair(kToldTwice, 1)));
  EXPECT_EQ(stored(), 400);
}

TEST_F(BackfillRunnerTest, AsksForSmallerPagesWhereLargeOnesFail) {
  source_.AddMany(3000);
  source_.OnAsk([](int, const Question& question) -> std::optional<UpstreamFailure> {
    const bool deep = question.page * question.limit > 2500;
    if (deep && question.limit > 50) return Fail(UpstreamFailure::Kind::kTransient, "error_8");
    return std::nullopt;
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(stored(), 3000);
  EXPECT_EQ(job.failures, 0);
  std::vector<int> limits;
  for (const Question& question : source_.questions()) limits.push_back(question.limit);
  EXPECT_THAT(limits, ::testing::Contains(50));
  EXPECT_EQ(limits.back(), 200);
}

TEST_F(BackfillRunnerTest, WaitsAsLongAsTheSourceAsksAndGoesOnWhereItWas) {
  source_.AddMany(1000);
  source_.OnAsk([](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number != 4) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRateLimited, "http_429", absl::Minutes(20));
  });
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kOpen);
  EXPECT_FALSE(job.running);
  EXPECT_EQ(job.walk.position, 400);
  EXPECT_EQ(job.failures, 0);
  EXPECT_THAT(job.last_error, HasSubstr("It failed"));
  clock_.Advance(absl::Minutes(19));
  EXPECT_FALSE(RunOne());
  clock_.Advance(absl::Minutes(2));
  EXPECT_TRUE(RunOne());
  job = Find(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(stored(), 1000);
  // The page that it was on came next.
  EXPECT_EQ(source_.questions()[4].page, 3);
}

TEST_F(BackfillRunnerTest, TriesAgainForDaysAndThenGivesUp) {
  source_.AddMany(1000);
  source_.OnAsk([](int, const Question&) -> std::optional<UpstreamFailure> {
    return Fail(UpstreamFailure::Kind::kTransient, "unreachable");
  });
  const absl::Time begun_at = clock_.Now();
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_GT(clock_.Now() - begun_at, absl::Hours(60));
  EXPECT_THAT(job.last_error, HasSubstr("unreachable"));
  EXPECT_THAT(whole_, IsEmpty());
}

TEST_F(BackfillRunnerTest, EndsWhereOnlyTheOwnerCanHelp) {
  source_.AddMany(1000);
  source_.OnAsk([](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number < 3) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRejected, "error_17");
  });
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  const Job job = Find(number);
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_EQ(job.last_error, "It failed (error_17). Show it");
  EXPECT_EQ(job.added, 200);
}

TEST_F(BackfillRunnerTest, EndsWithoutAKey) {
  const std::int64_t number = Start(9);
  EXPECT_TRUE(RunOne());
  const Job job = Find(number, 9);
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_EQ(job.last_error, "No key. Add one");
}

TEST_F(BackfillRunnerTest, DoesNotBelieveADenialOfAUserThatWasJustThere) {
  source_.AddMany(1000);
  source_.OnAsk([](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number != 4) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRejected, "error_6");
  });
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(stored(), 1000);
}

TEST_F(BackfillRunnerTest, BelievesADenialThatComesFirstOrStays) {
  source_.AddMany(1000);
  int from = 1;
  source_.OnAsk([&from](int number, const Question&) -> std::optional<UpstreamFailure> {
    if (number < from) return std::nullopt;
    return Fail(UpstreamFailure::Kind::kRejected, "error_6");
  });
  const std::int64_t first = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(first).state, Job::State::kFailed);
  from = 5;
  const Job job = RunToTheEnd(Start());
  EXPECT_EQ(job.state, Job::State::kFailed);
  EXPECT_THAT(source_.questions(), SizeIs(1 + 3 + kDenialsMax + 1));
}

TEST_F(BackfillRunnerTest, WaitsForAStoreThatIsAway) {
  source_.AddMany(1000);
  sink_.FailWith(absl::UnavailableError("away"));
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).walk.position, 0);
  EXPECT_EQ(Find(number).failures, 1);
  sink_.FailWith(absl::OkStatus());
  EXPECT_EQ(RunToTheEnd(number).state, Job::State::kDone);
  EXPECT_EQ(stored(), 1000);
}

TEST_F(BackfillRunnerTest, TellsAgainWhatCouldNotBeTold) {
  source_.AddMany(100);
  whole_status_ = absl::UnavailableError("away");
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).state, Job::State::kOpen);
  whole_status_ = absl::OkStatus();
  EXPECT_EQ(RunToTheEnd(number).state, Job::State::kDone);
  EXPECT_THAT(whole_, SizeIs(2));
}

TEST_F(BackfillRunnerTest, StopsWhenItIsCancelled) {
  source_.AddMany(100'000);
  const std::int64_t number = Start();
  source_.OnAsk([&](int asked, const Question&) {
    if (asked == 10) static_cast<void>(jobs_.Cancel(kUser, number, absl::Time()));
    return std::nullopt;
  });
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).state, Job::State::kCancelled);
  EXPECT_LT(source_.questions().size(), 40U);
  EXPECT_FALSE(RunOne());
}

TEST_F(BackfillRunnerTest, StopsWhenItsUserIsErased) {
  source_.AddMany(100'000);
  Start();
  source_.OnAsk([&](int asked, const Question&) {
    if (asked == 10) jobs_.Erase(kUser);
    return std::nullopt;
  });
  EXPECT_TRUE(RunOne());
  EXPECT_LT(source_.questions().size(), 40U);
}

TEST_F(BackfillRunnerTest, GivesItsJobBackWhenTheProcessEnds) {
  source_.AddMany(1000);
  goes_on_ = false;
  const std::int64_t number = Start();
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(number).state, Job::State::kOpen);
  EXPECT_FALSE(Find(number).running);
  EXPECT_EQ(Find(number).last_error, "");
  goes_on_ = true;
  EXPECT_EQ(RunToTheEnd(number).state, Job::State::kDone);
}

TEST_F(BackfillRunnerTest, GivesWayToOthersAfterASlice) {
  vault_.Put(8, {.key = Secret("k"), .account = "", .version = 1, .known_good = true});
  source_.AddMany(10'000);
  source_.OnAsk([this](int, const Question&) {
    clock_.Advance(absl::Seconds(1));
    return std::nullopt;
  });
  const std::int64_t first = Start();
  clock_.Advance(absl::Seconds(1));
  const std::int64_t second = Start(8);
  EXPECT_TRUE(RunOne());
  const std::int64_t position = Find(first).walk.position;
  EXPECT_GT(position, 3000);
  EXPECT_LT(position, 8000);
  EXPECT_GT(Find(first).worked, absl::Seconds(20));
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(Find(first).walk.position, position);
  EXPECT_GT(Find(second, 8).walk.position, 3000);
  EXPECT_EQ(RunToTheEnd(first).state, Job::State::kDone);
}

TEST_F(BackfillRunnerTest, WalksOnceMoreAfterSomebodyVanished) {
  source_.AddMany(1000);
  const std::int64_t number = Start();
  // Somebody claims the job and vanishes.
  ASSERT_THAT(jobs_.Claim("gone", absl::Seconds(30), absl::Time()), IsOk());
  EXPECT_FALSE(RunOne());
  clock_.Advance(absl::Seconds(31));
  const Job job = RunToTheEnd(number);
  EXPECT_EQ(job.state, Job::State::kDone);
  EXPECT_EQ(job.walks, 2);
}

}  // namespace
}  // namespace playlog::ingest
