// What staff wait for on a store of ten million songs of ten thousand users: a page of each filter
// and of searches for three letters, its counts, and how fast the listing that they read is filled.

#include <algorithm>
#include <functional>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "tests/bench/cluster.h"
#include "tests/bench/http_load.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/bench/system.h"
#include "tests/bench/users.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "admin";
constexpr int kUsers = 10'000;
constexpr int kPlaysOfUser = 1'000;
constexpr int kTracks = 1'000'000;
// So many get their songs by one statement.
constexpr int kUsersAtOnce = 500;
constexpr double kLatencyMaxMs = 100;
// Of each question. The first few read pages that nobody has read since the songs were stored, and
// of forty those are the percentile.
constexpr int kRequests = 200;
// The users at the end whose songs the song store lists itself, and those listed twice.
constexpr int kUsersLeft = 100;
constexpr int kUsersListedTwice = 10;
constexpr absl::Duration kListingTimeMax = absl::Minutes(10);

// Names of two or three words of a vocabulary whose first words are used most, so that three
// letters stand in anything from no track to a tenth of them.
constexpr char kMakeTracks[] = R"(
CREATE TABLE bench_words AS
SELECT n, (SELECT string_agg((ARRAY['ka','lo','ve','ri','mo','ta','sun','be','no','ar','the','li',
  'ght','do','ra','in','ne','sha','dow','wa'])[1 + (hashint4(n * 7 + i) & 2147483647) % 20], '')
  FROM generate_series(1, 2 + n % 2) AS i) AS word
FROM generate_series(0, 2999) AS n;
ALTER TABLE bench_words ADD PRIMARY KEY (n);
CREATE FUNCTION bench_chance(n bigint, salt bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT (hashint8extended(n, salt) & 1048575) / 1048576.0';
CREATE FUNCTION bench_word(n bigint, salt bigint) RETURNS int LANGUAGE sql IMMUTABLE AS
  'SELECT floor(3000 * power(bench_chance(n, salt), 2))::int';
CREATE TABLE bench_tracks AS
SELECT n.n, initcap(a.word || ' ' || b.word) || CASE WHEN n.n % 5 = 0 THEN ' ' || n.n ELSE '' END
    AS title,
  initcap(c.word || ' ' || d.word) AS artist, initcap(e.word || ' ' || f.word) AS album,
  md5('t' || n.n)::uuid::text AS track_mbid, md5('a' || n.n / 20)::uuid::text AS artist_mbid,
  md5('l' || n.n / 10)::uuid::text AS album_mbid, 120000 + n.n % 240000 AS duration_ms
FROM generate_series(0, $0 - 1) AS n (n)
JOIN bench_words AS a ON a.n = bench_word(n.n, 1) JOIN bench_words AS b ON b.n = bench_word(n.n, 2)
JOIN bench_words AS c ON c.n = bench_word(n.n / 20, 3)
JOIN bench_words AS d ON d.n = bench_word(n.n / 20, 4)
JOIN bench_words AS e ON e.n = bench_word(n.n / 10, 5)
JOIN bench_words AS f ON f.n = bench_word(n.n / 10, 6);
ALTER TABLE bench_tracks ADD PRIMARY KEY (n);
ANALYZE bench_tracks;)";

// Users hear the first tracks most. Each batch has 100 plays of one source. One play in a hundred
// of Last.fm's is loved, one in a thousand can be streamed.
constexpr char kMakePlays[] = R"(
WITH batch AS (
  INSERT INTO song_store.batches (user_id, source, origin, inserted, updated)
  SELECT id, 1 + place % 2, CASE WHEN place < 8 THEN 'backfill' ELSE 'sync' END, 100, 0
  FROM auth.users, generate_series(0, $3 / 100 - 1) AS place WHERE id BETWEEN $0 AND $1
  ORDER BY id, place RETURNING id, user_id, source),
numbered AS (
  SELECT id, user_id, source, row_number() OVER (PARTITION BY user_id ORDER BY id) - 1 AS place
  FROM batch)
