// What staff see through the gateway, and that nobody else sees it.

#include <gmock/gmock.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/harness/child_process.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSongs[] = "/admin/api/songs";

class AdminTest : public EndToEndTest {
 protected:
  // A member of staff, and two users with plays of both sources, listed.
  static void SetUpTestSuite() {
    if (staff_ != nullptr) return;
    staff_ = new User(api().NewUser());
    stack().database().Execute(
        absl::StrCat("UPDATE auth.users SET staff = true WHERE id = ", staff_->id));
    staff_->access = SignIn(*staff_);
    ann_ = new User(api().NewUser());
    bob_ = new User(api().NewUser());
    for (const User* user : {ann_, bob_}) {
      EXPECT_EQ(api().StoreSpotifyToken(*user, "token-of-" + user->name).status / 100, 2);
      EXPECT_EQ(api().StoreLastfmKey(*user, "key-of-" + user->name, "account-" + user->name).status,
                201);
      EXPECT_EQ(api().FetchSpotify(*user).status, 200);
      EXPECT_EQ(api().FetchLastfm(*user, "?limit=100").status, 200);
    }
    EXPECT_TRUE(AwaitListing());
  }

  static std::string SignIn(const User& user) {
    return Member(
        api()
            .Post("/users/token/", absl::StrCat("{\"username\":", Quoted(user.name),
                                                ",\"password\":", Quoted(user.password), "}"))
            .body,
        "access");
  }

  static bool AwaitListing() {
    return Await(absl::Seconds(20), [] {
      return stack().database().Execute("SELECT count(*) FROM song_store.listing_queue") == "0";
    });
  }

  static std::string Count(const std::string& condition) {
    return stack().database().Execute(
        absl::StrCat("SELECT count(*) FROM song_store.plays WHERE ", condition));
  }

  static HttpAnswer Get(const std::string& target) { return api().Get(target, staff_->access); }

  // The ids of every page of a list.
  static std::vector<std::string> Walk(const std::string& query) {
    std::vector<std::string> ids;
    std::string cursor;
    for (int pages = 0; pages < 200; ++pages) {
      const HttpAnswer answer =
          Get(absl::StrCat(kSongs, "?limit=30", query, cursor.empty() ? "" : "&cursor=", cursor));
      EXPECT_EQ(answer.status, 200) << answer.body;
      const int count = CountElements(answer.body, "results");
      for (int i = 0; i < count; ++i) {
        ids.push_back(Member(answer.body, absl::StrCat("results.", i, ".song.id")));
      }
      cursor = Member(answer.body, "next");
      if (cursor.empty() || cursor == "null") return ids;
    }
    ADD_FAILURE() << "the list has no end";
    return ids;
  }

  static void ExpectCount(const std::string& query, const std::string& condition) {
    const std::vector<std::string> ids = Walk(query);
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size()) << query;
    EXPECT_EQ(absl::StrCat(ids.size()), Count(condition)) << query;
    const HttpAnswer counted =
        Get(absl::StrCat(kSongs, "/count", query.empty() ? "" : "?" + query.substr(1)));
    EXPECT_EQ(Member(counted.body, "total.count"), Count(condition)) << query << counted.body;
    EXPECT_EQ(Member(counted.body, "total.capped"), "false") << query;
  }

  static User* staff_;
  static User* ann_;
  static User* bob_;
};

User* AdminTest::staff_ = nullptr;
User* AdminTest::ann_ = nullptr;
User* AdminTest::bob_ = nullptr;

