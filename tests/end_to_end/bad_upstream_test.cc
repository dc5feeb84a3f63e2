// The corpus's layer UPSTREAM: what Spotify and Last.fm may answer, through the whole system.

#include "tests/end_to_end/bad_upstream.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/strings.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

// Rows wait for their upstreams rather than work, so several run at a time.
constexpr int kThreads = 8;

std::string CodeFor(const UpstreamRow& row) {
  const bool spotify = row.upstream == Upstream::kSpotify;
  if (row.status == 429) return "RATE_LIMITED";
  if (row.status == 400) return spotify ? "SPOTIFY_REJECTED" : "LASTFM_REJECTED";
  return spotify ? "SPOTIFY_UNAVAILABLE" : "LASTFM_UNAVAILABLE";
}

class BadUpstreamTest : public EndToEndTest {
 protected:
  // A user whose key brings the scenario.
  struct Listener {
    User user;
    std::string credential;
    Upstream upstream;
  };

  static Listener NewListener(Upstream upstream, const std::string& scenario) {
    return ListenerOf(api().NewUser(), upstream, scenario);
  }
  // The user's earlier key for the upstream is replaced.
  static Listener ListenerOf(const User& user, Upstream upstream, const std::string& scenario) {
    Listener listener{user, "", upstream};
    const bool spotify = upstream == Upstream::kSpotify;
    listener.credential =
        absl::StrCat("scenario:", scenario, "__", spotify ? "s-" : "l-", listener.user.name);
    const HttpAnswer stored = StoreUntried(listener.credential, [&] {
      return spotify ? api().StoreSpotifyToken(listener.user, listener.credential)
                     : api().StoreLastfmKey(listener.user, "key", listener.credential);
    });
    EXPECT_TRUE(stored.status == 201 || stored.status == 200) << stored.body;
    return listener;
  }

  static HttpAnswer Fetch(const Listener& listener) {
    return listener.upstream == Upstream::kSpotify ? api().FetchSpotify(listener.user)
                                                   : api().FetchLastfm(listener.user);
  }
  static int Calls(const Listener& listener) {
    return static_cast<int>(stack().standins().Calls(listener.credential).size());
  }
  static int StoredPlays(const User& user) {
    return CountElements(api().StoredSongs(user).body, "results");
  }
  static int Rejected(const Listener& listener) {
    int count = -1;
    EXPECT_TRUE(absl::SimpleAtoi(
        stack().database().Execute(absl::StrCat(
            "SELECT count(*) FROM ",
            listener.upstream == Upstream::kSpotify ? "spotify_ingest" : "lastfm_ingest",
            ".rejected_items WHERE user_id = ", listener.user.id)),
        &count));
    return count;
  }

  static void Run(const UpstreamRow& row) {
    SCOPED_TRACE(absl::StrCat(
        row.id, row.upstream == Upstream::kSpotify ? " Spotify " : " Last.fm ", row.scenario));
    const Listener listener = NewListener(row.upstream, row.scenario);
    const HttpAnswer answer = Fetch(listener);
    if (row.status == 200) {
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(CountElements(answer.body, "data"), row.plays);
    } else {
      const char* words = row.upstream == Upstream::kSpotify
                              ? "Failed to fetch recently played songs | "
                              : "Last.fm API error | ";
      EXPECT_THAT(ExpectError(answer, row.status, CodeFor(row)), ::testing::StartsWith(words));
      EXPECT_THAT(answer.body, ::testing::Not(HasSubstr("<html")));
    }
    EXPECT_LT(answer.duration, absl::Seconds(30));
    const int calls = Calls(listener);
    EXPECT_GE(calls, row.calls);
    EXPECT_LE(calls, std::max(row.calls, row.calls_max));
    EXPECT_EQ(StoredPlays(listener.user), row.stored >= 0 ? row.stored : row.plays);
    if (row.rejected >= 0) {
      EXPECT_EQ(Rejected(listener), row.rejected);
    }
    EXPECT_EQ(api().Get("/users/me/", listener.user.access).status, 200);
  }

  // Runs the rows, several at a time.
  static void RunAll(const std::vector<UpstreamRow>& rows) {
    stack();
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::size_t row = next++; row < rows.size(); row = next++) Run(rows[row]);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(stack().standins().CanaryHits(), 0);
  }
};

TEST_F(BadUpstreamTest, FaultsAreAnsweredInTheContractsWordsAndStoreNothing) {
  RunAll(UpstreamFaultRows());
}

TEST_F(BadUpstreamTest, OneBadItemNeverSpoilsItsPage) { RunAll(UpstreamPageRows()); }

