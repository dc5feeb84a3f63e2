// The events of a job, as a client of the REST API reads them.

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::StartsWith;

class EventStreamTest : public EndToEndTest {
 protected:
  // Starts a job of the user and returns where its events are.
  static std::string StartJob(const User& user) {
    EXPECT_EQ(api().StoreLastfmKey(user, "the-key", "listener-" + user.name).status, 201);
    const HttpAnswer started = api().Post("/music/backfill/lastfm/", "{}", user.access);
    EXPECT_EQ(started.status, 202) << started.body;
    return absl::StrCat("/music/jobs/", Member(started.body, "job_id"), "/events/");
  }
};

TEST_F(EventStreamTest, TellsAJobToItsEnd) {
  const User user = api().NewUser();
  const std::string target = StartJob(user);
  const HttpAnswer answer =
      Exchange(stack().http_port(), RequestText("GET", target, user.access), absl::Minutes(5));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("content-type"), "text/event-stream");
  EXPECT_EQ(answer.Header("cache-control"), "no-store");
  EXPECT_TRUE(answer.whole);
  ExpectCommonHeaders(answer);
  std::vector<std::string> events = absl::StrSplit(answer.body, "\n\n");
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events.back(), "") << "an event is not whole";
  events.pop_back();
  for (const std::string& event : events) EXPECT_THAT(event, StartsWith("data: {\"job\":{"));
  EXPECT_EQ(Member(events.back().substr(6), "job.state"), "done") << events.back();
  // Of a job that has ended there is one event.
  const HttpAnswer again = api().Get(target, user.access);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, events.back() + "\n\n");
}

TEST_F(EventStreamTest, AnswersHeadAndErrorsAsOtherRoutesDo) {
  const User user = api().NewUser();
  const HttpAnswer head = api().Head(StartJob(user), user.access);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-type"), "text/event-stream");
  EXPECT_EQ(head.body, "");
  for (const char* id : {"lastfm-999999999", "deezer-1", "lastfm", "spotify-1"}) {
    SCOPED_TRACE(id);
    ExpectError(api().Get(absl::StrCat("/music/jobs/", id, "/events/"), user.access), 404,
                "NOT_FOUND");
  }
}

// One after another, more readers than the gateway and the service have places for.
TEST_F(EventStreamTest, ReadersThatLeaveGiveTheirPlacesBack) {
  const User user = api().NewUser();
  const std::string target = StartJob(user);
  for (int i = 0; i < 200; ++i) {
    HttpConnection connection(stack().http_port());
    ASSERT_TRUE(connection.Send(RequestText("GET", target, user.access)));
    ASSERT_THAT(connection.ReadBytes(12, absl::Seconds(30)), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_EQ(api().Get("/users/me/", user.access).status, 200);
}

}  // namespace
}  // namespace playlog::harness
