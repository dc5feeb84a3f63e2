#include "common/ingest/job_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/base/time_format.h"
#include "common/ingest/fake_history_source.h"
#include "common/ingest/fake_job_store.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_store.h"
#include "common/ingest/job_view.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::EqualsProto;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::SizeIs;

constexpr std::int64_t kUser = 7;

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

class JobServiceTest : public ::testing::Test {
 protected:
  JobServiceTest() {
    vault_.Put(kUser, {.key = Secret("k"), .account = "ada"});
    vault_.Put(8, {.key = Secret("k"), .account = "bo"});
    call_.user_id = kUser;
  }
  static v1::StartBackfillRequest Request(std::optional<std::string> from = std::nullopt,
                                          std::optional<std::string> to = std::nullopt) {
    v1::StartBackfillRequest request;
    request.set_source(songs::v1::SOURCE_LASTFM);
    const auto set = [](const std::string& text, google::protobuf::Timestamp& field) {
      const absl::Time time = *ParseRfc3339(text);
      field.set_seconds(absl::ToUnixSeconds(time));
      field.set_nanos(static_cast<std::int32_t>((time - absl::FromUnixSeconds(field.seconds())) /
                                                absl::Nanoseconds(1)));
    };
    if (from.has_value()) set(*from, *request.mutable_from());
    if (to.has_value()) set(*to, *request.mutable_to());
    return request;
  }
  std::string Start() {
    const auto response = service_.StartBackfill(call_, Request());
    EXPECT_THAT(response, IsOk());
    return response.ok() ? response->job_id() : "";
  }
  absl::StatusOr<v1::Job> Get(const std::string& job_id) {
    v1::GetJobRequest request;
    request.set_job_id(job_id);
    const auto response = service_.GetJob(call_, request);
    if (!response.ok()) return response.status();
    return response->job();
  }
  absl::Status Cancel(const std::string& job_id) {
    v1::CancelJobRequest request;
    request.set_job_id(job_id);
    return service_.CancelJob(call_, request).status();
  }
  absl::StatusOr<std::unique_ptr<rpc::Stream<v1::WatchJobResponse>>> Watch(
      const std::string& job_id) {
    v1::WatchJobRequest request;
    request.set_job_id(job_id);
    return service_.WatchJob(call_, request);
  }
  Job Claim() {
    const auto job = jobs_.Claim("a", absl::Minutes(5), absl::InfiniteFuture());
    EXPECT_TRUE(job.ok() && job->has_value());
    return job->value_or(Job());
  }
  void Save(const Job& job, JobFate::Kind kind = JobFate::Kind::kHold) {
    EXPECT_THAT(
        jobs_.Save(job, "a", {.kind = kind, .time = absl::Minutes(5)}, absl::InfiniteFuture()),
        IsOkAndHolds(true));
  }

  FakeClock clock_{*ParseRfc3339("2026-11-01T12:00:00.5Z")};
  FakeHistorySource source_{/*tells_past=*/true};
  FakeKeyVault vault_;
  FakePlaySink sink_;
  FakeStore store_;
  FakeJobStore jobs_{clock_};
  Engine engine_{source_, vault_, sink_, store_, clock_};
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  int started_ = 0;
  JobService service_{source_.profile(),      engine_,    jobs_, clock_,
                      [this] { ++started_; }, dispatcher_};
  rpc::Call call_;
};