// The four wait for the whole time of a fetch, side by side.
TEST_F(BadUpstreamTest, U16AFetchEndsWithin30SecondsWhateverTheUpstreamDoes) {
  std::vector<Listener> listeners;
  for (const char* scenario : {"hang", "hang_body", "drip", "drip_head"}) {
    listeners.push_back(NewListener(Upstream::kSpotify, scenario));
    listeners.push_back(NewListener(Upstream::kLastfm, scenario));
  }
  std::vector<std::thread> threads;
  for (const Listener& listener : listeners) {
    threads.emplace_back([&listener] {
      SCOPED_TRACE(listener.credential);
      const HttpAnswer answer = Fetch(listener);
      // A body that only drips is given up before the time is over, and tried again.
      if (answer.status == 503) {
        ExpectError(
            answer, 503,
            listener.upstream == Upstream::kSpotify ? "SPOTIFY_UNAVAILABLE" : "LASTFM_UNAVAILABLE");
        EXPECT_EQ(Calls(listener), 3);
      } else {
        ExpectError(answer, 504, "DEADLINE_EXCEEDED");
      }
      EXPECT_LT(answer.duration, absl::Seconds(30));
      EXPECT_EQ(StoredPlays(listener.user), 0);
    });
  }
  // Meanwhile other users are served.
  const Listener other = NewListener(Upstream::kSpotify, "plays:5");
  EXPECT_EQ(Fetch(other).status, 200);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(BadUpstreamTest, U03AWaitThatFitsIsWaitedOut) {
  for (const Upstream upstream : {Upstream::kSpotify, Upstream::kLastfm}) {
    const Listener listener = NewListener(upstream, "rate_limit_once:3");
    EXPECT_EQ(Fetch(listener).status, 200);
    const boost::json::array calls = stack().standins().Calls(listener.credential);
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_GE(calls[1].at("time_ms").to_number<std::int64_t>() -
                  calls[0].at("time_ms").to_number<std::int64_t>(),
              3000);
  }
}

TEST_F(BadUpstreamTest, U04ALongWaitIsHandedOnAndOutlivesTheProcess) {
  const Listener listener = NewListener(Upstream::kSpotify, "rate_limit:day");
  EXPECT_EQ(Fetch(listener).Header("retry-after"), "86400");
  stack().End("spotify_ingest", SIGKILL);
  stack().Restart("spotify_ingest");
  ASSERT_TRUE(Await(absl::Seconds(30), [&listener] { return Fetch(listener).status == 429; }));
  const HttpAnswer again = Fetch(listener);
  ExpectError(again, 429, "RATE_LIMITED");
  int seconds = 0;
  EXPECT_TRUE(absl::SimpleAtoi(again.Header("retry-after"), &seconds));
  EXPECT_GT(seconds, 86'000);
  EXPECT_LE(seconds, 86'400);
  EXPECT_EQ(Calls(listener), 1);
  // A new key is another matter.
  EXPECT_EQ(api().StoreSpotifyToken(listener.user, "plays-" + listener.user.name).status, 200);
  EXPECT_EQ(Fetch(listener).status, 200);
}

TEST_F(BadUpstreamTest, U10ADocumentCutAnywhereStoresNothing) {
  const std::string body = R"({"items":[{"track":{"name":"Cut","artists":[{"name":"A"}],)"
                           R"("album":{"name":"B","images":[]},"duration_ms":1000,)"
                           R"("external_urls":{"spotify":"https://open.spotify.com/track/1"}},)"
                           R"("played_at":"2024-01-15T14:30:00.123Z"},{"track":{"name":"Cut 2",)"
                           R"("artists":[],"album":null},"played_at":"2024-01-15T14:30:01Z"}],)"
                           R"("next":null,"cursors":null,"limit":50})";
  std::vector<std::thread> threads;
  for (std::size_t length = 64; length < body.size(); length += 64) {
    threads.emplace_back([length, &body] {
      const Listener listener = NewListener(Upstream::kSpotify, "plays:0");
      boost::json::object answer;
      answer["body"] = boost::json::string(std::string_view(body).substr(0, length));
      stack().standins().Script(listener.credential, boost::json::array{answer}, "last");
      ExpectError(Fetch(listener), 503, "SPOTIFY_UNAVAILABLE");
      EXPECT_EQ(StoredPlays(listener.user), 0) << length;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(BadUpstreamTest, U12ATrailerOf70KilobytesHarmsNothing) {
  for (const Upstream upstream : {Upstream::kSpotify, Upstream::kLastfm}) {
    for (const char* scenario : {"trailer", "big_header", "many_headers"}) {
      const Listener listener = NewListener(upstream, scenario);
      const int status = Fetch(listener).status;
      EXPECT_TRUE(status == 200 || status == 503) << status;
      EXPECT_EQ(StoredPlays(listener.user), status == 200 ? 50 : 0);
    }
  }
}

TEST_F(BadUpstreamTest, U28ALatePlayIsStoredByTheNextFetch) {
  for (const Upstream upstream : {Upstream::kSpotify, Upstream::kLastfm}) {
    const Listener listener = NewListener(upstream, "late");
    ASSERT_EQ(Fetch(listener).status, 200);
    const int first = StoredPlays(listener.user);
    const std::string newest = Member(api().StoredSongs(listener.user).body, "results.0.played_at");
    ASSERT_EQ(Fetch(listener).status, 200);
    EXPECT_EQ(Member(api().StoredSongs(listener.user).body, "results.0.played_at"), newest);
    // The second page shows late plays inside its window; the first page's oldest ones stay.
    EXPECT_GT(StoredPlays(listener.user), first);
  }
}

TEST_F(BadUpstreamTest, U31AddressesAreKeptOrEmptiedAndNeverCalled) {
  const auto middle = [](const std::string& scenario, const std::string& field) {
    const Listener listener = NewListener(Upstream::kSpotify, scenario);
    return Member(Fetch(listener).body, "data.1." + field);
  };
  EXPECT_EQ(middle("url_javascript", "track_url"), "");
  EXPECT_EQ(middle("image_javascript", "album_thumbnail"), "");
  EXPECT_EQ(middle("url_data", "track_url"), "");
  EXPECT_EQ(middle("url_metadata", "track_url"), "http://169.254.169.254/latest/");
  EXPECT_EQ(CountOf(middle("title_nul", "title"), std::string(1, '\0')), 0);
  EXPECT_EQ(stack().standins().CanaryHits(), 0);
}

TEST_F(BadUpstreamTest, U43MusicBrainzIdsAreKeptAsGivenOrNull) {
  const auto stored = [](const std::string& mbid) {
    const Listener listener = NewListener(Upstream::kLastfm, "mbid:" + mbid);
    EXPECT_EQ(Fetch(listener).status, 200);
    return Member(api().StoredSongs(listener.user).body, "results.1.track_mbid");
  };
  EXPECT_EQ(stored("word"), "abc");
  EXPECT_EQ(stored("long").size(), 37U);
  EXPECT_EQ(stored("longer"), "null");
  EXPECT_EQ(stored("empty"), "null");
}

// Promise R4 asks for more of them where PLAYLOG_FAULTS is set (tests/faults/README.md).
TEST_F(BadUpstreamTest, U52SpoiltDocumentsEndInAnAnswer) {
  const int documents = std::getenv("PLAYLOG_FAULTS") == nullptr ? 64 : 2000;
  constexpr int kDocumentsOfAUser = 8;
  stack();  // The first to ask for it starts it, and that must be one alone.
  std::vector<std::thread> threads;
  std::atomic<int> next = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&next, documents] {
      for (int seed = next.fetch_add(kDocumentsOfAUser); seed < documents;
           seed = next.fetch_add(kDocumentsOfAUser)) {
        const User user = api().NewUser();
        int plays = 0;
        for (int mine = seed; mine < seed + kDocumentsOfAUser; ++mine) {
          const Upstream upstream = mine % 2 == 0 ? Upstream::kSpotify : Upstream::kLastfm;
          const std::string permille = absl::StrCat(mine % 3 == 0 ? 1 : mine % 3 == 1 ? 5 : 50);
          const HttpAnswer answer =
              Fetch(ListenerOf(user, upstream, absl::StrCat("fuzz:", 1000 + mine, ":", permille)));
          EXPECT_TRUE(answer.status == 200 || answer.status == 503) << answer.body;
          plays += answer.status == 200 ? CountElements(answer.body, "data") : 0;
          EXPECT_EQ(StoredPlays(user), plays) << "document " << mine;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Last, since everything that the stand-ins know is gone afterwards.
TEST_F(BadUpstreamTest, U16ZARefusedConnectionIsAFaultLikeOthers) {
  const Listener listener = NewListener(Upstream::kSpotify, "plays:7");
  stack().End("standins", SIGKILL);
  ExpectError(Fetch(listener), 503, "SPOTIFY_UNAVAILABLE");
  stack().Restart("standins");
  EXPECT_EQ(Fetch(listener).status, 200);
  EXPECT_EQ(StoredPlays(listener.user), 7);
}

}  // namespace
}  // namespace playlog::harness
