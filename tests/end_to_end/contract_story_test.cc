// The document's story through REST, with the document's own songs: names, order, types, texts and
// statuses of every answer, byte for byte.

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kTimePattern[] =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    "(\\.[0-9]{3}([0-9]{3})?)?Z";

// What a stored key's answer says beyond the document.
constexpr char kHowItFares[] = R"x("state":"(ok|rejected|unverified)","advice":"[^"]*")x";

// A page of Spotify's with the document's example play.
constexpr char kSpotifyPage[] = R"({"items": [{
  "track": {
    "name": "Song Title",
    "artists": [{"name": "Artist Name",
                 "external_urls": {"spotify": "https://open.spotify.com/artist/..."}}],
    "album": {"name": "Album Name", "images": [
        {"url": "https://i.scdn.co/image/...", "width": 640, "height": 640},
        {"url": "https://i.scdn.co/image/small", "width": 64, "height": 64}]},
    "duration_ms": 210000,
    "external_urls": {"spotify": "https://open.spotify.com/track/..."}},
  "played_at": "2024-01-15T14:30:00.123456Z", "context": null}],
  "next": null, "cursors": null, "limit": 50})";

constexpr char kSpotifyAnswer[] =
    R"({"message":"Recently played songs fetched and stored successfully.","data":[)"
    R"({"title":"Song Title","artist":"Artist Name","album":"Album Name",)"
    R"("album_thumbnail":"https://i.scdn.co/image/...",)"
    R"("track_url":"https://open.spotify.com/track/...",)"
    R"("artists_url":"https://open.spotify.com/artist/...","duration_ms":210000,)"
    R"("played_at":"2024-01-15T14:30:00.123456Z","source":"spotify"}]})";

// A page of Last.fm's with something playing now and the document's example scrobble.
constexpr char kLastfmPage[] = R"({"recenttracks": {"track": [
  {"name": "Now", "artist": {"name": "Nobody"}, "@attr": {"nowplaying": "true"}},
  {"name": "Song Title", "mbid": "abc123-def456-ghi789", "loved": "1", "streamable": "0",
   "url": "https://www.last.fm/music/Artist/_/Song",
   "artist": {"name": "Artist Name", "mbid": "xyz789-uvw456-rst123",
              "url": "https://www.last.fm/music/Artist"},
   "album": {"#text": "Album Name", "mbid": "mno345-pqr678-stu901"},
   "image": [
     {"size": "small", "#text": "https://lastfm.freetls.fastly.net/i/u/34s/..."},
     {"size": "medium", "#text": "https://lastfm.freetls.fastly.net/i/u/64s/..."},
     {"size": "large", "#text": "https://lastfm.freetls.fastly.net/i/u/174s/..."},
     {"size": "extralarge", "#text": "https://lastfm.freetls.fastly.net/i/u/300x300/..."}],
   "date": {"uts": "1705329000", "#text": "15 Jan 2024, 14:30"}}],
  "@attr": {"user": "username", "page": "1", "perPage": "100", "total": "1", "totalPages": "1"}}})";

constexpr char kLastfmAnswer[] =
    R"({"message":"Last.fm recent tracks fetched and stored successfully for user 'USER'.",)"
    R"("data":[{"title":"Song Title","artist":"Artist Name","album":"Album Name",)"
    R"("album_thumbnail":"https://lastfm.freetls.fastly.net/i/u/300x300/...",)"
    R"("track_url":"https://www.last.fm/music/Artist/_/Song","artists_url":"","duration_ms":0,)"
    R"("played_at":"2024-01-15T14:30:00","source":"lastfm",)"
    R"("artist_lastfm_url":"https://www.last.fm/music/Artist",)"
    R"("track_mbid":"abc123-def456-ghi789","artist_mbid":"xyz789-uvw456-rst123",)"
    R"("album_mbid":"mno345-pqr678-stu901","loved":true,"streamable":false,"album_thumbnails":{)"
    R"("small":"https://lastfm.freetls.fastly.net/i/u/34s/...",)"
    R"("medium":"https://lastfm.freetls.fastly.net/i/u/64s/...",)"
    R"("large":"https://lastfm.freetls.fastly.net/i/u/174s/...",)"
    R"("extralarge":"https://lastfm.freetls.fastly.net/i/u/300x300/..."}}],"count":1})";