INSERT INTO song_store.plays (user_id, played_at, batch_id, duration_ms, source, loved, streamable,
  digest, title, artist, album, album_thumbnail, track_url, artists_url, artist_lastfm_url,
  track_mbid, artist_mbid, album_mbid, album_thumbnail_small, album_thumbnail_medium,
  album_thumbnail_large, album_thumbnail_extralarge)
SELECT numbered.user_id,
  timestamptz '2008-01-01' + (bench_chance(numbered.user_id, p) * 16 * 365 * 86400) *
    interval '1 second',
  numbered.id, CASE source WHEN 1 THEN duration_ms ELSE 0 END, source,
  CASE source WHEN 2 THEN bench_chance(numbered.user_id * 1000 + p, 11) < 0.01 END,
  CASE source WHEN 2 THEN bench_chance(numbered.user_id * 1000 + p, 12) < 0.001 END,
  substring(sha256(convert_to(title || artist || p, 'UTF8')) FOR 16), title, artist, album,
  'https://lastfm.freetls.fastly.net/i/u/300x300/' || md5(album), 'https://www.last.fm/' || n, '',
  'https://www.last.fm/music/' || artist, CASE source WHEN 2 THEN track_mbid ELSE '' END,
  CASE source WHEN 2 THEN artist_mbid ELSE '' END, CASE source WHEN 2 THEN album_mbid ELSE '' END,
  'https://lastfm.freetls.fastly.net/i/u/34s/' || md5(album),
  'https://lastfm.freetls.fastly.net/i/u/64s/' || md5(album),
  'https://lastfm.freetls.fastly.net/i/u/174s/' || md5(album),
  'https://lastfm.freetls.fastly.net/i/u/300x300/' || md5(album)
FROM numbered CROSS JOIN generate_series(numbered.place * 100, numbered.place * 100 + 99) AS p
JOIN bench_tracks ON n = floor($2 * power(bench_chance(numbered.user_id * 1000 + p, 10), 3))::int
ORDER BY 1, 2 ON CONFLICT DO NOTHING)";

// Lists the plays of all users but the last ones as the song store's filler does, at once and with
// the indexes made afterwards: the filler itself would take an hour. $0 is the first user left out.
constexpr char kListMost[] = R"(
SET work_mem = '1GB';
SET maintenance_work_mem = '2GB';
CREATE TABLE bench_indexes AS
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE NOT indisunique
  AND indrelid IN ('song_store.listed_tracks'::regclass, 'song_store.listed_plays'::regclass);
DO $$do$$ DECLARE index record; BEGIN
  FOR index IN SELECT name FROM bench_indexes LOOP EXECUTE 'DROP INDEX ' || index.name; END LOOP;
END $$do$$;
CREATE TABLE bench_heard AS
WITH heard AS (
  SELECT track_url, source, min(duration_ms) AS duration_ms,
    song_store.fold(min(title)) || E'\n' || song_store.fold(min(artist)) || E'\n'
      || song_store.fold(min(album)) AS words,
    song_store.fold(min(track_mbid)) || E'\n' || song_store.fold(min(artist_mbid)) || E'\n'
      || song_store.fold(min(album_mbid)) AS mbids
  FROM song_store.plays WHERE user_id < $0 GROUP BY track_url, source)
SELECT *, substring(sha256(convert_to(words || E'\n' || mbids || E'\n' || duration_ms, 'UTF8'))
                    FOR 16) AS digest
FROM heard;
INSERT INTO song_store.listed_tracks (duration_ms, digest, words, mbids)
SELECT DISTINCT ON (digest) duration_ms, digest, words, mbids FROM bench_heard;
ANALYZE bench_heard;
ANALYZE song_store.listed_tracks;
INSERT INTO song_store.listed_plays
  (id, user_id, played_at, batch_id, track_id, source, loved, streamable)
SELECT plays.id, user_id, played_at, batch_id, listed_tracks.id, source, coalesce(loved, false),
  coalesce(streamable, false)
FROM song_store.plays JOIN bench_heard USING (track_url, source)
JOIN song_store.listed_tracks ON listed_tracks.digest = bench_heard.digest
WHERE user_id < $0;
INSERT INTO song_store.listed_users (user_id, source, plays)
SELECT user_id, source, count(*) FROM song_store.listed_plays GROUP BY user_id, source;
DO $$do$$ DECLARE index record; BEGIN
  FOR index IN SELECT definition FROM bench_indexes LOOP EXECUTE index.definition; END LOOP;
