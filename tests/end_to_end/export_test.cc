// What a user takes away: a whole ZIP file of everything that is held about it and of nothing else,
// made in bounded memory however long the history is.

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/end_to_end/personal_data.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr int kSongs = 100'000;
constexpr std::int64_t kGrowthMaxKib = 32 * 1024;
constexpr char kTarget[] = "/users/me/export/";

// Plays that differ in every text, so that they do not shrink to nothing in the ZIP file.
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

void InsertSongs(const Stack& stack, const User& user, int count) {
  stack.database().Execute(absl::StrReplaceAll(
      kInsertSongs, {{"$1", absl::StrCat(user.id)}, {"$2", absl::StrCat(count)}}));
}

// The files of a ZIP file, read by way of its directory; empty if it is not a whole one.
std::map<std::string, std::string> Unzip(const std::string& zip) {
  std::map<std::string, std::string> files;
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_memory(reader.get(), zip.data(), zip.size()) != ARCHIVE_OK) return {};
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    std::string& file = files[archive_entry_pathname(entry)];
    std::vector<char> buffer(64 * 1024);
    la_ssize_t size = 0;
    while ((size = archive_read_data(reader.get(), buffer.data(), buffer.size())) > 0) {
      file.append(buffer.data(), static_cast<std::size_t>(size));
    }
    EXPECT_EQ(size, 0) << archive_error_string(reader.get());
  }
  return files;
}

class ExportTest : public EndToEndTest {
 protected:
  // Freed memory that is kept back would count as growth.
  static void SetUpTestSuite() { SetOptions({.quarantine_mib = 1}); }

  static HttpAnswer Export(const User& user) {
    HttpConnection connection(stack().http_port());
    EXPECT_TRUE(connection.Send(RequestText("GET", kTarget, user.access)));
    return connection.Read(absl::Minutes(3));
  }

  // What Info-ZIP's unzip says of a file: 0 if it is whole and every checksum is right.
  static int TestWithUnzip(const std::string& zip) {
    const std::string path = stack().directory() + "/export.zip";
    std::ofstream(path, std::ios::binary) << zip;
    const Finished finished = RunToEnd({.name = "unzip",
                                        .words = {"/usr/bin/unzip", "-tq", path},
                                        .variables = {},
                                        .directory = stack().directory()},
                                       absl::Minutes(1));
    return finished.exit_code;
  }

  // The objects of a file, one for each line.
  static std::vector<json::object> Rows(const std::string& file) {
    std::vector<json::object> rows;
    for (const absl::string_view line : absl::StrSplit(file, '\n', absl::SkipEmpty())) {
      boost::system::error_code error;
      const json::value row = json::parse({line.data(), line.size()}, error);
      EXPECT_TRUE(!error && row.is_object()) << std::string(line);
      if (!error && row.is_object()) rows.push_back(row.as_object());
    }
    EXPECT_TRUE(file.empty() || file.back() == '\n');
    return rows;
  }
  static std::vector<std::string> Texts(const std::string& file, const char* member) {
    std::vector<std::string> texts;
    for (const json::object& row : Rows(file)) {
      const json::value* value = row.if_contains(member);
      texts.push_back(value == nullptr     ? "missing"
                      : value->is_string() ? std::string(value->as_string())
                                           : json::serialize(*value));
    }
    return texts;
  }

  static std::map<std::string, std::int64_t> Peaks() {
    std::map<std::string, std::int64_t> peaks;
    for (const std::string& service : Stack::Services()) {
      peaks[service] = stack().process(service).MemoryKib("VmHWM");
    }
    return peaks;
  }
};

