// The whole fetch of lastfm_ingest over a faked network: the RPC, the engine, the source.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "common/base/strings.h"
#include "common/base/time_format.h"
#include "common/http/fake_client.h"
#include "common/ingest/fake_neighbours.h"
#include "common/ingest/fake_store.h"
#include "common/rpc/dispatcher.h"
#include "common/testing/fake_clock.h"
#include "common/testing/matchers.h"
#include "common/testing/mutation.h"
#include "common/testing/samples.h"
#include "services/lastfm_ingest/recent_tracks.h"
#include "services/lastfm_ingest/service.h"
#include "services/lastfm_ingest/source.h"

namespace playlog::lastfm_ingest {
namespace {

using ::playlog::testing::EqualsProto;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::Sample;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kUser = 7;

constexpr char kPage[] = R"({"recenttracks":{"track":[
  {"name":"Now","artist":{"name":"Di"},"@attr":{"nowplaying":"true"}},
  {"name":"Paper Lanterns","mbid":"","loved":"1","streamable":"0",
    "url":"https://www.last.fm/music/Ada/_/Paper+Lanterns",
    "artist":{"name":"Ada","url":"https://www.last.fm/music/Ada","mbid":"am"},
    "album":{"mbid":"","#text":"Evenings"},
    "image":[{"size":"small","#text":"https://a/34s"},{"size":"extralarge","#text":"https://a/300"}],
    "date":{"uts":"1705329000","#text":"15 Jan 2024, 14:30"}},
  {"name":"Broken","artist":{"name":"Di"},"date":{"uts":"0","#text":"01 Jan 1970, 00:00"}},
  {"name":"Older","artist":{"#text":"Bo"},"date":{"uts":"1705328760"}}
],"@attr":{"user":"ada","page":"1","perPage":"50","total":"3","totalPages":"1"}}})";

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    vault_.Put(kUser, {.key = Secret("token"), .account = "ada", .version = 1});
    call_.user_id = kUser;
    call_.deadline = clock_.Now() + absl::Seconds(30);
  }
  absl::StatusOr<lastfm::v1::FetchRecentTracksResponse> Fetch(
      const lastfm::v1::FetchRecentTracksRequest& request = {}) {
    return service_.FetchRecentTracks(call_, request);
  }

  playlog::testing::FakeClock clock_{*ParseRfc3339("2026-11-01T00:00:00Z")};
  http::FakeClient network_{clock_};
  ingest::FakeKeyVault vault_;
  ingest::FakePlaySink sink_;
  ingest::FakeStore store_;
  rpc::Call call_;
  LastfmSource source_{network_, clock_, "https://ws.audioscrobbler.com"};
  ingest::Engine engine_{source_, vault_, sink_, store_, clock_, [] { return 0.5; }};
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  LastfmIngestService service_{engine_, dispatcher_};
};