END $$do$$;
RESET work_mem;
RESET maintenance_work_mem;)";

constexpr char kQueueFrom[] = R"(
INSERT INTO song_store.listing_queue (user_id, first_played_at, last_played_at)
SELECT DISTINCT user_id, timestamptz '-infinity', timestamptz 'infinity' FROM song_store.batches
WHERE user_id >= $0)";

// A member of staff before ten million songs.
class Office {
 public:
  Office() {
    std::cerr << kScenario << ": storing ten million songs\n";
    const std::vector<SignedIn> users =
        MakeUsers(system_.stack(), system_.sql(), "listener", kUsers);
    sql().Run(absl::Substitute(kMakeTracks, kTracks));
    for (std::size_t begin = 0; begin < users.size(); begin += kUsersAtOnce) {
      const std::size_t last = std::min<std::size_t>(begin + kUsersAtOnce, users.size()) - 1;
      sql().Run(
          absl::Substitute(kMakePlays, users[begin].id, users[last].id, kTracks, kPlaysOfUser));
    }
    songs_ = sql().Number("SELECT count(*) FROM song_store.plays");
    if (songs_ < std::int64_t{kUsers} * kPlaysOfUser * 99 / 100) {
      throw std::runtime_error(absl::StrCat("only ", songs_, " songs were stored"));
    }
    sql().Run("VACUUM ANALYZE song_store.plays");
    first_of_last_ = users[users.size() - kUsersLeft].id;
  }

  // Lists all songs, the last of them by the song store itself; returns how many of those a second.
  double Fill() {
    std::cerr << kScenario << ": listing them\n";
    sql().Run(absl::Substitute(kListMost, first_of_last_));
    VacuumListing();
    const absl::Time begin = absl::Now();
    sql().Run(absl::Substitute(kQueueFrom, first_of_last_));
    system_.AwaitListing(kListingTimeMax);
    const absl::Duration time = absl::Now() - begin;
    // What was made at once is as the song store makes it: to list a user again changes nothing.
    const std::int64_t tracks = sql().Number("SELECT count(*) FROM song_store.listed_tracks");
    sql().Run(absl::Substitute(kQueueFrom, first_of_last_ - kUsersListedTwice));
    system_.AwaitListing(kListingTimeMax);
    if (sql().Number("SELECT count(*) FROM song_store.listed_plays") != songs_ ||
        sql().Number("SELECT count(*) FROM song_store.listed_tracks") != tracks) {
      throw std::runtime_error("the listing is not what the songs are");
    }
    VacuumListing();
    return static_cast<double>(kUsersLeft) * kPlaysOfUser / absl::ToDoubleSeconds(time);
  }

  void SignIn() {
    const Account account = system_.Register("staff");
    sql().Run(absl::StrCat("UPDATE auth.users SET staff = true WHERE id = ", account.id));
    token_ = system_.Token(account);
  }

  // What the answers take, in milliseconds.
  std::vector<double> LatenciesMs(const std::vector<std::string>& targets) {
    std::vector<double> latencies;
    for (const std::string& target : targets) {
      const Drained answer = Drain(system_.stack().http_port(), GetRequest(target, token_));
      if (answer.status != 200) {
        throw std::runtime_error(absl::StrCat(target, " answered ", answer.status));
      }
      latencies.push_back(absl::ToDoubleMilliseconds(answer.whole));
    }
    return latencies;
  }

  // Values of a column of the plays, all different.
  std::vector<std::string> Values(const std::string& expression, const std::string& condition) {
    std::vector<std::string> values;
    for (int i = 0; i < kRequests; ++i) {
      values.push_back(sql().Run(absl::Substitute(
          "SELECT $0 FROM song_store.plays WHERE user_id = (SELECT id FROM auth.users WHERE "
          "starts_with(username, 'listener') ORDER BY id OFFSET $1 LIMIT 1) AND $2 "
          "ORDER BY played_at LIMIT 1",
          expression, i * (kUsers / kRequests), condition)));
    }
    return values;
  }

