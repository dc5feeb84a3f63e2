// The whole fetch of spotify_ingest over a faked network: the RPC, the engine, the source.

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
#include "services/spotify_ingest/accounts.h"
#include "services/spotify_ingest/recently_played.h"
#include "services/spotify_ingest/service.h"
#include "services/spotify_ingest/source.h"

namespace playlog::spotify_ingest {
namespace {

using ::playlog::testing::EqualsProto;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::Sample;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kUser = 7;

constexpr char kPage[] = R"({"items":[
  {"track":{"name":"Paper Lanterns","artists":[{"name":"Ada"}],"duration_ms":210000,
    "external_urls":{"spotify":"https://open.spotify.com/track/1"}},
   "played_at":"2024-01-15T14:30:00.123Z","context":null},
  {"track":{"name":"Paper Lanterns","artists":[{"name":"Ada"}]},
   "played_at":"2024-01-15T14:30:00.123Z","context":null},
  {"track":null,"played_at":"2024-01-15T14:29:00Z"},
  {"track":{"name":"Older","artists":[{"name":"Bo"},{"name":"Cy"}]},
   "played_at":"2024-01-15T14:26:00Z","context":null}
],"next":null,"cursors":{"after":"1","before":"2"},"limit":50})";

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    vault_.Put(kUser, {.key = Secret("token"), .account = "", .version = 1});
    call_.user_id = kUser;
    call_.deadline = clock_.Now() + absl::Seconds(30);
  }
  absl::StatusOr<spotify::v1::FetchRecentlyPlayedResponse> Fetch() {
    return service_.FetchRecentlyPlayed(call_, {});
  }

  playlog::testing::FakeClock clock_{*ParseRfc3339("2026-11-01T00:00:00Z")};
  http::FakeClient network_{clock_};
  ingest::FakeKeyVault vault_;
  ingest::FakePlaySink sink_;
  ingest::FakeStore store_;
  rpc::Call call_;
  SpotifySource source_{network_, clock_, "https://api.spotify.com"};
  ingest::Engine engine_{source_, vault_, sink_, store_, clock_, [] { return 0.5; }};
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_{{.workers = 1, .queue = 1}, verifier_};
  SpotifyIngestService service_{engine_, dispatcher_};
};

TEST_F(FetchTest, AnswersAsTheDocumentShows) {
  network_.Add(200, kPage);
  EXPECT_THAT(Fetch(), IsOkAndHolds(EqualsProto(R"pb(
                message: "Recently played songs fetched and stored successfully."
                data {
                  title: "Paper Lanterns"
                  artist: "Ada"
                  track_url: "https://open.spotify.com/track/1"
                  duration_ms: 210000
                  played_at { seconds: 1705329000 nanos: 123000000 }
                  source: SOURCE_SPOTIFY
                }
                data {
                  title: "Older"
                  artist: "Bo, Cy"
                  played_at { seconds: 1705328760 }
                  source: SOURCE_SPOTIFY
                }
              )pb")));
  // With the repeated one, which the store merges.
  EXPECT_THAT(sink_.plays(kUser), SizeIs(3));
  EXPECT_THAT(store_.rejected(kUser), SizeIs(1));
}

TEST_F(FetchTest, AsksForTheWholeWindowWithoutACursor) {
  network_.Add(200, kPage);
  ASSERT_THAT(Fetch(), IsOk());
  const std::vector<http::Request> requests = network_.requests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].url, "https://api.spotify.com/v1/me/player/recently-played?limit=50");
  ASSERT_THAT(requests[0].headers, SizeIs(1));
  EXPECT_EQ(requests[0].headers[0].name, "Authorization");
  EXPECT_EQ(requests[0].headers[0].value, "Bearer token");
}

TEST_F(FetchTest, NeedsAKey) {
  call_.user_id = 8;
  const auto response = Fetch();
  EXPECT_THAT(response, ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_KEY_MISSING));
  EXPECT_EQ(response.status().message(), "No Spotify API key found");
  EXPECT_EQ(DetailOf(response.status()), "Add Spotify access token in profile settings");
  EXPECT_THAT(network_.requests(), IsEmpty());
}