constexpr char kStoredSpotifySong[] =
    R"({"id":ID,"title":"Song Title","artist":"Artist Name","album":"Album Name",)"
    R"("played_at":"2024-01-15T14:30:00.123456Z","album_thumbnail":"https://i.scdn.co/image/...",)"
    R"("track_url":"https://open.spotify.com/track/...",)"
    R"("artists_url":"https://open.spotify.com/artist/...","duration_ms":210000,)"
    R"("source":"spotify","artist_lastfm_url":null,"track_mbid":null,"artist_mbid":null,)"
    R"("album_mbid":null,"loved":false,"streamable":false,"album_thumbnail_small":null,)"
    R"("album_thumbnail_medium":null,"album_thumbnail_large":null,)"
    R"("album_thumbnail_extralarge":null})";

constexpr char kStoredLastfmSong[] =
    R"({"id":ID,"title":"Song Title","artist":"Artist Name","album":"Album Name",)"
    R"("played_at":"2024-01-15T14:30:00Z",)"
    R"("album_thumbnail":"https://lastfm.freetls.fastly.net/i/u/300x300/...",)"
    R"("track_url":"https://www.last.fm/music/Artist/_/Song","artists_url":"","duration_ms":0,)"
    R"("source":"lastfm","artist_lastfm_url":"https://www.last.fm/music/Artist",)"
    R"("track_mbid":"abc123-def456-ghi789","artist_mbid":"xyz789-uvw456-rst123",)"
    R"("album_mbid":"mno345-pqr678-stu901","loved":true,"streamable":false,)"
    R"("album_thumbnail_small":"https://lastfm.freetls.fastly.net/i/u/34s/...",)"
    R"("album_thumbnail_medium":"https://lastfm.freetls.fastly.net/i/u/64s/...",)"
    R"("album_thumbnail_large":"https://lastfm.freetls.fastly.net/i/u/174s/...",)"
    R"("album_thumbnail_extralarge":"https://lastfm.freetls.fastly.net/i/u/300x300/..."})";

// The document's four fields of a key, which come first, as JSON.
std::string DocumentedFields(const boost::json::object& key) {
  boost::json::object documented;
  for (const auto& [name, value] : key) {
    if (documented.size() < 4) documented.emplace(name, value);
  }
  return boost::json::serialize(documented);
}
std::string DocumentedKey(const std::string& body) {
  return DocumentedFields(boost::json::parse(body).as_object());
}
// The same of each key of a list.
std::string DocumentedKeys(const std::string& body) {
  std::string keys;
  const boost::json::value list = boost::json::parse(body);
  for (const auto& key : list.as_object().at("results").as_array()) {
    absl::StrAppend(&keys, keys.empty() ? "" : ",", DocumentedFields(key.as_object()));
  }
  return absl::StrCat("[", keys, "]");
}

class ContractStoryTest : public EndToEndTest {
 protected:
  // The credential's next call gets the page.
  static void Script(const std::string& credential, const char* page) {
    boost::json::object answer;
    answer["body"] = boost::json::parse(page);
    stack().standins().Script(credential, boost::json::array{answer}, "last");
  }

  // The stored song with the id that the database gave it.
  static std::string Stored(const char* song, const User& user, const char* source) {
    const std::string id = stack().database().Execute(
        absl::StrCat("SELECT id FROM song_store.plays WHERE user_id = ", user.id,
                     " AND (track_url LIKE '%spotify%') = ", source));
    return absl::StrReplaceAll(song, {{"ID", id}});
  }

  static void ExpectJson(const HttpAnswer& answer, int status, const std::string& body) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(answer.Header("content-type"), "application/json");
    EXPECT_TRUE(answer.whole);
    ExpectCommonHeaders(answer);
  }
};