  Sql& sql() { return system_.sql(); }
  void CheckHealth() { system_.CheckHealth(); }

 private:
  void VacuumListing() {
    sql().Run("VACUUM ANALYZE song_store.listed_plays");
    sql().Run("VACUUM ANALYZE song_store.listed_tracks");
  }

  System system_;
  std::int64_t songs_ = 0;
  std::int64_t first_of_last_ = 0;  // The first of the users whom the song store lists.
  std::string token_;
};

struct Question {
  std::string what;
  // What follows `?` or `&` in each request.
  std::vector<std::string> queries;
};

std::vector<std::string> With(const std::string& parameter, std::vector<std::string> values) {
  for (std::string& value : values) value = absl::StrCat(parameter, "=", value);
  return values;
}

std::vector<std::string> Same(const std::string& query) {
  return std::vector<std::string>(kRequests, query);
}

// Three letters out of titles and artists, frequent ones and rare ones alike.
std::vector<std::string> Letters(Office& office) {
  const std::string words = office.sql().Run(
      "SELECT string_agg(piece, ' ') FROM (SELECT DISTINCT substr(word, 1 + n % 4, 3) AS piece "
      "FROM public.bench_words WHERE length(word) > 6 ORDER BY 1) AS pieces "
      "WHERE length(piece) = 3");
  std::vector<std::string> pieces = absl::StrSplit(words, ' ');
  std::shuffle(pieces.begin(), pieces.end(), std::mt19937(1));
  pieces.resize(std::min<std::size_t>(pieces.size(), kRequests));
  return pieces;
}

std::vector<Question> Questions(Office& office) {
  const std::string lastfm = "source = 2";
  return {{"no filter", Same("limit=100")},
          {"source", Same("filter.source=lastfm")},
          {"loved", Same("filter.loved=true")},
          {"streamable", Same("filter.streamable=true")},
          {"user", With("filter.user_id", office.Values("user_id", "true"))},
          {"batch", With("filter.batch_id", office.Values("batch_id", "true"))},
          {"span of time",
           With("filter.until",
                office.Values("to_char(played_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", "true"))},
          {"track's id", With("filter.track_mbid", office.Values("track_mbid", lastfm))},
          {"artist's id", With("filter.artist_mbid", office.Values("artist_mbid", lastfm))},
          {"album's id", With("filter.album_mbid", office.Values("album_mbid", lastfm))},
          {"three letters", With("filter.q", Letters(office))},
          {"order by title", Same("order_by=title")},
          {"order by duration", Same("order_by=-duration_ms")}};
}

void Ask(Office& office, const std::string& path, const std::string& what, const Question& question,
         Report& report, bool is_bound) {
  std::vector<std::string> targets;
  for (const std::string& query : question.queries) {
    targets.push_back(absl::StrCat(path, "?", query));
  }
  std::cerr << kScenario << ": " << what << ", " << question.what << "\n";
  const double p95 = Percentile(office.LatenciesMs(targets), 0.95);
  Row row{.scenario = kScenario,
          .what = absl::StrCat(what, ", ", question.what, ", p95"),
          .unit = "ms",
          .ours = {p95},
          .judged = {p95},
          .judged_unit = "ms"};
  if (is_bound) row.target = Target::AtMost(kLatencyMaxMs);
  report.Add(row);
}

}  // namespace

void MeasureAdmin(const Options&, Report& report) {
  Row filling{.scenario = kScenario,
              .what = "listing 100,000 songs for staff beside 10,000,000",
              .unit = "songs/s",
              .skipped = NoRoomForTenMillionSongs()};
  if (!filling.skipped.empty()) {
    report.Add(filling);
    return;
  }
  Office office;
  filling.ours = {office.Fill()};
  report.Add(filling);
  office.SignIn();
  for (const Question& question : Questions(office)) {
    Ask(office, "/admin/api/songs", "100 songs", question, report, true);
    if (question.what.find("order") != std::string::npos) continue;
    Question counted = question;
    if (question.what == "no filter") counted.queries = Same("filter.q=");
    Ask(office, "/admin/api/songs/count", "counts", counted, report, false);
  }
  office.CheckHealth();
}

}  // namespace playlog::bench