TEST_F(JobServiceTest, StartsAJobUpToSomeMinutesAgo) {
  EXPECT_THAT(service_.StartBackfill(call_, Request()), IsOkAndHolds(EqualsProto(R"pb(
                job_id: "lastfm-1"
                state: JOB_STATE_QUEUED
              )pb")));
  EXPECT_EQ(started_, 1);
  EXPECT_THAT(Get("lastfm-1"), IsOkAndHolds(EqualsProto(R"pb(
                job_id: "lastfm-1"
                source: SOURCE_LASTFM
                state: JOB_STATE_QUEUED
                to { seconds: 1793533800 }
                created_at { seconds: 1793534400 nanos: 500000000 }
              )pb")));
}

TEST_F(JobServiceTest, AnswersTheJobThatIsUnderWay) {
  EXPECT_EQ(Start(), "lastfm-1");
  EXPECT_EQ(Start(), "lastfm-1");
  EXPECT_THAT(Cancel("lastfm-1"), IsOk());
  EXPECT_EQ(Start(), "lastfm-2");
}

TEST_F(JobServiceTest, KeepsWholeSecondsOfTheSpan) {
  ASSERT_THAT(
      service_.StartBackfill(call_, Request("1969-12-31T23:59:59.25Z", "2020-01-01T00:00:00.75Z")),
      IsOk());
  const auto job = Get("lastfm-1");
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->from().seconds(), 0);
  EXPECT_EQ(job->to().seconds(), 1'577'836'800);
}

TEST_F(JobServiceTest, RefusesSpansThatHoldNothing) {
  const auto field_of = [this](const v1::StartBackfillRequest& request) {
    const auto response = service_.StartBackfill(call_, request);
    EXPECT_THAT(response, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
    return FieldOf(response.status());
  };
  EXPECT_EQ(field_of(Request("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z")), "from");
  EXPECT_EQ(field_of(Request("2020-01-01T00:00:01Z", "2020-01-01T00:00:00Z")), "from");
  EXPECT_EQ(field_of(Request("2026-11-01T11:55:00Z")), "from");
  EXPECT_EQ(field_of(Request("2026-11-01T11:55:00Z", "2026-11-01T11:59:00Z")), "from");
  v1::StartBackfillRequest request = Request();
  request.mutable_to()->set_nanos(-1);
  EXPECT_EQ(field_of(request), "to");
  request = Request();
  request.mutable_from()->set_seconds(999'999'999'999);
  EXPECT_EQ(field_of(request), "from");
  EXPECT_EQ(started_, 0);
}

TEST_F(JobServiceTest, StartsNothingWithoutAPastOrAKey) {
  v1::StartBackfillRequest request;
  for (const auto source : {songs::v1::SOURCE_UNSPECIFIED, songs::v1::SOURCE_SPOTIFY}) {
    request.set_source(source);
    const auto response = service_.StartBackfill(call_, request);
    EXPECT_THAT(response, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
    EXPECT_EQ(FieldOf(response.status()), "source");
  }
  FakeHistorySource now_only(/*tells_past=*/false);
  JobService other(
      now_only.profile(), engine_, jobs_, clock_, [] {}, dispatcher_);
  request.set_source(now_only.profile().source);
  EXPECT_THAT(other.StartBackfill(call_, request), ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
  call_.user_id = 9;
  EXPECT_THAT(service_.StartBackfill(call_, Request()),
              ErrorIs(errors::v1::ERROR_CODE_LASTFM_KEY_MISSING));
  EXPECT_THAT(service_.ListJobs(call_, {}), IsOkAndHolds(EqualsProto("")));
}

TEST_F(JobServiceTest, ShowsHowFarAJobIs) {
  Start();
  Job job = Claim();
  job.walk = {.total = 1000, .position = 400};
  job.walks = 1;
  job.added = 900;
  job.read = 1400;
  job.worked = absl::Seconds(7);
  job.rejected = {{"time_missing", 2}};
  job.last_error = "It failed";
  Save(job);
  EXPECT_THAT(Get("lastfm-1"), IsOkAndHolds(EqualsProto(R"pb(
                job_id: "lastfm-1"
                source: SOURCE_LASTFM
                state: JOB_STATE_RUNNING
                done: 400
                total: 1000
                added: 900
                walks: 1
                rate_per_s: 200
                seconds_left: 3
                rejected { reason: "time_missing" count: 2 }
                to { seconds: 1793533800 }
                created_at { seconds: 1793534400 nanos: 500000000 }
                last_error: "It failed"
              )pb")));
  clock_.Advance(absl::Minutes(1));
  job.state = Job::State::kDone;
  job.differences = {{"told_twice", 1}};
  Save(job, JobFate::Kind::kEnd);
  const auto ended = Get("lastfm-1");
  ASSERT_THAT(ended, IsOk());
  EXPECT_EQ(ended->state(), v1::JOB_STATE_DONE);
  EXPECT_FALSE(ended->has_seconds_left());
  EXPECT_EQ(ended->ended_at().seconds(), 1'793'534'460);
  ASSERT_THAT(ended->differences(), SizeIs(1));
  EXPECT_EQ(ended->differences(0).reason(), "told_twice");
}

TEST_F(JobServiceTest, KnowsNoJobOfOthersAndNoOtherIds) {
  EXPECT_EQ(Start(), "lastfm-1");
  call_.user_id = 8;
  for (const char* job_id :
       {"lastfm-1", "lastfm-2", "lastfm-", "lastfm", "1", "", "spotify-1", "lastfm-01", "lastfm-+1",
        "lastfm- 1", "lastfm-1 ", "lastfm--1", "lastfm-99999999999999999999", "LASTFM-1"}) {
    EXPECT_THAT(Get(job_id), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND)) << job_id;
    EXPECT_THAT(Cancel(job_id), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND)) << job_id;
    EXPECT_THAT(Watch(job_id), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND)) << job_id;
  }
  EXPECT_THAT(service_.ListJobs(call_, {}), IsOkAndHolds(EqualsProto("")));
  call_.user_id = kUser;
  EXPECT_EQ(Get("lastfm-1")->state(), v1::JOB_STATE_QUEUED);
}

TEST_F(JobServiceTest, CancelsAsOftenAsAsked) {
  Start();
  EXPECT_THAT(Cancel("lastfm-1"), IsOk());
  EXPECT_THAT(Cancel("lastfm-1"), IsOk());
  EXPECT_EQ(Get("lastfm-1")->state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(JobServiceTest, TellsEachChangeAndASignOfLife) {
  Start();
  const auto watch = Watch("lastfm-1");
  ASSERT_THAT(watch, IsOk());
  v1::WatchJobResponse part;
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(true));
  EXPECT_EQ(part.job().state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ((*watch)->PauseBeforeNext(), absl::Seconds(1));
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(false));
  EXPECT_GT((*watch)->PauseBeforeNext(), absl::ZeroDuration());
  Job job = Claim();
  job.walk = {.total = 10, .position = 5};
  Save(job);
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(true));
  EXPECT_EQ(part.job().done(), 5);
  clock_.Advance(absl::Seconds(14));
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(false));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(true));
  job.state = Job::State::kDone;
  Save(job, JobFate::Kind::kEnd);
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(true));
  EXPECT_EQ(part.job().state(), v1::JOB_STATE_DONE);
  EXPECT_EQ((*watch)->PauseBeforeNext(), absl::ZeroDuration());
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(false));
}

TEST_F(JobServiceTest, EndsAWatchWhoseJobIsErased) {
  Start();
  const auto watch = Watch("lastfm-1");
  ASSERT_THAT(watch, IsOk());
  jobs_.Erase(kUser);
  v1::WatchJobResponse part;
  EXPECT_THAT((*watch)->Next(part), IsOkAndHolds(false));
  EXPECT_EQ((*watch)->PauseBeforeNext(), absl::ZeroDuration());
}

}  // namespace
}  // namespace playlog::ingest