TEST_F(ContractStoryTest, AUserRegistersStoresKeysFetchesAndReads) {
  const User user = api().NewUser();
  const std::string token = "token-of-" + user.name;
  const std::string account = "account-of-" + user.name;
  Script(token, kSpotifyPage);
  Script(account, kLastfmPage);

  ASSERT_EQ(api().StoreSpotifyToken(user, token).status, 201);
  ASSERT_EQ(api().StoreLastfmKey(user, "key", account).status, 201);
  ExpectJson(api().StoredSongs(user), 200, R"({"results":[]})");
  ExpectJson(api().FetchSpotify(user), 200, kSpotifyAnswer);
  ExpectJson(api().FetchLastfm(user, "?limit=100"), 200,
             absl::StrReplaceAll(kLastfmAnswer, {{"USER", account}}));
  EXPECT_THAT(boost::json::serialize(stack().standins().Calls(account)), HasSubstr("limit=100"));

  const std::string spotify = Stored(kStoredSpotifySong, user, "true");
  const std::string lastfm = Stored(kStoredLastfmSong, user, "false");
  ExpectJson(api().StoredSongs(user), 200,
             absl::StrCat(R"({"results":[)", spotify, ",", lastfm, "]}"));
  ExpectJson(api().StoredSongs(user, "?source=spotify"), 200,
             absl::StrCat(R"({"results":[)", spotify, "]}"));
  ExpectJson(api().StoredSongs(user, "?source=lastfm"), 200,
             absl::StrCat(R"({"results":[)", lastfm, "]}"));
}

TEST_F(ContractStoryTest, ARepeatedFetchStoresNothingTwiceAndFollowsLoved) {
  const User user = api().NewUser();
  const std::string account = "loved-" + user.name;
  ASSERT_EQ(api().StoreLastfmKey(user, "key", account).status, 201);
  Script(account, kLastfmPage);
  ASSERT_EQ(api().FetchLastfm(user).status, 200);
  const std::string first = api().StoredSongs(user).body;
  ASSERT_EQ(api().FetchLastfm(user).status, 200);
  EXPECT_EQ(api().StoredSongs(user).body, first);

  const std::string unloved =
      absl::StrReplaceAll(kLastfmPage, {{R"("loved": "1")", R"("loved": "0")"}});
  Script(account, unloved.c_str());
  ASSERT_EQ(api().FetchLastfm(user).status, 200);
  EXPECT_EQ(api().StoredSongs(user).body,
            absl::StrReplaceAll(first, {{R"("loved":true)", R"("loved":false)"}}));
}

TEST_F(ContractStoryTest, RegistrationAnswersTheIdAndTheName) {
  const std::string name = absl::StrCat("Reg.", absl::ToUnixNanos(absl::Now()));
  const std::string body =
      absl::StrCat(R"({"username":")", name, R"(","password":"vellum otter quarry"})");
  const HttpAnswer registered = api().Post("/users/register/", body);
  ExpectJson(
      registered, 201,
      absl::StrCat(R"({"id":)", Member(registered.body, "id"), R"(,"username":")", name, R"("})"));
  const HttpAnswer tokens = api().Post("/users/token/", body);
  const std::string access = Member(tokens.body, "access");
  ExpectJson(tokens, 200,
             absl::StrCat(R"({"access":")", access, R"(","refresh":")",
                          Member(tokens.body, "refresh"), R"("})"));
  EXPECT_THAT(access, MatchesRegex("[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+"));
  ExpectJson(api().Get("/users/me/", access), 200, registered.body);
}

TEST_F(ContractStoryTest, ARefreshTokenIsGoodOnce) {
  const User user = api().NewUser();
  const std::string spent = absl::StrCat(R"({"refresh":")", user.refresh, R"("})");
  const HttpAnswer refreshed = api().Post("/users/token/refresh/", spent);
  const std::string access = Member(refreshed.body, "access");
  const std::string refresh = Member(refreshed.body, "refresh");
  ExpectJson(refreshed, 200,
             absl::StrCat(R"({"access":")", access, R"(","refresh":")", refresh, R"("})"));
  EXPECT_NE(refresh, user.refresh);
  EXPECT_EQ(api().Get("/users/me/", access).status, 200);
  ExpectError(api().Post("/users/token/refresh/", spent), 401, "INVALID_TOKEN");
}

