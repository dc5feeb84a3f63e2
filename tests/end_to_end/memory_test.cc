// A long history is streamed: in bounded memory, from the first row on, without a database
// connection for as long as a reader is slow.

#include <gmock/gmock.h>

#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

constexpr int kSongs = 100'000;
constexpr std::int64_t kGrowthMaxKib = 32 * 1024;
// Of many readers together, each of which gRPC's flow control lets run ahead.
constexpr std::int64_t kManyGrowthMaxKib = 64 * 1024;
// Stays small against the history, with what the kernel keeps on the way.
constexpr int kReceiveBufferBytes = 16 * 1024;
// More readers than the song store has database connections.
constexpr int kSlowReaders = 16;

// Rows as the upstreams make them: about 700 bytes each in JSON.
constexpr char kInsertSongs[] = R"(
WITH batch AS (
  INSERT INTO song_store.batches (user_id, source, origin, inserted, updated)
  VALUES ($1, 1, 'fetch', $2, 0) RETURNING id)
INSERT INTO song_store.plays (
  user_id, played_at, batch_id, duration_ms, source, loved, streamable, digest, title, artist,
  album, album_thumbnail, track_url, artists_url, artist_lastfm_url, track_mbid, artist_mbid,
  album_mbid, album_thumbnail_small, album_thumbnail_medium, album_thumbnail_large,
  album_thumbnail_extralarge)
SELECT $1, timestamptz '2010-01-01T00:00:00Z' + n * interval '3 minutes', batch.id, 180000 + n, 1,
  NULL, NULL, substring(sha256(n::text::bytea) FOR 16), 'Song number ' || n, 'Artist ' || n % 997,
  'Album ' || n % 4999, 'https://i.scdn.co/image/' || md5(n::text),
  'https://open.spotify.com/track/' || md5((n + 1)::text),
  'https://open.spotify.com/artist/' || md5((n % 997)::text), '', '', '', '', '', '', '', ''
FROM batch, generate_series(1, $2) AS n)";

class MemoryTest : public EndToEndTest {
 protected:
  // Freed memory that is kept back would count as growth: with almost none of it, AddressSanitizer
  // still finds a use of what was freed just before.
  static void SetUpTestSuite() { SetOptions({.quarantine_mib = 1}); }

  // The user of the long history, made when first asked for.
  static const User& Listener() {
    static const User& user = *[] {
      auto* made = new User(api().NewUser());
      InsertSongs(*made, kSongs);
      return made;
    }();
    return user;
  }

  static void InsertSongs(const User& user, int count) {
    std::string statement = kInsertSongs;
    const auto replace = [&statement](const std::string& mark, const std::string& value) {
      for (std::size_t place = statement.find(mark); place != std::string::npos;
           place = statement.find(mark)) {
        statement.replace(place, mark.size(), value);
      }
    };
    replace("$1", absl::StrCat(user.id));
    replace("$2", absl::StrCat(count));
    stack().database().Execute(statement);
    stack().database().Execute("ANALYZE song_store.plays");
  }

  static std::map<std::string, std::int64_t> Peaks() {
    std::map<std::string, std::int64_t> peaks;
    for (const std::string& service : Stack::Services()) {
      peaks[service] = stack().process(service).MemoryKib("VmHWM");
    }
    return peaks;
  }
  static void ExpectGrowthWithin(std::int64_t limit_kib,
                                 const std::map<std::string, std::int64_t>& before) {
    for (const auto& [service, peak] : Peaks()) {
      const std::int64_t growth = peak - before.at(service);
      EXPECT_LE(growth, limit_kib) << service << " in KiB";
      std::cout << "the peak of " << service << " grew by " << growth << " KiB\n";
    }
  }

  static std::string SongsRequest(const User& user) {
    return RequestText("GET", "/music/get-stored-songs/", user.access);
  }

  // A reader that has read the beginning of the answer and now reads no more.
  static std::unique_ptr<HttpConnection> SlowReader(const User& user) {
    auto reader = std::make_unique<HttpConnection>(stack().http_port(), "", kReceiveBufferBytes);
    EXPECT_TRUE(reader->Send(SongsRequest(user)));
    EXPECT_THAT(reader->ReadBytes(17, absl::Seconds(10)), ::testing::StartsWith("HTTP/1.1 200 OK"));
    return reader;
  }

