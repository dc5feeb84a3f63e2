// The whole past of a listener at Last.fm comes in, whatever happens on the way, and everybody can
// see how far it is.

#include <gmock/gmock.h>
#include <signal.h>

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

namespace json = boost::json;
using ::testing::Ge;
using ::testing::SizeIs;

// All listeners stopped listening here, so that nothing is too young for a backfill.
constexpr char kEnd[] = "2026-01-31T12:00:00Z";
constexpr absl::Duration kPatience = absl::Minutes(3);

class BackfillTest : public EndToEndTest {
 protected:
  // A user with that listener, who has so many plays.
  static User NewListener(const std::string& listener, int plays) {
    stack().standins().Post(
        "listener", json::object{{"credential", listener}, {"plays", plays}, {"end", kEnd}});
    User user = api().NewUser();
    EXPECT_EQ(api().StoreLastfmKey(user, "key-" + user.name, listener).status, 201);
    return user;
  }
  static HttpAnswer Start(const User& user, std::string_view body = "{}") {
    return api().Post("/music/backfill/lastfm/", body, user.access);
  }
  static std::string StartJob(const User& user) {
    const HttpAnswer answer = Start(user);
    EXPECT_EQ(answer.status, 202) << answer.body;
    return Member(answer.body, "job_id");
  }
  static std::string PathOf(const std::string& job_id) {
    return absl::StrCat("/music/jobs/", job_id, "/");
  }
  static std::string Job(const User& user, const std::string& job_id) {
    const HttpAnswer answer = api().Get(PathOf(job_id), user.access);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Member(answer.body, "job");
  }
  static std::int64_t Number(std::string_view job, std::string_view path) {
    std::int64_t number = -1;
    const std::string text = Member(job, path);
    return absl::SimpleAtoi(text, &number) ? number : -1;
  }
  static bool HasEnded(std::string_view job) {
    const std::string state = Member(job, "state");
    return state != "queued" && state != "running";
  }
  // The job as it ended.
  static std::string AwaitEnd(const User& user, const std::string& job_id) {
    std::string job;
    EXPECT_TRUE(Await(
        kPatience, [&] { return HasEnded(job = Job(user, job_id)); }, absl::Milliseconds(50)))
        << job;
    return job;
  }
  static bool AwaitDone(const User& user, const std::string& job_id, std::int64_t plays) {
    return Await(
        kPatience, [&] { return Number(Job(user, job_id), "done") >= plays; },
        absl::Milliseconds(50));
  }
  static std::int64_t Stored(const User& user) {
    std::int64_t count = -1;
    const std::string text = stack().database().Execute(
        absl::StrCat("SELECT count(*) FROM song_store.plays WHERE user_id = ", user.id));
    return absl::SimpleAtoi(text, &count) ? count : -1;
  }
  // The pages that the listener was asked for, in that order.
  static std::vector<int> PagesAsked(const std::string& listener) {
    std::vector<int> pages;
    for (const json::value& call : stack().standins().Calls(listener)) {
      const std::string line(call.at("request_line").as_string());
      const std::size_t place = line.find("&page=");
      int page = 1;
      if (place != std::string::npos) page = std::atoi(line.c_str() + place + 6);
      pages.push_back(page);
    }
    return pages;
  }
  // Waits until nobody asks for the listener any more.
  static bool AwaitQuiet(const std::string& listener) {
    std::size_t calls = 0;
    const auto is_quiet = [&] {
      const std::size_t now = PagesAsked(listener).size();
      return std::exchange(calls, now) == now;
    };
    return Await(absl::Seconds(30), is_quiet, absl::Seconds(1));
  }
  // The data of the events of a whole answer.
  static std::vector<std::string> Events(const std::string& body) {
    std::vector<std::string> events;
    for (const auto event : absl::StrSplit(body, "\n\n", absl::SkipEmpty())) {
      EXPECT_TRUE(absl::StartsWith(event, "data: ")) << event;
      events.emplace_back(event.substr(6));
    }
    return events;
  }
  static std::int64_t TallyOf(std::string_view job, const std::string& list,
                              std::string_view reason) {
    for (int i = 0; i < CountElements(job, list); ++i) {
      const std::string path = absl::StrCat(list, ".", i);
      if (Member(job, path + ".reason") == reason) return Number(job, path + ".count");
    }
    return 0;
  }
};