TEST_F(ContractStoryTest, KeysAreStoredReplacedListedAndDeletedAndNeverShown) {
  const User user = api().NewUser();
  const std::string secret = "secret-of-" + user.name;
  const HttpAnswer stored = api().StoreSpotifyToken(user, secret);
  EXPECT_THAT(
      stored.body,
      MatchesRegex(absl::StrCat(
          R"(\{"service_name":"spotify","service_user_id":null,"created_at":")", kTimePattern,
          R"(","updated_at":")", kTimePattern, R"(",)", kHowItFares, R"(\})")));
  EXPECT_EQ(stored.status, 201);
  const HttpAnswer replaced = api().StoreSpotifyToken(user, secret + "2");
  EXPECT_EQ(replaced.status, 200);
  EXPECT_EQ(Member(replaced.body, "created_at"), Member(stored.body, "created_at"));
  const HttpAnswer lastfm = api().StoreLastfmKey(user, secret, "your_lastfm_username");
  EXPECT_EQ(lastfm.status, 201);
  EXPECT_EQ(Member(lastfm.body, "service_user_id"), "your_lastfm_username");

  const HttpAnswer list = api().Get("/users/api-keys/", user.access);
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(DocumentedKeys(list.body),
            absl::StrCat("[", DocumentedKey(lastfm.body), ",", DocumentedKey(replaced.body), "]"));
  EXPECT_THAT(stored.body + replaced.body + lastfm.body + list.body,
              ::testing::Not(HasSubstr("secret")));

  const HttpAnswer deleted = api().Delete("/users/api-keys/spotify/", user.access);
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.body, "");
  ExpectCommonHeaders(deleted);
  ExpectError(api().Delete("/users/api-keys/spotify/", user.access), 404, "NOT_FOUND");
  EXPECT_EQ(DocumentedKeys(api().Get("/users/api-keys", user.access).body),
            absl::StrCat("[", DocumentedKey(lastfm.body), "]"));
}

TEST_F(ContractStoryTest, DeletingOneselfErasesEverything) {
  const User user = api().NewUser();
  ASSERT_EQ(api().StoreSpotifyToken(user, "scenario:oddities__" + user.name).status, 201);
  ASSERT_EQ(api().FetchSpotify(user).status, 200);
  const HttpAnswer deleted = api().Delete("/users/me/", user.access);
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.body, "");
  const auto count = [&](const std::string& table) {
    return stack().database().Execute(
        absl::StrCat("SELECT count(*) FROM ", table, " WHERE user_id = ", user.id));
  };
  EXPECT_EQ(count("auth.api_credentials"), "0");
  EXPECT_EQ(count("auth.refresh_families"), "0");
  for (const char* table :
       {"song_store.plays", "song_store.batches", "spotify_ingest.rejected_items"}) {
    EXPECT_TRUE(Await(absl::Minutes(1), [&] { return count(table) == "0"; })) << table;
  }
  ExpectError(
      api().Post("/users/token/", absl::StrCat("{\"username\":", Quoted(user.name),
                                               ",\"password\":", Quoted(user.password), "}")),
      401, "INVALID_CREDENTIALS");
}

TEST_F(ContractStoryTest, LimitAndCursorPageTheStoredSongs) {
  const User user = api().NewUser();
  ASSERT_EQ(api().StoreSpotifyToken(user, "pages-" + user.name).status, 201);
  ASSERT_EQ(CountElements(api().FetchSpotify(user).body, "data"), 50);
  const std::string all = api().StoredSongs(user).body;
  EXPECT_EQ(Member(all, "next"), "");
  std::string joined;
  std::string query = "?limit=20";
  for (const int size : {20, 20, 10}) {
    const HttpAnswer page = api().StoredSongs(user, query);
    ASSERT_EQ(CountElements(page.body, "results"), size) << page.body;
    const std::size_t end = page.body.rfind("],\"next\":");
    ASSERT_NE(end, std::string::npos);
    absl::StrAppend(&joined, joined.empty() ? "" : ",", page.body.substr(12, end - 12));
    query = absl::StrCat("?limit=20&cursor=", Member(page.body, "next"));
  }
  EXPECT_EQ(query, "?limit=20&cursor=null");
  EXPECT_EQ(absl::StrCat(R"({"results":[)", joined, "]}"), all);
}

TEST_F(ContractStoryTest, TheGatewaysOwnPathsAnswerWithoutASignIn) {
  ExpectJson(api().Get("/healthz"), 200, R"({"status":"ok"})");
  ExpectJson(api().Get("/readyz"), 200, R"({"status":"ready"})");
  const HttpAnswer openapi = api().Get("/openapi.json");
  EXPECT_EQ(openapi.status, 200);
  EXPECT_EQ(Member(openapi.body, "openapi").substr(0, 3), "3.1");
}

}  // namespace
}  // namespace playlog::harness