TEST_F(AdminTest, OnlyStaffGetIn) {
  for (const std::string target : {"", "/count", "/periods?period=year", "/1", "/export"}) {
    const std::string path = kSongs + target;
    ExpectError(api().Get(path), 401, "AUTHENTICATION_REQUIRED");
    ExpectError(api().Get(path, ann_->access), 403, "PERMISSION_DENIED");
    ExpectError(api().Post(path, "{}", staff_->access), 405, "METHOD_NOT_ALLOWED");
    ExpectError(api().Delete(path, staff_->access), 405, "METHOD_NOT_ALLOWED");
    ExpectError(api().Put(path, "{}", staff_->access), 405, "METHOD_NOT_ALLOWED");
  }
  for (const std::string path : {"/admin/api/users", "/admin/api/users/1", "/admin/api/audit",
                                 "/admin/api/batches", "/admin/api/users/songs?user_ids=1"}) {
    ExpectError(api().Get(path, ann_->access), 403, "PERMISSION_DENIED");
  }
}

TEST_F(AdminTest, EveryFilterFindsWhatTheStoreHas) {
  ExpectCount("", "true");
  ExpectCount("&filter.source=spotify", "source = 1");
  ExpectCount("&filter.source=lastfm", "source = 2");
  ExpectCount("&filter.loved=true", "loved");
  ExpectCount("&filter.loved=false", "loved IS NOT TRUE");
  ExpectCount("&filter.streamable=true", "streamable");
  ExpectCount(absl::StrCat("&filter.user_id=", ann_->id), absl::StrCat("user_id = ", ann_->id));
  const std::string batch = stack().database().Execute("SELECT max(id) FROM song_store.batches");
  ExpectCount("&filter.batch_id=" + batch, "batch_id = " + batch);
  const std::string middle = stack().database().Execute(
      "SELECT to_char(percentile_disc(0.5) WITHIN GROUP (ORDER BY played_at), "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM song_store.plays");
  ExpectCount("&filter.from=" + middle, absl::StrCat("played_at >= '", middle, "'"));
  ExpectCount("&filter.until=" + middle, absl::StrCat("played_at < '", middle, "'"));
  for (const std::string field : {"track_mbid", "artist_mbid", "album_mbid"}) {
    const std::string mbid = stack().database().Execute(absl::StrCat(
        "SELECT ", field, " FROM song_store.plays WHERE ", field, " <> '' ORDER BY id LIMIT 1"));
    ASSERT_FALSE(mbid.empty()) << field;
    ExpectCount(absl::StrCat("&filter.", field, "=", mbid), absl::StrCat(field, " = '", mbid, "'"));
    ExpectCount("&filter.q=" + mbid,
                absl::StrCat("'", mbid, "' IN (track_mbid, artist_mbid, album_mbid)"));
  }
  ExpectCount("&filter.q=" + ann_->name, absl::StrCat("user_id = ", ann_->id));
}

TEST_F(AdminTest, EveryOrderShowsEverySongOnce) {
  for (const std::string column :
       {"id", "played_at", "user_id", "title", "artist", "album", "source", "loved", "streamable",
        "duration_ms", "batch_id", "track_mbid", "artist_mbid", "album_mbid"}) {
    for (const std::string sign : {"", "-"}) {
      const std::vector<std::string> ids = Walk(absl::StrCat("&order_by=", sign, column));
      EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size()) << sign << column;
      EXPECT_EQ(absl::StrCat(ids.size()), Count("true")) << sign << column;
    }
  }
}

TEST_F(AdminTest, ShowsEveryFieldOfASongAndItsBatch) {
  const HttpAnswer list = Get(absl::StrCat(kSongs, "?limit=1&filter.source=lastfm"));
  const std::string id = Member(list.body, "results.0.song.id");
  const HttpAnswer answer = Get(absl::StrCat(kSongs, "/", id));
  ASSERT_EQ(answer.status, 200) << answer.body;
  ExpectCommonHeaders(answer);
  EXPECT_EQ(Member(answer.body, "result"), Member(list.body, "results.0"));
  EXPECT_EQ(Member(answer.body, "result.song.source"), "lastfm");
  EXPECT_EQ(Member(answer.body, "batch.origin"), "fetch");
  EXPECT_EQ(Member(answer.body, "batch.username"), Member(answer.body, "result.username"));
  for (const char* field : {"album_thumbnail_small", "album_thumbnail_medium",
                            "album_thumbnail_large", "album_thumbnail_extralarge", "track_mbid"}) {
    EXPECT_NE(Member(answer.body, absl::StrCat("result.song.", field)), "") << field;
  }
  ExpectError(Get(absl::StrCat(kSongs, "/999999999")), 404, "NOT_FOUND");
  ExpectError(Get(absl::StrCat(kSongs, "/x")), 400, "INVALID_PARAMETER");
}