TEST_F(BackfillTest, BringsTheWholePastAndTellsHowItGoesOn) {
  const User user = NewListener("scenario:slow:100__whole", 3000);
  const HttpAnswer started = Start(user);
  ASSERT_EQ(started.status, 202) << started.body;
  const std::string job_id = Member(started.body, "job_id");
  EXPECT_TRUE(absl::StartsWith(job_id, "lastfm-")) << started.body;
  // The same once more, and not another.
  EXPECT_EQ(Member(Start(user).body, "job_id"), job_id);

  const HttpAnswer events = Exchange(
      stack().http_port(), RequestText("GET", PathOf(job_id) + "events/", user.access), kPatience);
  EXPECT_EQ(events.status, 200);
  EXPECT_TRUE(events.whole);
  EXPECT_EQ(events.Header("content-type"), "text/event-stream");
  const std::vector<std::string> told = Events(events.body);
  ASSERT_THAT(told, SizeIs(Ge(3U)));
  std::int64_t walk = 0;
  std::int64_t done = 0;
  for (const std::string& event : told) {
    const std::string job = Member(event, "job");
    EXPECT_EQ(Member(job, "job_id"), job_id);
    if (Number(job, "walks") > walk) done = 0;
    walk = Number(job, "walks");
    EXPECT_GE(Number(job, "done"), done) << event;
    done = Number(job, "done");
  }
  EXPECT_EQ(Member(told.back(), "job.state"), "done");

  const std::string job = Job(user, job_id);
  EXPECT_EQ(Member(job, "state"), "done");
  EXPECT_EQ(Number(job, "done"), 3000);
  EXPECT_EQ(Number(job, "total"), 3000);
  EXPECT_EQ(Number(job, "added"), 3000);
  EXPECT_EQ(Number(job, "walks"), 2);
  EXPECT_EQ(Member(job, "differences"), "[]");
  EXPECT_EQ(Member(job, "rejected"), "[]");
  EXPECT_EQ(Member(job, "last_error"), "null");
  EXPECT_EQ(Member(job, "from"), "null");
  EXPECT_NE(Member(job, "ended_at"), "null");
  EXPECT_EQ(Stored(user), 3000);
  const HttpAnswer list = api().Get("/music/jobs/", user.access);
  EXPECT_EQ(Member(list.body, "results.0.job_id"), job_id);
  EXPECT_EQ(CountElements(list.body, "results"), 1);
}

TEST_F(BackfillTest, ClosesTheGapsOfThePast) {
  const User user = NewListener("covered", 500);
  EXPECT_EQ(Member(AwaitEnd(user, StartJob(user)), "state"), "done");
  const HttpAnswer coverage =
      api().Get("/music/coverage/?source=lastfm&from=2025-12-01&to=2026-01-31", user.access);
  EXPECT_EQ(coverage.status, 200);
  EXPECT_EQ(CountElements(coverage.body, "results"), 62) << coverage.body;
  EXPECT_EQ(CountOf(coverage.body, R"("state":"complete")"), 62) << coverage.body;
  EXPECT_EQ(Number(coverage.body, "counts.0.theirs"), 500);
  EXPECT_EQ(Number(coverage.body, "counts.0.ours"), 500);
}

TEST_F(BackfillTest, BringsASpanAlone) {
  const User user = NewListener("spanner", 3000);
  const HttpAnswer started =
      Start(user, R"({"from":"2026-01-20T00:00:00Z","to":"2026-01-25T00:00:00Z"})");
  ASSERT_EQ(started.status, 202) << started.body;
  const std::string job = AwaitEnd(user, Member(started.body, "job_id"));
  EXPECT_EQ(Member(job, "state"), "done");
  EXPECT_EQ(Member(job, "from"), "2026-01-20T00:00:00Z");
  EXPECT_EQ(Member(job, "to"), "2026-01-25T00:00:00Z");
  EXPECT_EQ(Number(job, "total"), Stored(user));
  EXPECT_GT(Stored(user), 10);
  EXPECT_LT(Stored(user), 3000);
}

