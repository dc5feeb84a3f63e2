// A deleted user is gone: at once for everybody who asks, and within a minute from every table of
// every service, whoever was away or killed meanwhile. Proven by a search of the whole database.

#include <gmock/gmock.h>
#include <signal.h>

#include <iostream>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/end_to_end/personal_data.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAreArray;

constexpr absl::Duration kPromised = absl::Minutes(1);

// What stays of a deleted user: its id, which is never used again, and times. Nothing else may.
const std::set<std::string>& Tombstones() {
  static const auto& tombstones = *new std::set<std::string>{
      "auth.erasures.user_id", "lastfm_ingest.erased_users.user_id",
      "song_store.erased_users.user_id", "spotify_ingest.erased_users.user_id",
      "song_store.user_revisions.user_id",
      // For as long as an access token of the user could still be good.
      "auth.revocations.user_id"};
  return tombstones;
}

class ErasureTest : public EndToEndTest {
 protected:
  static bool IsErased(const Person& person) {
    return stack().database().Execute(
               absl::StrCat("SELECT count(*) FROM auth.erasures WHERE user_id = ", person.user.id,
                            " AND done_at IS NOT NULL")) == "1";
  }
  static int Attempts(const Person& person) {
    return std::atoi(stack()
                         .database()
                         .Execute(absl::StrCat(
                             "SELECT attempts FROM auth.erasures WHERE user_id = ", person.user.id))
                         .c_str());
  }

  static void Delete(const Person& person) {
    const HttpAnswer answer = api().Delete("/users/me/", person.user.access);
    EXPECT_EQ(answer.status, 204) << answer.body;
    EXPECT_LT(answer.duration, absl::Seconds(3));
  }

  // Waits until the erasure is done, and then looks for what is left.
  static void ExpectGoneInTime(const Person& person) {
    const absl::Time begin = absl::Now();
    ASSERT_TRUE(Await(
        kPromised, [&] { return IsErased(person); }, absl::Milliseconds(50)));
    std::cout << "erased after " << absl::FormatDuration(absl::Now() - begin) << " and "
              << Attempts(person) << " attempts\n";
    ExpectNothingLeft(person);
  }
  static void ExpectNothingLeft(const Person& person) {
    EXPECT_THAT(FindText(stack(), person.canary), IsEmpty());
    EXPECT_THAT(FindText(stack(), person.secret), IsEmpty());
    EXPECT_THAT(FindUserId(stack(), person.user.id), UnorderedElementsAreArray(Tombstones()));
  }
};

TEST_F(ErasureTest, NothingOfADeletedUserIsLeftInAnyTable) {
  const Person other = NewPerson(stack());
  const Person person = NewPerson(stack());
  ASSERT_TRUE(Await(absl::Seconds(20), [] {
    return stack().database().Execute("SELECT count(*) FROM song_store.listing_queue") == "0";
  })) << "the listing of plays for staff is not filled";
  // The search finds what there is to be found.
  const auto places = FindText(stack(), person.canary);
  EXPECT_THAT(places, IsSupersetOf({"auth.users.username", "auth.api_credentials.service_user_id",
                                    "song_store.plays.title", "song_store.listed_tracks.words",
                                    "spotify_ingest.rejected_items.raw",
                                    "lastfm_ingest.rejected_items.raw"}));
  EXPECT_THAT(FindText(stack(), person.secret), IsEmpty()) << "a key is stored in the clear";
  EXPECT_THAT(
      FindUserId(stack(), person.user.id),
      IsSupersetOf({"auth.users.id", "auth.api_credentials.user_id", "auth.audit_events.user_id",
                    "auth.refresh_families.user_id", "song_store.batches.user_id",
                    "song_store.plays.user_id", "song_store.listed_plays.user_id",
                    "song_store.listed_users.user_id", "spotify_ingest.rate_limits.user_id",
                    "lastfm_ingest.rate_limits.user_id", "lastfm_ingest.jobs.user_id"}));
  const auto of_other = FindUserId(stack(), other.user.id);

  Delete(person);
  EXPECT_THAT(api().Delete("/users/me/", person.user.access).status, AnyOf(204, 401));
  const std::string sign_in = absl::StrCat("{\"username\":", Quoted(person.user.name),
                                           ",\"password\":", Quoted(person.user.password), "}");
  ExpectError(api().Post("/users/token/", sign_in), 401, "INVALID_CREDENTIALS");
  ExpectError(api().Post("/users/token/refresh/",
                         absl::StrCat("{\"refresh\":", Quoted(person.user.refresh), "}")),
              401, "INVALID_TOKEN");
  ExpectError(api().Get("/users/me/", person.user.access), 401, "INVALID_TOKEN");
  ExpectGoneInTime(person);
  // Nobody else has lost anything.
  EXPECT_EQ(FindUserId(stack(), other.user.id), of_other);
  EXPECT_EQ(api().Get("/users/me/", other.user.access).status, 200);
  EXPECT_GT(CountElements(api().StoredSongs(other.user).body, "results"), 0);

  // The name is free for a user who has nothing of the old one.
  const HttpAnswer again = api().Post("/users/register/", sign_in);
  EXPECT_EQ(again.status, 201) << again.body;
  User successor = person.user;
  successor.access = Member(api().Post("/users/token/", sign_in).body, "access");
  EXPECT_EQ(CountElements(api().StoredSongs(successor).body, "results"), 0);
}