TEST_F(AdminTest, NamesWhatIsWrongWithARequest) {
  for (const auto& [query, code] :
       std::map<std::string, std::string>{{"order_by=name", "INVALID_PARAMETER"},
                                          {"limit=0", "INVALID_PARAMETER"},
                                          {"cursor=abc", "INVALID_PARAMETER"},
                                          {"filter.source=deezer", "INVALID_PARAMETER"},
                                          {"filter.from=today", "INVALID_PARAMETER"},
                                          {"filter.user_id=0", "INVALID_PARAMETER"},
                                          {"filter.loved=1", "INVALID_PARAMETER"},
                                          {"source=spotify", "UNKNOWN_PARAMETER"},
                                          {"filter=x", "UNKNOWN_PARAMETER"}}) {
    const std::string text = ExpectError(Get(absl::StrCat(kSongs, "?", query)), 400, code);
    EXPECT_THAT(text, HasSubstr(query.substr(0, query.find('=')))) << query;
  }
}

TEST_F(AdminTest, CountsByYearMonthAndDay) {
  const HttpAnswer years = Get(absl::StrCat(kSongs, "/periods?period=year"));
  ASSERT_EQ(years.status, 200) << years.body;
  int sum = 0;
  for (int i = 0; i < CountElements(years.body, "results"); ++i) {
    sum += std::stoi(Member(years.body, absl::StrCat("results.", i, ".songs.count")));
  }
  EXPECT_EQ(absl::StrCat(sum), Count("true"));
  const std::string from = Member(years.body, "results.0.from");
  const std::string until = Member(years.body, "results.0.until");
  const HttpAnswer months = Get(
      absl::StrCat(kSongs, "/periods?period=month&filter.from=", from, "&filter.until=", until));
  EXPECT_EQ(months.status, 200) << months.body;
  EXPECT_LE(CountElements(months.body, "results"), 12);
  EXPECT_GE(CountElements(months.body, "results"), 1);
}

TEST_F(AdminTest, ExportsTheFilteredListAsCsv) {
  const HttpAnswer answer =
      Get(absl::StrCat(kSongs, "/export?order_by=title&filter.user_id=", bob_->id));
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(answer.Header("content-type"), "text/csv; charset=utf-8");
  EXPECT_THAT(answer.Header("content-disposition"), HasSubstr("playlog-songs.csv"));
  ExpectCommonHeaders(answer);
  EXPECT_THAT(answer.body, StartsWith("id,played_at,user_id,username,title,"));
  EXPECT_EQ(absl::StrCat(CountOf(answer.body, absl::StrCat(",", bob_->id, ",", bob_->name, ","))),
            Count(absl::StrCat("user_id = ", bob_->id)));
  EXPECT_EQ(CountOf(answer.body, ann_->name), 0);
}

