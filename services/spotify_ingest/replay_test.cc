// Polls a simulated Spotify over a month of one listener in virtual time, with the model of the
// pauses, the engine, the source and the parser of the service: nothing that was ever shown is
// missing in the end, and few requests were needed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/time_format.h"
#include "common/http/fake_client.h"
#include "common/ingest/coverage_recorder.h"
#include "common/ingest/engine.h"
#include "common/ingest/fake_coverage_store.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_store.h"
#include "common/ingest/poll_interval.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "services/spotify_ingest/replay_listener.h"
#include "services/spotify_ingest/source.h"

namespace playlog::spotify_ingest {
namespace {

using ::playlog::testing::FakeClock;
using ::playlog::testing::IsOk;

constexpr std::int64_t kUser = 7;
constexpr std::size_t kWindow = 50;
constexpr int kRequestsInAnyHour = 100;

// A play by what makes it one.
using Key = std::pair<absl::Time, std::string>;

// Since when and until when Spotify showed a play.
struct Shown {
  absl::Time from;
  absl::Time until = absl::InfiniteFuture();
};

// The recently played list of one listener: the newest 50, by the time they ended, of what has been
// reported. It answers as Spotify does, to `after` too, and can fail for a while.
class SimulatedSpotify {
 public:
  SimulatedSpotify(std::vector<HeardPlay> plays, FakeClock& clock)
      : plays_(std::move(plays)), clock_(clock) {
    ReportUntil(clock.Now());
    shown_.clear();
    Show(clock.Now());
  }

  void FailBetween(absl::Time from, absl::Time until) { outages_.emplace_back(from, until); }

  http::Response Answer(const http::Request& request) {
    const absl::Time now = clock_.Now();
    requests_.push_back(now);
    for (const auto& [from, until] : outages_) {
      if (now >= from && now < until) return {.status = 503, .body = "Service unavailable"};
    }
    ReportUntil(now);
    std::vector<std::string> items;
    for (auto shown = window_.rbegin(); shown != window_.rend(); ++shown) {
      const HeardPlay& play = *shown->second;
      if (absl::ToUnixMillis(play.ended_at) > After(request.url)) items.push_back(Item(play));
    }
    return {.status = 200,
            .body = absl::StrCat("{\"items\":[", absl::StrJoin(items, ","),
                                 "],\"next\":null,\"cursors\":null,\"limit\":50}")};
  }

  // Everything that a poller could have seen at some instant from the start until now.
  const std::map<Key, Shown>& shown() {
    ReportUntil(clock_.Now());
    return shown_;
  }
  const std::vector<absl::Time>& requests() const { return requests_; }

 private:
  // Takes in what has been reported, moment by moment.
  void ReportUntil(absl::Time now) {
    while (next_ < plays_.size() && plays_[next_].reported_at <= now) {
      const absl::Time moment = plays_[next_].reported_at;
      for (; next_ < plays_.size() && plays_[next_].reported_at == moment; ++next_) {
        window_.emplace(KeyOf(plays_[next_]), &plays_[next_]);
      }
      while (window_.size() > kWindow) {
        const auto pushed_out = shown_.find(window_.begin()->first);
        if (pushed_out != shown_.end()) pushed_out->second.until = moment;
        window_.erase(window_.begin());
      }
      Show(moment);
    }
  }
  void Show(absl::Time moment) {
    for (const auto& [key, play] : window_) shown_.emplace(key, Shown{moment});
  }
  static Key KeyOf(const HeardPlay& play) { return {play.ended_at, play.title}; }
  // The cursor that the address asks for, in milliseconds; 0 without one.
  static std::int64_t After(const std::string& url) {
    for (const absl::string_view parameter : absl::StrSplit(url, absl::ByAnyChar("?&"))) {
      std::int64_t after = 0;
      if (absl::StartsWith(parameter, "after=") && absl::SimpleAtoi(parameter.substr(6), &after)) {
        return after;
      }
    }
    return 0;
  }
  static std::string Item(const HeardPlay& play) {
    return absl::StrCat("{\"track\":{\"name\":\"", play.title,
                        "\",\"artists\":[{\"name\":\"Ada\"},{\"name\":\"Bo\"}],\"album\":{\"name\":"
                        "\"Lanterns\",\"images\":[]},\"duration_ms\":",
                        play.duration_ms, ",\"external_ids\":{}},\"played_at\":\"",
                        FormatRfc3339(play.ended_at), "\",\"context\":null}");
  }