TEST_F(ErasureTest, AFetchThatIsUnderWayBringsNothingBack) {
  for (const bool spotify : {true, false}) {
    SCOPED_TRACE(spotify ? "spotify" : "lastfm");
    Person person = NewPerson(stack());
    // Another key, whose source takes its time. The rate limit was that of the key before.
    const std::string credential = "scenario:slow:3000__" + person.canary;
    EXPECT_EQ((spotify ? api().StoreSpotifyToken(person.user, credential)
                       : api().StoreLastfmKey(person.user, person.lastfm_key, credential))
                  .status,
              200);
    const std::size_t tried = stack().standins().Calls(credential).size();
    HttpAnswer answer;
    std::thread fetch([&] {
      answer = spotify ? api().FetchSpotify(person.user) : api().FetchLastfm(person.user);
    });
    EXPECT_TRUE(Await(absl::Seconds(10),
                      [&] { return stack().standins().Calls(credential).size() > tried; }));
    Delete(person);
    ExpectGoneInTime(person);
    fetch.join();
    EXPECT_EQ(answer.status, 401) << answer.body;
    ExpectNothingLeft(person);
  }
}

TEST_F(ErasureTest, AuthMayBeKilledRightAfterTheAnswer) {
  const Person person = NewPerson(stack());
  // The song store hangs, so that the erasure is in its middle when auth dies.
  stack().process("song_store").Signal(SIGSTOP);
  Delete(person);
  EXPECT_TRUE(Await(absl::Seconds(10), [&] { return Attempts(person) > 0; }));
  EXPECT_EQ(stack().End("auth", SIGKILL), -SIGKILL);
  stack().process("song_store").Signal(SIGCONT);
  stack().Restart("auth");
  ExpectGoneInTime(person);
  EXPECT_TRUE(stack().AwaitReady(absl::Seconds(30)));
}

TEST_F(ErasureTest, AServiceMayBeKilledInTheMiddleOfItsPart) {
  for (const char* service : {"song_store", "spotify_ingest", "lastfm_ingest"}) {
    SCOPED_TRACE(service);
    const Person person = NewPerson(stack());
    stack().process(service).Signal(SIGSTOP);
    Delete(person);
    EXPECT_TRUE(Await(absl::Seconds(10), [&] { return Attempts(person) > 0; }));
    EXPECT_EQ(stack().End(service, SIGKILL), -SIGKILL);
    stack().Restart(service);
    ExpectGoneInTime(person);
    EXPECT_TRUE(stack().AwaitReady(absl::Seconds(30)));
  }
}

TEST_F(ErasureTest, AServiceMayBeAwayWhenAUserIsDeleted) {
  for (const char* service : {"song_store", "spotify_ingest", "lastfm_ingest"}) {
    SCOPED_TRACE(service);
    const Person person = NewPerson(stack());
    EXPECT_EQ(stack().End(service, SIGKILL), -SIGKILL);
    Delete(person);
    // The others are not held up by the one that is away.
    EXPECT_TRUE(Await(absl::Seconds(10), [&] { return Attempts(person) > 2; }));
    EXPECT_FALSE(IsErased(person));
    stack().Restart(service);
    ExpectGoneInTime(person);
    EXPECT_TRUE(stack().AwaitReady(absl::Seconds(30)));
  }
}

}  // namespace
}  // namespace playlog::harness
