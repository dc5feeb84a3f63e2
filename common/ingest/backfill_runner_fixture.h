#ifndef PLAYLOG_COMMON_INGEST_BACKFILL_RUNNER_FIXTURE_H_
#define PLAYLOG_COMMON_INGEST_BACKFILL_RUNNER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ingest/backfill_runner.h"
#include "common/ingest/fake_job_store.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_store.h"
#include "common/ingest/past_source.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"

namespace playlog::ingest {

// A runner over a source with a past, and fakes of all that it talks to, in a time of the test's.
class BackfillRunnerTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kUser = 7;
  static constexpr std::int64_t kFirstSecond = PastSource::kFirstSecond;

  // What the runner told of a past that is stored whole.
  struct Whole {
    std::int64_t user_id;
    Span span;
    std::int64_t theirs;
    std::int64_t ours;
  };

  static UpstreamFailure Fail(UpstreamFailure::Kind kind, std::string cause,
                              std::optional<absl::Duration> retry_after = std::nullopt) {
    return {.kind = kind, .cause = std::move(cause), .retry_after = retry_after};
  }

  BackfillRunnerTest() {
    vault_.Put(kUser, {.key = Secret("k"), .account = "", .version = 1, .known_good = true});
  }

  std::int64_t Start(std::int64_t user_id = kUser) {
    const auto job = jobs_.Start(user_id, {.to = clock_.Now()}, absl::InfiniteFuture());
    EXPECT_THAT(job, testing::IsOk());
    return job->number;
  }
  bool RunOne() {
    const auto ran = runner_.RunOne([this] { return goes_on_; });
    EXPECT_THAT(ran, testing::IsOk());
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

  testing::FakeClock clock_{absl::FromUnixSeconds(1'790'000'000)};
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

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_BACKFILL_RUNNER_FIXTURE_H_