TEST_F(FetchTest, TakesAnEmptyPageAndNoContentAsNoPlays) {
  network_.Add(200, R"({"items":[],"next":null,"cursors":null,"limit":50,"href":"x"})");
  network_.Add(204, "");
  for (int i = 0; i < 2; ++i) {
    const auto response = Fetch();
    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->data_size(), 0);
  }
}

struct Row {
  const char* what;
  absl::StatusOr<http::Response> answer;
  ErrorCode code;
  std::size_t calls;
  std::optional<absl::Duration> retry_after = std::nullopt;
};

TEST_F(FetchTest, ClassifiesWhatSpotifySays) {
  using http::Failure;
  using http::Response;
  const auto failed = [](Failure failure) { return http::FailureStatus(failure, "test"); };
  const auto limited = [](std::vector<http::Header> headers) {
    return Response{.status = 429, .headers = std::move(headers), .body = "{}"};
  };
  constexpr ErrorCode kRejected = errors::v1::ERROR_CODE_SPOTIFY_REJECTED;
  constexpr ErrorCode kUnavailable = errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE;
  constexpr ErrorCode kLimited = errors::v1::ERROR_CODE_RATE_LIMITED;
  const absl::Duration by_default = absl::Seconds(32);
  const std::vector<Row> rows = {
      {"expired", Response{.status = 401, .body = R"({"error":{"status":401}})"}, kRejected, 1},
      {"forbidden", Response{.status = 403, .body = "User not registered"}, kRejected, 1},
      {"not found", Response{.status = 404, .body = "{}"}, kUnavailable, 3},
      {"bad request", Response{.status = 400}, kUnavailable, 3},
      {"server error", Response{.status = 500}, kUnavailable, 3},
      {"bad gateway", Response{.status = 502, .body = "<html>"}, kUnavailable, 3},
      {"redirect", Response{.status = 302, .headers = {{"location", "x"}}}, kUnavailable, 3},
      {"a page with another status", Response{.status = 500, .body = kPage}, kUnavailable, 3},
      {"html", Response{.status = 200, .body = "<html></html>"}, kUnavailable, 3},
      {"empty", Response{.status = 200}, kUnavailable, 3},
      {"null", Response{.status = 200, .body = "null"}, kUnavailable, 3},
      {"cut", Response{.status = 200, .body = std::string(kPage, 300)}, kUnavailable, 3},
      {"unreachable", failed(Failure::kUnreachable), kUnavailable, 3},
      {"timeout", failed(Failure::kTimeout), kUnavailable, 3},
      {"too large", failed(Failure::kTooLarge), kUnavailable, 3},
      {"garbled", failed(Failure::kGarbled), kUnavailable, 3},
      {"tls", failed(Failure::kTls), kUnavailable, 3},
      {"wait a day", limited({{"retry-after", "86400"}}), kLimited, 1, absl::Seconds(86'400)},
      {"wait 3 s for ever", limited({{"retry-after", "3"}}), kLimited, 3, absl::Seconds(3)},
      {"wait", limited({}), kLimited, 1, by_default},
      {"wait -1", limited({{"retry-after", "-1"}}), kLimited, 1, by_default},
      {"wait abc", limited({{"retry-after", "abc"}}), kLimited, 1, by_default},
      {"wait 0", limited({{"retry-after", "0"}}), kLimited, 1, by_default},
      {"wait 1e9", limited({{"retry-after", "1e9"}}), kLimited, 1, by_default},
      {"wait for ages", limited({{"retry-after", "1000000000"}}), kLimited, 1, by_default},
      {"wait until a date", limited({{"retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"}}), kLimited,
       1, by_default},
      {"wait twice", limited({{"retry-after", "3"}, {"retry-after", "60"}}), kLimited, 1,
       by_default},
  };
  std::int64_t version = 1;
  for (const Row& row : rows) {
    http::FakeClient network(clock_);
    network.Add(row.answer);
    SpotifySource source(network, clock_, "https://api.spotify.com");
    ingest::Engine engine(source, vault_, sink_, store_, clock_, [] { return 0.5; });
    vault_.Put(kUser, {.key = Secret("token"), .account = "", .version = ++version});
    call_.deadline = clock_.Now() + absl::Seconds(30);
    const auto fetched = engine.Fetch(call_, kUser, 50);
    EXPECT_THAT(fetched, ErrorIs(row.code)) << row.what;
    EXPECT_EQ(fetched.status().message(), "Failed to fetch recently played songs") << row.what;
    EXPECT_EQ(RetryAfterOf(fetched.status()), row.retry_after) << row.what;
    EXPECT_THAT(network.requests(), SizeIs(row.calls)) << row.what;
  }
  EXPECT_THAT(sink_.plays(kUser), IsEmpty());
}

TEST_F(FetchTest, StoresTheSamplesAsRecorded) {
  const std::vector<Sample> samples = playlog::testing::ReadSamples("spotify_recently_played");
  if (samples.empty()) {
    GTEST_SKIP() << "no recorded answers under " << playlog::testing::SamplesDirectory();
  }
  const std::map<std::string, int> expected = {{"chekos_empty_page.json", 0},
                                               {"chekos_no_isrc_spoken_clip.json", 8},
                                               {"chekos_one_item.json", 1},
                                               {"jmperez_old_simplified.json", 2},
                                               {"joostlek_50.json", 48},
                                               {"listenbrainz_item_no_isrc.json", 1},
                                               {"listenbrainz_item_two_artists.json", 1},
                                               {"smileyface21_2020.json", 5},
                                               {"zmb3.json", 20}};
  for (const Sample& sample : samples) {
    const auto plays = expected.find(sample.name);
    ASSERT_NE(plays, expected.end()) << sample.name << " is new: say how many plays it holds";
    // Two of them are one item without its page.
    const bool item = sample.name.find("_item_") != std::string::npos &&
                      sample.name.find("one_item") == std::string::npos;
    network_.Add(200, item ? R"({"items":[)" + sample.body + "]}" : sample.body);
  }
  for (const Sample& sample : samples) {
    const auto response = Fetch();
    ASSERT_THAT(response, IsOk()) << sample.name;
    EXPECT_EQ(response->data_size(), expected.at(sample.name)) << sample.name;
    for (const spotify::v1::SpotifySong& song : response->data()) {
      EXPECT_NE(song.artist(), "") << sample.name;
      EXPECT_GT(song.duration_ms(), 0) << sample.name;
      EXPECT_TRUE(song.track_url().starts_with("https://open.spotify.com/track/")) << sample.name;
    }
  }
  EXPECT_THAT(store_.rejected(kUser), IsEmpty());
  EXPECT_THAT(sink_.plays(kUser), SizeIs(86));
}

// A user who signed in, whose token the API no longer takes.
class SignedInFetchTest : public FetchTest {
 protected:
  SignedInFetchTest() {
    vault_.Put(kUser, {.key = Secret("old"),
                       .account = "",
                       .version = 1,
                       .refresh_token = Secret("AQ-old"),
                       .expires_at = clock_.Now() + absl::Minutes(30)});
  }
  absl::StatusOr<ingest::Fetched> FetchRenewing() {
    return engine_with_accounts_.Fetch(call_, kUser, 50);
  }
  void AddUnauthorized(const std::string& message) {
    network_.Add(401, R"({"error":{"status":401,"message":")" + message + R"("}})");
  }
  std::vector<std::string> Urls() const {
    std::vector<std::string> urls;
    for (const http::Request& request : network_.requests()) urls.push_back(request.url);
    return urls;
  }

  static constexpr char kApi[] = "https://api.spotify.com/v1/me/player/recently-played?limit=50";
  static constexpr char kAccounts[] = "https://accounts.spotify.com/api/token";
  Accounts accounts_{network_,
                     clock_,
                     {.accounts_url = "https://accounts.spotify.com",
                      .client_id = "id",
                      .client_secret = Secret("secret"),
                      .redirect_uri = "https://playlog.example/users/spotify/callback/"}};
  SpotifySource renewing_source_{network_, clock_, "https://api.spotify.com", &accounts_};
  ingest::Engine engine_with_accounts_{renewing_source_, vault_, sink_,
                                       store_,           clock_, [] { return 0.5; }};
};

TEST_F(SignedInFetchTest, RefreshesOnceAndTriesOnceMore) {
  AddUnauthorized("The access token expired");
  network_.Add(200, R"({"access_token":"new","token_type":"Bearer","expires_in":3600,)"
                    R"("refresh_token":"AQ-new"})");
  network_.Add(200, kPage);
  EXPECT_THAT(FetchRenewing(), IsOk());
  EXPECT_THAT(Urls(), ::testing::ElementsAre(kApi, kAccounts, kApi));
  EXPECT_EQ(network_.requests()[2].headers[0].value, "Bearer new");
  EXPECT_EQ(vault_.credential(kUser).refresh_token.Reveal(), "AQ-new");
  EXPECT_EQ(vault_.credential(kUser).previous_refresh_token.Reveal(), "AQ-old");
}

TEST_F(SignedInFetchTest, RefreshesForATokenThatWasRevoked) {
  AddUnauthorized("Invalid access token");
  network_.Add(200, R"({"access_token":"new","token_type":"Bearer"})");
  network_.Add(401, "no JSON");
  EXPECT_THAT(FetchRenewing(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  EXPECT_THAT(Urls(), ::testing::ElementsAre(kApi, kAccounts, kApi));
}

TEST_F(SignedInFetchTest, RefreshesNeitherForAMissingPermissionNorForARefusedUser) {
  AddUnauthorized("Permissions missing");
  network_.Add(403, "User not registered in the Developer Dashboard");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(FetchRenewing(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_REJECTED));
  }
  EXPECT_THAT(Urls(), ::testing::ElementsAre(kApi, kApi));
  EXPECT_THAT(vault_.reports(), SizeIs(2));
}

TEST_F(SignedInFetchTest, IsNoUsersFaultWhereTheServerHasNoRegistrationAnyMore) {
  AddUnauthorized("The access token expired");
  EXPECT_THAT(Fetch(), ErrorIs(errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE));
  EXPECT_THAT(Urls(), ::testing::ElementsAre(kApi));
  EXPECT_THAT(vault_.reports(), IsEmpty());
}

TEST_F(FetchTest, ClassifiesTheSampleErrors) {
  const std::vector<Sample> samples = playlog::testing::ReadSamples("spotify_errors");
  if (samples.empty()) {
    GTEST_SKIP() << "no recorded answers under " << playlog::testing::SamplesDirectory();
  }
  const std::map<std::string, std::pair<int, ErrorCode>> expected = {
      {"token_invalid_client.json", {400, errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE}},
      {"webapi_404_not_found.json", {404, errors::v1::ERROR_CODE_SPOTIFY_UNAVAILABLE}},
      {"webapi_429_rate_limit.json", {429, errors::v1::ERROR_CODE_RATE_LIMITED}}};
  for (const Sample& sample : samples) {
    const auto row = expected.find(sample.name);
    ASSERT_NE(row, expected.end()) << sample.name << " is new: say what it means";
    http::FakeClient network(clock_);
    network.Add(row->second.first, sample.body);
    SpotifySource source(network, clock_, "https://api.spotify.com");
    ingest::Engine engine(source, vault_, sink_, store_, clock_);
    call_.deadline = clock_.Now() + absl::Seconds(30);
    EXPECT_THAT(engine.Fetch(call_, kUser, 50), ErrorIs(row->second.second)) << sample.name;
  }
}

TEST(RecentlyPlayed, SurvivesMutations) {
  const absl::Time now = *ParseRfc3339("2026-11-01T00:00:00Z");
  std::mt19937_64 generator(20'261'101);
  for (int i = 0; i < 20'000; ++i) {
    const std::string body = playlog::testing::Mutate(kPage, generator);
    const std::optional<ingest::Page> page = ParseRecentlyPlayed(body, now);
    if (!page.has_value()) continue;
    for (const songs::v1::Play& play : page->plays) {
      ASSERT_NE(play.title(), "") << body;
      ASSERT_TRUE(ingest::TextsFit(play)) << body;
      ASSERT_TRUE(ingest::IsPlausible(ingest::PlayedAtOf(play), now)) << body;
      ASSERT_TRUE(IsValidUtf8(play.title() + play.artist() + play.album())) << body;
      ASSERT_EQ(ToSpotifySong(play).title(), play.title());
    }
  }
}

}  // namespace
}  // namespace playlog::spotify_ingest