TEST_F(ExportTest, HasEverythingThatIsHeldAboutAUserAndNoSecret) {
  const Person person = NewPerson(stack());
  const Person other = NewPerson(stack());
  const HttpAnswer answer = Export(person.user);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(answer.Header("content-type"), "application/zip");
  EXPECT_THAT(answer.Header("content-disposition"),
              AllOf(HasSubstr("attachment"), HasSubstr("playlog-export.zip")));
  ExpectCommonHeaders(answer);
  EXPECT_EQ(TestWithUnzip(answer.body), 0);

  auto files = Unzip(answer.body);
  std::string everything;
  for (const auto& [name, file] : files) {
    absl::StrAppend(&everything, name, "\n", file);
    if (name == "README.txt") continue;
    Rows(file);
    EXPECT_THAT(files["README.txt"], HasSubstr(name));
  }
  EXPECT_THAT(Texts(files["account.jsonl"], "id"), Each(absl::StrCat(person.user.id)));
  EXPECT_THAT(Texts(files["account.jsonl"], "username"), Each(person.user.name));
  EXPECT_EQ(Rows(files["account.jsonl"]).size(), 1U);
  EXPECT_THAT(Texts(files["keys.jsonl"], "service_user_id"),
              IsSupersetOf({"spotify-" + person.canary, person.lastfm_account}));
  EXPECT_GE(Rows(files["sign_ins.jsonl"]).size(), 1U);
  EXPECT_GE(Rows(files["failed_sign_ins.jsonl"]).size(), 1U);
  EXPECT_THAT(Texts(files["audit.jsonl"], "action"), Contains("KEY_OPENED"));
  EXPECT_THAT(Texts(files["plays.jsonl"], "title"),
              IsSupersetOf({"Song of " + person.canary, "Scrobble of " + person.canary}));
  EXPECT_EQ(Rows(files["batches.jsonl"]).size(), 2U);
  EXPECT_THAT(files["spotify_rejected_items.jsonl"], HasSubstr(person.canary));
  EXPECT_THAT(files["lastfm_rejected_items.jsonl"], HasSubstr(person.canary));
  EXPECT_EQ(Rows(files["lastfm_rate_limits.jsonl"]).size(), 1U);

  for (const std::string& secret :
       {person.secret, person.user.password, person.user.access, person.user.refresh, other.canary,
        other.secret, std::string("argon2"), std::string("\\x")}) {
    EXPECT_THAT(everything, Not(HasSubstr(secret)));
  }
}

TEST_F(ExportTest, IsForTheSignedInUserAlone) {
  ExpectError(api().Get(kTarget), 401, "AUTHENTICATION_REQUIRED");
  ExpectError(api().Get(kTarget, "nonsense"), 401, "INVALID_TOKEN");
}

TEST_F(ExportTest, OfALongHistoryIsMadeInBoundedMemory) {
  // What every process needs once, whatever it answers, is not the history's.
  const User warm = api().NewUser();
  InsertSongs(stack(), warm, 2000);
  ASSERT_EQ(Export(warm).status, 200);
  const User user = api().NewUser();
  InsertSongs(stack(), user, kSongs);
  stack().database().Execute("ANALYZE song_store.plays");
  const auto before = Peaks();
  const HttpAnswer answer = Export(user);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.whole);
  for (const auto& [service, peak] : Peaks()) {
    const std::int64_t growth = peak - before.at(service);
    EXPECT_LE(growth, kGrowthMaxKib) << service << " in KiB";
    std::cout << "the peak of " << service << " grew by " << growth << " KiB\n";
  }
  std::cout << "the ZIP file has " << answer.body.size() << " bytes and took "
            << absl::FormatDuration(answer.duration) << "\n";
  EXPECT_LT(answer.first_byte, answer.duration / 4);
  EXPECT_EQ(TestWithUnzip(answer.body), 0);
  const auto files = Unzip(answer.body);
  const std::string& plays = files.at("plays.jsonl");
  EXPECT_EQ(std::count(plays.begin(), plays.end(), '\n'), kSongs);
  EXPECT_EQ(Member(plays.substr(0, plays.find('\n')), "title"), "Song number 1");
  EXPECT_THAT(plays, HasSubstr(absl::StrCat("\"Song number ", kSongs, "\"")));
}

TEST_F(ExportTest, IsRefusedWholeWhileANeighbourIsAway) {
  const User user = api().NewUser();
  EXPECT_EQ(stack().End("song_store", SIGKILL), -SIGKILL);
  const HttpAnswer answer = Export(user);
  stack().Restart("song_store");
  ASSERT_TRUE(stack().AwaitReady(absl::Seconds(30)));
  ExpectError(answer, 503, "UNAVAILABLE");
  EXPECT_TRUE(Await(absl::Seconds(10), [&] { return Export(user).status == 200; }));
}

TEST_F(ExportTest, ThatBreaksOffDoesNotReadAsAWholeFile) {
  const User user = api().NewUser();
  InsertSongs(stack(), user, kSongs);
  HttpConnection connection(stack().http_port(), "", /*receive_buffer_bytes=*/16 * 1024);
  ASSERT_TRUE(connection.Send(RequestText("GET", kTarget, user.access)));
  const std::string begin = connection.ReadBytes(64 * 1024, absl::Seconds(30));
  ASSERT_THAT(begin, ::testing::StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(stack().End("song_store", SIGKILL), -SIGKILL);
  std::string rest;
  EXPECT_TRUE(connection.AwaitClose(absl::Seconds(60), &rest));
  stack().Restart("song_store");
  ASSERT_TRUE(stack().AwaitReady(absl::Seconds(30)));
  EXPECT_THAT(rest, Not(::testing::EndsWith("0\r\n\r\n")));
  // The mark of a ZIP file's directory, which would come last.
  const std::size_t tail = std::min<std::size_t>(rest.size(), 1024);
  EXPECT_THAT(rest.substr(rest.size() - tail), Not(HasSubstr("PK\x05\x06")));
}

}  // namespace
}  // namespace playlog::harness