  const std::vector<HeardPlay> plays_;
  FakeClock& clock_;
  std::vector<std::pair<absl::Time, absl::Time>> outages_;
  std::size_t next_ = 0;
  std::map<Key, const HeardPlay*> window_;
  std::map<Key, Shown> shown_;
  std::vector<absl::Time> requests_;
};

// The most requests within any hour.
int MostInAnHour(const std::vector<absl::Time>& requests) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < requests.size(); ++last) {
    while (requests[last] - requests[first] >= absl::Hours(1)) ++first;
    most = std::max(most, last - first + 1);
  }
  return static_cast<int>(most);
}

class Replay {
 public:
  explicit Replay(std::uint64_t seed) : random_(seed), heard_(HearForAMonth(seed, kStart)) {
    vault_.Put(kUser, {.key = Secret("token"), .account = "", .version = 1});
    network_.Add([this](const http::Request& request) { return spotify_.Answer(request); });
  }

  static constexpr absl::Time kStart = absl::FromUnixSeconds(1'790'000'000);
  static constexpr absl::Time kEnd = absl::FromUnixSeconds(1'790'000'000 + 30 * 24 * 3600);

  SimulatedSpotify& spotify() { return spotify_; }
  const std::vector<HeardPlay>& heard() const { return heard_; }

  // Polls as the scheduler does, and a last time at the end.
  void PollUntil(absl::Time end) {
    while (clock_.Now() < end) {
      clock_.Advance(std::min(Poll(), end - clock_.Now()));
    }
    Poll();
  }
  void SleepUntil(absl::Time end) { clock_.Advance(end - clock_.Now()); }

  std::set<Key> Stored() {
    std::set<Key> stored;
    for (const songs::v1::Play& play : sink_.plays(kUser)) {
      stored.emplace(ingest::PlayedAtOf(play), play.title());
    }
    return stored;
  }
  // What was shown for at least that long and is not stored.
  std::set<Key> Missed(absl::Duration at_least = absl::ZeroDuration()) {
    std::set<Key> missed;
    const std::set<Key> stored = Stored();
    for (const auto& [key, shown] : spotify_.shown()) {
      if (!stored.contains(key) && shown.until - shown.from >= at_least) missed.insert(key);
    }
    return missed;
  }
  ingest::Coverage Coverage() {
    return (*coverage_store_.LoadCoverage(kUser, absl::InfiniteFuture()))->coverage;
  }
  void Print(std::uint64_t seed) {
    const auto late = std::count_if(heard_.begin(), heard_.end(),
                                    [](const HeardPlay& play) { return play.IsLate(); });
    const auto hidden = std::count_if(heard_.begin(), heard_.end(),
                                      [](const HeardPlay& play) { return play.IsPrivate(); });
    std::printf(
        "replay: seed %d: heard %zu (late %d, private %d), shown %zu (late %d), stored %zu, missed "
        "%zu and %zu that were shown for less than a pause, requests %zu, at most %d in an hour\n",
        static_cast<int>(seed), heard_.size(), static_cast<int>(late), static_cast<int>(hidden),
        spotify_.shown().size(), LateShown(), Stored().size(), Missed(kPause).size(),
        Missed().size() - Missed(kPause).size(), spotify_.requests().size(),
        MostInAnHour(spotify_.requests()));
  }

  static constexpr ingest::PollOptions kOptions = ingest::WindowPolling(kWindow);
  // The longest one while somebody listens.
  static constexpr absl::Duration kPause = kOptions.listening;

 private:
  int LateShown() {
    const std::map<Key, Shown>& shown = spotify_.shown();
    return static_cast<int>(
        std::count_if(heard_.begin(), heard_.end(), [&shown](const HeardPlay& play) {
          return play.IsLate() && shown.contains({play.ended_at, play.title});
        }));
  }
  double Jitter() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  // Polls once and returns the pause until the next time.
  absl::Duration Poll() {
    rpc::Call call;
    call.user_id = kUser;
    call.deadline = clock_.Now() + absl::Seconds(30);
    const absl::Time asked_at = clock_.Now();
    const auto fetched = engine_.Fetch(call, kUser, kWindow, ingest::Priority::kBackground);
    const absl::Time now = clock_.Now();
    if (!fetched.ok()) {
      return ingest::PauseAfterFailure(rhythm_, now, ++failures_, Jitter(), kOptions);
    }
    failures_ = 0;
    EXPECT_THAT(recorder_.RecordLook(kUser, ingest::LookOf(*fetched, kWindow, asked_at),
                                     absl::InfiniteFuture()),
                IsOk());
    std::vector<absl::Time> ends;
    for (const songs::v1::Play& play : fetched->plays) ends.push_back(ingest::PlayedAtOf(play));
    rhythm_ = ingest::Learn(rhythm_, ends, now, kOptions);
    return ingest::PauseAfterSuccess(rhythm_, now, Jitter(), kOptions);
  }

  std::mt19937_64 random_;
  const std::vector<HeardPlay> heard_;
  FakeClock clock_{kStart};
  SimulatedSpotify spotify_{heard_, clock_};
  http::FakeClient network_{clock_};
  ingest::FakeKeyVault vault_;
  ingest::FakePlaySink sink_;
  ingest::FakeStore store_;
  SpotifySource source_{network_, clock_, "https://api.spotify.com"};
  ingest::Engine engine_{source_, vault_, sink_, store_, clock_, [this] { return Jitter(); }};
  ingest::FakeCoverageStore coverage_store_;
  ingest::CoverageRecorder recorder_{coverage_store_};
  ingest::PlayRhythm rhythm_;
  int failures_ = 0;
};

class ReplayTest : public ::testing::TestWithParam<std::uint64_t> {};
class TroubledReplayTest : public ReplayTest {};

// A late play that appears in one of the last places, and is pushed out by the next plays before
// the next look, is seen by nobody who looks at intervals. That is all that may be missing, and
// hardly ever is.
TEST_P(ReplayTest, StoresEveryPlayThatSpotifyEverShows) {
  Replay replay(GetParam());
  replay.PollUntil(Replay::kEnd);
  replay.Print(GetParam());
  const std::map<Key, Shown>& shown = replay.spotify().shown();
  EXPECT_GT(shown.size(), 300U);
  EXPECT_THAT(replay.Missed(Replay::kPause), ::testing::IsEmpty());
  EXPECT_LE(replay.Missed().size(), 2U);
  EXPECT_LE(MostInAnHour(replay.spotify().requests()), kRequestsInAnyHour);
  // Nothing is invented, and nobody is alarmed without a reason.
  for (const Key& key : replay.Stored()) EXPECT_TRUE(shown.contains(key)) << key.second;
  EXPECT_EQ(replay.Coverage().spans.size(), 1U);
}

TEST_P(TroubledReplayTest, GetsOverShortOutages) {
  Replay replay(GetParam());
  for (int day = 1; day < 30; day += 3) {
    const absl::Time from = Replay::kStart + absl::Hours(day * 24 + 18);
    replay.spotify().FailBetween(from, from + absl::Minutes(4));
  }
  replay.PollUntil(Replay::kEnd);
  replay.Print(GetParam());
  EXPECT_THAT(replay.Missed(Replay::kPause), ::testing::IsEmpty());
  EXPECT_LE(MostInAnHour(replay.spotify().requests()), kRequestsInAnyHour);
}

// Ten days without a poll are longer than the window.
TEST_P(TroubledReplayTest, SaysWhereADownTimeMayHaveLostPlays) {
  Replay replay(GetParam());
  const absl::Time down = Replay::kStart + absl::Hours(10 * 24);
  const absl::Time up = down + absl::Hours(10 * 24);
  replay.PollUntil(down);
  replay.SleepUntil(up);
  replay.PollUntil(Replay::kEnd);
  const std::set<Key> missed = replay.Missed();
  replay.Print(GetParam());
  const ingest::Coverage coverage = replay.Coverage();
  for (const HeardPlay& play : replay.heard()) {
    // Late plays that came and went meanwhile belong to days that were whole before.
    if (play.IsLate() || !missed.contains({play.ended_at, play.title})) continue;
    for (const ingest::CoveredSpan& span : coverage.spans) {
      EXPECT_FALSE(play.ended_at > span.from && play.ended_at < span.until)
          << FormatRfc3339(play.ended_at);
    }
  }
  EXPECT_FALSE(missed.empty());
  EXPECT_GT(coverage.spans.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReplayTest, ::testing::Range<std::uint64_t>(1, 9));
INSTANTIATE_TEST_SUITE_P(Seeds, TroubledReplayTest, ::testing::Range<std::uint64_t>(1, 3));

}  // namespace
}  // namespace playlog::spotify_ingest
