// A user sees for each day and source how sure it is that every play is stored.

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

class CoverageTest : public EndToEndTest {
 protected:
  static HttpAnswer Get(const User& user, const std::string& query = "") {
    return api().Get(absl::StrCat("/music/coverage/", query), user.access);
  }
};

TEST_F(CoverageTest, AFetchCoversTheDaysSinceTheOldestPlayOfAFullPage) {
  const User user = api().NewUser();
  EXPECT_EQ(Get(user).body, R"({"results":[],"counts":[]})");
  EXPECT_EQ(api().StoreSpotifyToken(user, absl::StrCat("sync__", user.name)).status, 201);
  EXPECT_EQ(api().FetchSpotify(user).status, 200);
  const HttpAnswer answer = Get(user, "?source=spotify&from=2014-01-01&to=2014-01-02");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body,
            R"({"results":[{"date":"2014-01-02","source":"spotify","state":"possible_gap",)"
            R"("reason":"before_first_fetch"},{"date":"2014-01-01","source":"spotify",)"
            R"("state":"possible_gap","reason":"before_first_fetch"}],"counts":[]})");
  const std::string recent = Get(user).body;
  EXPECT_EQ(CountElements(recent, "results"), 31) << recent;
  EXPECT_EQ(CountElements(Get(user, "?source=lastfm").body, "results"), 0);
}

TEST_F(CoverageTest, RefusesDatesByTheirNames) {
  const User user = api().NewUser();
  const HttpAnswer answer = Get(user, "?from=2024-02-30");
  ExpectError(answer, 400, "INVALID_PARAMETER");
  EXPECT_THAT(answer.body, HasSubstr("from"));
  ExpectError(Get(user, "?to=tomorrow"), 400, "INVALID_PARAMETER");
  ExpectError(Get(user, "?from=2010-01-01&to=2024-01-01"), 400, "INVALID_PARAMETER");
  ExpectError(api().Get("/music/coverage/"), 401, "AUTHENTICATION_REQUIRED");
}

}  // namespace
}  // namespace playlog::harness