  static int BusyDatabaseConnections() {
    return std::atoi(stack()
                         .database()
                         .Execute("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                  "current_database() AND application_name = 'playlog-song_store' "
                                  "AND state <> 'idle'")
                         .c_str());
  }
};

TEST_F(MemoryTest, ALongHistoryIsStreamedInBoundedMemory) {
  // What every process needs once, whatever it answers, is not the history's.
  const User warm = api().NewUser();
  InsertSongs(warm, 2000);
  const HttpAnswer short_answer = api().StoredSongs(warm);
  ASSERT_EQ(CountElements(short_answer.body, "results"), 2000) << short_answer.body.substr(0, 500);
  const User& user = Listener();
  const auto before = Peaks();
  const HttpAnswer answer = api().StoredSongs(user);
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(CountOf(answer.body, "\"id\":"), kSongs);
  EXPECT_EQ(answer.body.substr(0, 12), "{\"results\":[");
  EXPECT_EQ(answer.body.substr(answer.body.size() - 2), "]}");
  EXPECT_LT(answer.first_byte, answer.duration / 4);
  ExpectGrowthWithin(kGrowthMaxKib, before);
}

TEST_F(MemoryTest, TheFirstByteLeavesBeforeTheLastRowIsRead) {
  const User user = api().NewUser();
  InsertSongs(user, kSongs / 2);
  const std::unique_ptr<HttpConnection> reader = SlowReader(user);
  // The oldest songs, the last of the answer, go away: what is not in the answer had not been read.
  stack().database().Execute(absl::StrCat("DELETE FROM song_store.plays WHERE user_id = ", user.id,
                                          " AND duration_ms - 180000 <= 10000"));
  std::string rest;
  EXPECT_TRUE(reader->AwaitClose(absl::Seconds(60), &rest));
  EXPECT_EQ(CountOf(rest, "\"id\":"), kSongs / 2 - 10'000);
  EXPECT_THAT(rest, ::testing::EndsWith("]}\r\n0\r\n\r\n"));
}

TEST_F(MemoryTest, SlowReadersHoldNoDatabaseConnectionAndLittleMemory) {
  const User& user = Listener();
  const auto before = Peaks();
  std::vector<std::unique_ptr<HttpConnection>> readers;
  for (int i = 0; i < kSlowReaders; ++i) readers.push_back(SlowReader(user));
  EXPECT_TRUE(Await(absl::Seconds(5), [] { return BusyDatabaseConnections() == 0; }));
  const HttpAnswer other = api().StoredSongs(user, "?limit=10");
  EXPECT_EQ(other.status, 200);
  EXPECT_LT(other.first_byte, absl::Seconds(1));
  ExpectGrowthWithin(kManyGrowthMaxKib, before);
}

TEST_F(MemoryTest, AReaderThatStallsIsCutAndTheAnswerIsNotWhole) {
  const std::unique_ptr<HttpConnection> reader = SlowReader(Listener());
  std::size_t position = 0;
  stack().LogLines("gateway", position);
  bool cut = false;
  EXPECT_TRUE(Await(absl::Seconds(25), [&] {
    for (const std::string& line : stack().LogLines("gateway", position)) {
      cut = cut || (Member(line, "path") == "/music/get-stored-songs/" &&
                    Member(line, "complete") == "false");
    }
    return cut;
  }));
  std::string rest;
  EXPECT_TRUE(reader->AwaitClose(absl::Seconds(5), &rest));
  EXPECT_THAT(rest, ::testing::Not(::testing::EndsWith("0\r\n\r\n")));
}

TEST_F(MemoryTest, ReadersThatLeaveMidwayFreeTheirPlaces) {
  const User& user = Listener();
  const auto before = Peaks();
  // More than the gateway's and the song store's places for streams.
  for (int i = 0; i < 150; ++i) {
    const std::unique_ptr<HttpConnection> reader = SlowReader(user);
    if (i % 2 == 0) reader->Reset();
  }
  const HttpAnswer good = api().StoredSongs(user, "?limit=10");
  EXPECT_EQ(good.status, 200);
  EXPECT_TRUE(Await(absl::Seconds(5), [] { return BusyDatabaseConnections() == 0; }));
  ExpectGrowthWithin(kManyGrowthMaxKib, before);
}

}  // namespace
}  // namespace playlog::harness