TEST_F(FetchTest, AnswersAsTheDocumentShows) {
  network_.Add(200, kPage);
  EXPECT_THAT(Fetch(), IsOkAndHolds(EqualsProto(R"pb(
                message: "Last.fm recent tracks fetched and stored successfully for user 'ada'."
                data {
                  title: "Paper Lanterns"
                  artist: "Ada"
                  album: "Evenings"
                  album_thumbnail: "https://a/300"
                  track_url: "https://www.last.fm/music/Ada/_/Paper+Lanterns"
                  played_at: "2024-01-15T14:30:00"
                  source: SOURCE_LASTFM
                  artist_lastfm_url: "https://www.last.fm/music/Ada"
                  artist_mbid: "am"
                  loved: true
                  album_thumbnails { small: "https://a/34s" extralarge: "https://a/300" }
                }
                data {
                  title: "Older"
                  artist: "Bo"
                  played_at: "2024-01-15T14:26:00"
                  source: SOURCE_LASTFM
                  album_thumbnails {}
                }
                count: 2
              )pb")));
  EXPECT_THAT(sink_.plays(kUser), SizeIs(2));
  ASSERT_THAT(store_.rejected(kUser), SizeIs(1));
  EXPECT_EQ(store_.rejected(kUser)[0].item.reason, "time_out_of_range");
}

TEST_F(FetchTest, EncodesWhateverTheUserStored) {
  vault_.Put(kUser, {.key = Secret("k&format=xml#"), .account = "a b&user=c/\xC3\xA9"});
  network_.Add(200, kPage);
  ASSERT_THAT(Fetch(), IsOk());
  ASSERT_THAT(network_.requests(), SizeIs(1));
  EXPECT_EQ(network_.requests()[0].url,
            "https://ws.audioscrobbler.com/2.0/?method=user.getrecenttracks"
            "&user=a%20b%26user%3Dc%2F%C3%A9&api_key=k%26format%3Dxml%23"
            "&format=json&extended=1&limit=50");
}

TEST_F(FetchTest, AsksForAPageOfASpan) {
  const ingest::Credential credential{.key = Secret("k"), .account = "ada"};
  network_.Add(200, kPage);
  const auto asked_with = [&](const ingest::Question& question) {
    const auto answer = source_.FetchPage(credential, question);
    const auto* page = std::get_if<ingest::Page>(&answer);
    EXPECT_TRUE(page != nullptr && page->total == 3);
    const std::string url = network_.requests().back().url;
    return url.substr(url.find("&limit="));
  };
  EXPECT_EQ(asked_with({.limit = 200}), "&limit=200");
  EXPECT_EQ(asked_with({.limit = 100,
                        .page = 12,
                        .span = {.from = absl::FromUnixMillis(1'705'329'000'900),
                                 .to = absl::FromUnixSeconds(1'705'330'000)}}),
            "&limit=100&page=12&from=1705329000&to=1705330000");
  EXPECT_EQ(asked_with({.limit = 1, .span = {.to = absl::FromUnixSeconds(1)}}), "&limit=1&to=1");
  EXPECT_EQ(asked_with({.limit = 1, .span = {.from = absl::FromUnixSeconds(-5)}}),
            "&limit=1&from=0");
}

TEST_F(FetchTest, ChecksTheLimitBeforeTheKey) {
  call_.user_id = 8;
  for (const int limit : {0, -1, 201, 2'147'483'647}) {
    lastfm::v1::FetchRecentTracksRequest request;
    request.set_limit(limit);
    const auto response = Fetch(request);
    EXPECT_THAT(response, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << limit;
    EXPECT_EQ(response.status().message(), "Invalid limit: must be an integer from 1 to 200");
    EXPECT_EQ(FieldOf(response.status()), "limit");
  }
  EXPECT_THAT(network_.requests(), IsEmpty());
}

TEST_F(FetchTest, NeverAnswersMoreThanTheLimit) {
  network_.Add(200, kPage);
  lastfm::v1::FetchRecentTracksRequest request;
  request.set_limit(1);
  const auto response = Fetch(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->count(), 1);
  ASSERT_EQ(response->data_size(), 1);
  EXPECT_EQ(response->data(0).title(), "Paper Lanterns");
  request.set_limit(200);
  EXPECT_THAT(Fetch(request), IsOk());
  EXPECT_TRUE(network_.requests()[0].url.ends_with("&limit=1"));
  EXPECT_TRUE(network_.requests()[1].url.ends_with("&limit=200"));
}

TEST_F(FetchTest, NeedsAKeyAndAName) {
  call_.user_id = 8;
  const auto keyless = Fetch();
  EXPECT_THAT(keyless, ErrorIs(errors::v1::ERROR_CODE_LASTFM_KEY_MISSING));
  EXPECT_EQ(keyless.status().message(), "No Last.fm API key found");
  EXPECT_EQ(DetailOf(keyless.status()), "Add Last.fm API key and username");
  vault_.Put(8, {.key = Secret("k"), .account = ""});
  const auto nameless = Fetch();
  EXPECT_THAT(nameless, ErrorIs(errors::v1::ERROR_CODE_LASTFM_USERNAME_MISSING));
  EXPECT_EQ(nameless.status().message(), "No Last.fm username found");
  EXPECT_EQ(DetailOf(nameless.status()), "Update Last.fm API key with username");
  EXPECT_THAT(network_.requests(), IsEmpty());
}

struct Row {
  std::string what;
  absl::StatusOr<http::Response> answer;
  ErrorCode code;
  std::size_t calls;
  std::optional<absl::Duration> retry_after = std::nullopt;
};

constexpr ErrorCode kRejected = errors::v1::ERROR_CODE_LASTFM_REJECTED;
constexpr ErrorCode kUnavailable = errors::v1::ERROR_CODE_LASTFM_UNAVAILABLE;
constexpr ErrorCode kLimited = errors::v1::ERROR_CODE_RATE_LIMITED;

// Last.fm's errors, each with every status that it comes with.
std::vector<Row> RowsOfErrors() {
  std::vector<Row> rows;
  const auto add = [&rows](int error, ErrorCode code, std::size_t calls) {
    for (const int status : {200, 400, 403, 404, 500, 503}) {
      rows.push_back(
          {"error " + std::to_string(error) + " in " + std::to_string(status),
           http::Response{.status = status,
                          .body = R"({"message":"x","error":)" + std::to_string(error) + "}"},
           code, calls});
    }
  };
  for (const int error : {4, 6, 7, 9, 10, 17, 26}) add(error, kRejected, 1);
  for (const int error : {8, 11, 16}) add(error, kUnavailable, 3);
  for (const int error : {0, 2, 3, 5, 13, 14, 15, 27, 999}) add(error, kUnavailable, 1);
  return rows;
}

std::vector<Row> RowsOfAnswers() {
  using http::Failure;
  using http::Response;
  const auto failed = [](Failure failure) { return http::FailureStatus(failure, "test"); };
  const char* error_29 = R"({"error":29,"message":"Rate Limit Exceeded"})";
  const absl::Duration by_default = absl::Seconds(32);
  return {
      {"rate limit in 200", Response{.status = 200, .body = error_29}, kLimited, 1, by_default},
      {"rate limit in 429",
       Response{.status = 429, .headers = {{"retry-after", "60"}}, .body = error_29}, kLimited, 1,
       absl::Seconds(60)},
      {"429 without words", Response{.status = 429, .body = "<html>"}, kLimited, 1, by_default},
      {"server error", Response{.status = 500}, kUnavailable, 3},
      {"a page with another status", Response{.status = 503, .body = kPage}, kUnavailable, 3},
      {"forbidden without words", Response{.status = 403, .body = "<html>"}, kUnavailable, 3},
      {"html", Response{.status = 200, .body = "<html></html>"}, kUnavailable, 3},
      {"empty", Response{.status = 200}, kUnavailable, 3},
      {"cut", Response{.status = 200, .body = std::string(kPage, 400)}, kUnavailable, 3},
      {"unreachable", failed(Failure::kUnreachable), kUnavailable, 3},
      {"timeout", failed(Failure::kTimeout), kUnavailable, 3},
      {"too large", failed(Failure::kTooLarge), kUnavailable, 3},
      {"garbled", failed(Failure::kGarbled), kUnavailable, 3},
      {"tls", failed(Failure::kTls), kUnavailable, 3},
  };
}

TEST_F(FetchTest, ClassifiesWhatLastfmSays) {
  std::vector<Row> rows = RowsOfErrors();
  for (Row& row : RowsOfAnswers()) rows.push_back(std::move(row));
  std::int64_t version = 1;
  for (const Row& row : rows) {
    http::FakeClient network(clock_);
    network.Add(row.answer);
    LastfmSource source(network, clock_, "https://ws.audioscrobbler.com");
    ingest::Engine engine(source, vault_, sink_, store_, clock_, [] { return 0.5; });
    vault_.Put(kUser, {.key = Secret("k"), .account = "ada", .version = ++version});
    call_.deadline = clock_.Now() + absl::Seconds(30);
    const auto fetched = engine.Fetch(call_, kUser, 50);
    EXPECT_THAT(fetched, ErrorIs(row.code)) << row.what;
    EXPECT_EQ(fetched.status().message(), "Last.fm API error") << row.what;
    EXPECT_EQ(RetryAfterOf(fetched.status()), row.retry_after) << row.what;
    EXPECT_THAT(network.requests(), SizeIs(row.calls)) << row.what;
  }
  EXPECT_THAT(sink_.plays(kUser), IsEmpty());
}

TEST_F(FetchTest, StoresTheSamplesAsRecorded) {
  const std::vector<Sample> samples = playlog::testing::ReadSamples("lastfm_recenttracks");
  if (samples.empty()) {
    GTEST_SKIP() << "no recorded answers under " << playlog::testing::SamplesDirectory();
  }
  // Entries without those that were playing, each once.
  const std::map<std::string, int> expected = {
      {"docs_not_playing_limit1.json", 1},  {"docs_nowplaying_limit1_extended.json", 1},
      {"inflatable_single_object.json", 1}, {"lastfmswift_extended.json", 2},
      {"lastfmswift_nowplaying.json", 2},   {"listenbrainz_page.json", 2}};
  for (const Sample& sample : samples) network_.Add(200, sample.body);
  for (const Sample& sample : samples) {
    const auto plays = expected.find(sample.name);
    ASSERT_NE(plays, expected.end()) << sample.name << " is new: say how many plays it holds";
    const auto response = Fetch();
    ASSERT_THAT(response, IsOk()) << sample.name;
    EXPECT_EQ(response->count(), plays->second) << sample.name;
    for (const lastfm::v1::LastfmSong& song : response->data()) {
      EXPECT_NE(song.artist(), "") << sample.name;
      EXPECT_NE(song.album_thumbnails().extralarge(), "") << sample.name;
      EXPECT_NE(song.track_url(), "") << sample.name;
    }
  }
  EXPECT_THAT(store_.rejected(kUser), IsEmpty());
}

TEST_F(FetchTest, ClassifiesTheSampleErrors) {
  const std::vector<Sample> samples = playlog::testing::ReadSamples("lastfm_errors");
  if (samples.empty()) {
    GTEST_SKIP() << "no recorded answers under " << playlog::testing::SamplesDirectory();
  }
  for (const Sample& sample : samples) {
    http::FakeClient network(clock_);
    network.Add(200, sample.body);
    LastfmSource source(network, clock_, "https://ws.audioscrobbler.com");
    ingest::Engine engine(source, vault_, sink_, store_, clock_);
    EXPECT_THAT(engine.Fetch(call_, kUser, 50), ErrorIs(kRejected)) << sample.name;
  }
}

TEST(RecentTracks, SurvivesMutations) {
  const absl::Time now = *ParseRfc3339("2026-11-01T00:00:00Z");
  std::mt19937_64 generator(20'261'101);
  for (int i = 0; i < 20'000; ++i) {
    const std::string body = playlog::testing::Mutate(kPage, generator);
    const auto answer = ParseRecentTracks(body, now);
    const auto* page = std::get_if<ingest::Page>(&answer);
    if (page == nullptr) continue;
    for (const songs::v1::Play& play : page->plays) {
      ASSERT_NE(play.title(), "") << body;
      ASSERT_TRUE(ingest::TextsFit(play)) << body;
      ASSERT_TRUE(ingest::IsPlausible(ingest::PlayedAtOf(play), now)) << body;
      ASSERT_TRUE(IsValidUtf8(play.title() + play.artist() + play.album())) << body;
      ASSERT_EQ(ToLastfmSong(play).title(), play.title());
    }
  }
}

}  // namespace
}  // namespace playlog::lastfm_ingest