TEST_F(BackfillTest, RefusesWhatCannotBeDone) {
  const User user = NewListener("refused", 10);
  ExpectError(api().Post("/music/backfill/spotify/", "{}", user.access), 400, "INVALID_PARAMETER");
  ExpectError(Start(user, R"({"from":"2026-01-25T00:00:00Z","to":"2026-01-20T00:00:00Z"})"), 400,
              "INVALID_FIELD");
  const User keyless = api().NewUser();
  ExpectError(Start(keyless), 400, "LASTFM_KEY_MISSING");
  const std::string job_id = StartJob(user);
  ExpectError(api().Get(PathOf(job_id), keyless.access), 404, "NOT_FOUND");
  ExpectError(api().Get(PathOf(job_id) + "events/", keyless.access), 404, "NOT_FOUND");
  ExpectError(api().Delete(PathOf(job_id), keyless.access), 404, "NOT_FOUND");
  ExpectError(api().Get("/music/jobs/lastfm-999999/", user.access), 404, "NOT_FOUND");
  EXPECT_EQ(Member(AwaitEnd(user, job_id), "state"), "done");
}

TEST_F(BackfillTest, StopsWhenItIsCancelled) {
  const std::string listener = "scenario:slow:100__cancelled";
  const User user = NewListener(listener, 20'000);
  const std::string job_id = StartJob(user);
  ASSERT_TRUE(AwaitDone(user, job_id, 400));
  EXPECT_EQ(api().Delete(PathOf(job_id), user.access).status, 204);
  EXPECT_EQ(api().Delete(PathOf(job_id), user.access).status, 204);
  const std::string job = Job(user, job_id);
  EXPECT_EQ(Member(job, "state"), "cancelled");
  // The page that is being fetched is the last one, or nearly: the news may be some seconds late.
  EXPECT_TRUE(AwaitQuiet(listener));
  EXPECT_LT(PagesAsked(listener).size(), 90U);
  EXPECT_GE(Stored(user), 400);
  EXPECT_EQ(Number(Job(user, job_id), "done"), Number(job, "done"));
}

TEST_F(BackfillTest, GoesOnAtItsPageAfterAKill) {
  const std::string listener = "scenario:slow:100__killed";
  const User user = NewListener(listener, 8000);
  const std::string job_id = StartJob(user);
  ASSERT_TRUE(AwaitDone(user, job_id, 3000));
  EXPECT_EQ(stack().End("lastfm_ingest", SIGKILL), -SIGKILL);
  const std::vector<int> before = PagesAsked(listener);
  stack().Restart("lastfm_ingest");
  ASSERT_TRUE(stack().AwaitReady(absl::Seconds(30)));
  const std::string job = AwaitEnd(user, job_id);
  EXPECT_EQ(Member(job, "state"), "done");
  EXPECT_EQ(Number(job, "total"), 8000);
  EXPECT_EQ(Stored(user), 8000);
  const std::vector<int> after = PagesAsked(listener);
  ASSERT_GT(after.size(), before.size());
  // At most the pages that were read ahead come once more.
  EXPECT_LE(after[before.size()], before.back() + 7);
  EXPECT_GT(after[before.size()], 1);
}

TEST_F(BackfillTest, FindsAScrobbleThatArrivesWhileItWalks) {
  const std::string listener = "scenario:slow:100__late";
  const User user = NewListener(listener, 3000);
  const std::string job_id = StartJob(user);
  ASSERT_TRUE(AwaitDone(user, job_id, 1000));
  // Where the walk has been, and where it has not been yet.
  const std::string oldest = stack().database().Execute(
      absl::StrCat("SELECT to_char(min(played_at) AT TIME ZONE 'UTC' + interval '1 hour', "
                   "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM song_store.plays WHERE user_id = ",
                   user.id));
  for (const std::string& ended_at : {oldest, std::string("2026-01-31T11:00:00Z")}) {
    stack().standins().Post(
        "plays", json::object{{"credential", listener},
                              {"plays", json::array{json::object{{"title", "Late Lantern"},
                                                                 {"artist", "Ada"},
                                                                 {"ended_at", ended_at}}}}});
  }
  const std::string job = AwaitEnd(user, job_id);
  EXPECT_EQ(Member(job, "state"), "done");
  EXPECT_EQ(Number(job, "total"), 3002);
  EXPECT_EQ(Stored(user), 3002);
  EXPECT_EQ(Member(job, "differences"), "[]");
}

TEST_F(BackfillTest, NamesTheRowsThatCouldBeNoPlays) {
  const std::string listener = "rejecting";
  const User user = NewListener(listener, 600);
  stack().standins().Script(
      listener,
      json::array{json::object{{"set", json::object{{"/recenttracks/track/0/date/uts", "0"}}}}},
      "last");
  const std::string job = AwaitEnd(user, StartJob(user));
  EXPECT_EQ(Member(job, "state"), "done");
  EXPECT_EQ(Number(job, "total"), 600);
  EXPECT_EQ(TallyOf(job, "rejected", "time_out_of_range"), 3);
  EXPECT_EQ(TallyOf(job, "differences", "time_out_of_range"), 3);
  EXPECT_EQ(CountElements(job, "differences"), 1);
  EXPECT_EQ(Stored(user), 597);
}

TEST_F(BackfillTest, AsksForSmallerPagesWhereDeepOnesFail) {
  const std::string listener = "scenario:deep_pages_fail:20:100__deep";
  const User user = NewListener(listener, 6000);
  const std::string job = AwaitEnd(user, StartJob(user));
  EXPECT_EQ(Member(job, "state"), "done");
  EXPECT_EQ(Stored(user), 6000);
  EXPECT_EQ(Member(job, "differences"), "[]");
}

TEST_F(BackfillTest, EndsWithWordsWhereOnlyTheUserCanHelp) {
  const User user = NewListener("scenario:private__hidden", 100);
  const std::string job = AwaitEnd(user, StartJob(user));
  EXPECT_EQ(Member(job, "state"), "failed");
  EXPECT_THAT(Member(job, "last_error"), ::testing::HasSubstr("privacy settings"));
}

TEST_F(BackfillTest, ServesTwoUsersAtOnce) {
  const std::string first_listener = "scenario:slow:50__first";
  const std::string second_listener = "scenario:slow:50__second";
  const User first = NewListener(first_listener, 4000);
  const User second = NewListener(second_listener, 4000);
  const std::string first_job = StartJob(first);
  const std::string second_job = StartJob(second);
  ASSERT_TRUE(AwaitDone(second, second_job, 400));
  EXPECT_FALSE(HasEnded(Job(first, first_job)));
  EXPECT_EQ(Member(AwaitEnd(first, first_job), "state"), "done");
  EXPECT_EQ(Member(AwaitEnd(second, second_job), "state"), "done");
  EXPECT_EQ(Stored(first), 4000);
  EXPECT_EQ(Stored(second), 4000);
}

TEST_F(BackfillTest, StopsForAUserWhoLeaves) {
  const std::string listener = "scenario:slow:100__leaving";
  const User user = NewListener(listener, 20'000);
  const std::string job_id = StartJob(user);
  ASSERT_TRUE(AwaitDone(user, job_id, 400));
  EXPECT_EQ(api().Delete("/users/me/", user.access).status, 204);
  EXPECT_TRUE(Await(
      kPatience,
      [&] {
        return stack().database().Execute(absl::StrCat(
                   "SELECT count(*) FROM lastfm_ingest.jobs WHERE user_id = ", user.id)) == "0";
      },
      absl::Milliseconds(100)));
  EXPECT_TRUE(AwaitQuiet(listener));
  EXPECT_EQ(Stored(user), 0);
}

}  // namespace
}  // namespace playlog::harness