TEST_F(AdminTest, ListsUsersWithTheirKeysAndSongs) {
  const HttpAnswer users = Get("/admin/api/users?q=" + ann_->name);
  ASSERT_EQ(users.status, 200) << users.body;
  EXPECT_EQ(CountElements(users.body, "results"), 1);
  EXPECT_EQ(Member(users.body, "results.0.username"), ann_->name);
  EXPECT_EQ(Member(users.body, "results.0.staff"), "false");
  EXPECT_EQ(CountElements(users.body, "results.0.keys"), 2);
  EXPECT_EQ(Member(users.body, "results.0.keys.0.service_name"), "lastfm");
  EXPECT_EQ(Member(users.body, "results.0.keys.0.state"), "ok");
  EXPECT_THAT(users.body, Not(HasSubstr("key-of-")));
  EXPECT_THAT(users.body, Not(HasSubstr("token-of-")));
  const HttpAnswer songs =
      Get(absl::StrCat("/admin/api/users/songs?user_ids=", ann_->id, "&user_ids=", staff_->id));
  ASSERT_EQ(songs.status, 200) << songs.body;
  EXPECT_EQ(Member(songs.body, "results.0.by_source.0.songs.count"),
            Count(absl::StrCat("source = 1 AND user_id = ", ann_->id)));
  EXPECT_EQ(Member(songs.body, "results.1.by_source.1.songs.count"), "0");
  const HttpAnswer one = Get(absl::StrCat("/admin/api/users/", staff_->id));
  EXPECT_EQ(Member(one.body, "result.staff"), "true");
}

TEST_F(AdminTest, ListsBatchesAndEvents) {
  const HttpAnswer batches = Get(absl::StrCat("/admin/api/batches?user_id=", ann_->id));
  ASSERT_EQ(batches.status, 200) << batches.body;
  EXPECT_EQ(CountElements(batches.body, "results"), 2);
  EXPECT_EQ(Member(batches.body, "results.0.username"), ann_->name);
  const HttpAnswer events =
      Get(absl::StrCat("/admin/api/audit?action=key_stored&user_id=", bob_->id));
  ASSERT_EQ(events.status, 200) << events.body;
  EXPECT_EQ(CountElements(events.body, "results"), 2);
  EXPECT_EQ(Member(events.body, "results.0.event.action"), "key_stored");
  EXPECT_EQ(Member(events.body, "results.0.username"), bob_->name);
}

TEST_F(AdminTest, EachCallOfStaffLeavesALineThatSaysWhose) {
  const std::map<std::string, std::string> targets = {{"song_store", kSongs},
                                                      {"auth", "/admin/api/users"}};
  for (const auto& row : targets) {
    const std::string& service = row.first;
    std::size_t position = 0;
    stack().LogLines(service, position);
    const HttpAnswer answer = Get(row.second);
    ASSERT_EQ(answer.status, 200);
    const std::string request_id = answer.Header("x-request-id");
    std::vector<std::string> lines;
    Await(absl::Seconds(10), [&] {
      for (const std::string& line : stack().LogLines(service, position)) {
        if (Member(line, "request_id") == request_id && Member(line, "event") == "staff_rpc") {
          lines.push_back(line);
        }
      }
      return !lines.empty();
    });
    ASSERT_EQ(lines.size(), 1U) << service;
    EXPECT_EQ(Member(lines[0], "staff_id"), absl::StrCat(staff_->id));
    EXPECT_THAT(Member(lines[0], "method"), HasSubstr("/List"));
  }
}

TEST_F(AdminTest, AnErasedUserIsGoneFromEveryAnswer) {
  const User user = api().NewUser();
  EXPECT_EQ(api().StoreLastfmKey(user, "key-of-erased", "account-" + user.name).status, 201);
  EXPECT_EQ(api().FetchLastfm(user).status, 200);
  ASSERT_TRUE(AwaitListing());
  const std::string query = absl::StrCat("&filter.user_id=", user.id);
  EXPECT_FALSE(Walk(query).empty());
  EXPECT_EQ(api().Delete("/users/me/", user.access).status, 204);
  EXPECT_TRUE(Await(absl::Seconds(60), [&] { return Walk(query).empty(); }));
  EXPECT_EQ(CountElements(Get("/admin/api/users?q=" + user.name).body, "results"), 0);
  // Batches are erased behind the songs that they brought.
  const std::string batches = absl::StrCat("/admin/api/batches?user_id=", user.id);
  EXPECT_TRUE(
      Await(absl::Seconds(60), [&] { return CountElements(Get(batches).body, "results") == 0; }));
}

}  // namespace
}  // namespace playlog::harness
