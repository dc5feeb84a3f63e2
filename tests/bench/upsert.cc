// New songs through UpsertSongs, with and without the listing that staff read, and the same songs
// again.

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "upsert";
constexpr int kStreams = 2;
constexpr int kPlaysOfStream = 180'000;
constexpr int kPlays = kStreams * kPlaysOfStream;
// Far from all other users.
constexpr std::int64_t kFirstUser = 2'000'000;
// In each pair one set of users stores with the listing, the other without it.
constexpr int kSetsOfPair = 2;
constexpr absl::Duration kListingTimeMax = absl::Minutes(3);

// Keeps the queue of the listing empty: what is stored meanwhile is never listed.
constexpr char kStopListing[] = R"(
CREATE FUNCTION bench_drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER bench_stop BEFORE INSERT ON song_store.listing_queue
  FOR EACH ROW EXECUTE FUNCTION bench_drop_row())";
constexpr char kResumeListing[] = R"(
DROP TRIGGER bench_stop ON song_store.listing_queue; DROP FUNCTION bench_drop_row())";

constexpr char kColumns[] =
    "id, user_id, played_at, batch_id, duration_ms, source, loved, streamable, digest, title, "
    "artist, album, album_thumbnail, track_url, artists_url, artist_lastfm_url, track_mbid, "
    "artist_mbid, album_mbid, album_thumbnail_small, album_thumbnail_medium, "
    "album_thumbnail_large, album_thumbnail_extralarge";

// One set of users and their plays; each stream has a user of its own.
std::vector<Batches> StreamsOf(int set) {
  const absl::Time first = absl::FromCivil(absl::CivilDay(2021), absl::UTCTimeZone());
  std::vector<Batches> streams;
  for (int stream = 0; stream < kStreams; ++stream) {
    streams.push_back(MakeBatches(kFirstUser + set * kStreams + stream, kPlaysOfStream, first));
  }
  return streams;
}

std::string UsersOf(int set) {
  return absl::StrCat(" WHERE user_id BETWEEN ", kFirstUser + set * kStreams, " AND ",
                      kFirstUser + set * kStreams + kStreams - 1);
}

double Rate(absl::Duration time) { return kPlays / absl::ToDoubleSeconds(time); }

// Bytes of WAL since a position.
double WalSince(Sql& sql, const std::string& position) {
  return static_cast<double>(sql.Number(
      absl::StrCat("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '", position, "')")));
}

std::string WalPosition(Sql& sql) { return sql.Run("SELECT pg_current_wal_insert_lsn()"); }

std::int64_t DeadTuples(Sql& sql) {
  return sql.Number("SELECT dead_tuple_count FROM pgstattuple('song_store.plays')");
}

struct Rates {
  std::vector<double> unlisted, fresh, copy, again;  // Songs a second.
  std::vector<double> fresh_wal, again_wal;          // Bytes.
  std::vector<double> dead;                          // Rows.
};

void Expect(std::int64_t count, const char* what) {
  if (count != kPlays) throw std::runtime_error(absl::StrCat(count, " songs were ", what));
}

// A table like ours with the same rows and index, for COPY. It grows as ours does.
void MakeCopyTable(Sql& sql) {
  sql.Run("CREATE EXTENSION IF NOT EXISTS pgstattuple");
  sql.Run("CREATE TABLE song_store.plays_copied (LIKE song_store.plays INCLUDING ALL)");
  sql.Run(absl::StrCat("INSERT INTO song_store.plays_copied (", kColumns,
                       ") OVERRIDING SYSTEM VALUE SELECT ", kColumns, " FROM song_store.plays"));
  sql.Run("VACUUM ANALYZE song_store.plays_copied");
}

// Does what autovacuum would do and write at some moment of a slice, and lets each slice pay alike
// for the first change of a page.
void Settle(Sql& sql) {
  sql.Run("VACUUM ANALYZE");
  sql.Run("CHECKPOINT");
}

double MeasureUnlisted(World& world, int set) {
  Sql& sql = world.sql();
  const std::vector<Batches> streams = StreamsOf(set);
  sql.Run(kStopListing);
  Settle(sql);
  const Upserted fresh = world.system().upserts().Send(streams);
  Expect(fresh.inserted, "new");
  sql.Run(kResumeListing);
  return Rate(fresh.time);
}

// Every slice begins settled, and when nothing waits to be listed.
void MeasurePair(World& world, int pair, Rates& rates) {
  Sql& sql = world.sql();
  world.system().AwaitListing(kListingTimeMax);
  rates.unlisted.push_back(MeasureUnlisted(world, kSetsOfPair * pair));
  const int set = kSetsOfPair * pair + 1;
  const std::vector<Batches> streams = StreamsOf(set);
  Settle(sql);
  std::string position = WalPosition(sql);
  const Upserted fresh = world.system().upserts().Send(streams);
  Expect(fresh.inserted, "new");
  rates.fresh.push_back(Rate(fresh.time));
  rates.fresh_wal.push_back(WalSince(sql, position));
  world.system().AwaitListing(kListingTimeMax);

  const std::string rows =
      sql.CopyOut(absl::StrCat("COPY (SELECT ", kColumns, " FROM song_store.plays", UsersOf(set),
                               " ORDER BY id) TO STDOUT"));
  Settle(sql);
  const absl::Time begin = absl::Now();
  sql.CopyIn(absl::StrCat("COPY song_store.plays_copied (", kColumns, ") FROM STDIN"), rows);
  rates.copy.push_back(Rate(absl::Now() - begin));

  Settle(sql);
  // Behind the vacuum, which would hide as many as it takes away.
  const std::int64_t dead = DeadTuples(sql);
  position = WalPosition(sql);
  const Upserted again = world.system().upserts().Send(streams);
  Expect(again.unchanged, "unchanged");
  rates.again.push_back(Rate(again.time));
  rates.again_wal.push_back(WalSince(sql, position));
  rates.dead.push_back(static_cast<double>(DeadTuples(sql) - dead));
}

}  // namespace

void MeasureUpsert(World& world, Report& report) {
  MakeCopyTable(world.sql());
  Rates rates;
  for (int pair = 0; pair < world.options().pairs; ++pair) {
    std::cerr << kScenario << ": " << pair + 1 << " of " << world.options().pairs << "\n";
    MeasurePair(world, pair, rates);
  }
  world.sql().Run("DROP TABLE song_store.plays_copied");
  report.Add({.scenario = kScenario,
              .what = "new songs, two streams",
              .unit = "songs/s",
              .ours = rates.fresh,
              .judged = rates.fresh,
              .judged_unit = "songs/s",
              .target = Target::AtLeast(20'000)});
  report.Add({.scenario = kScenario,
              .what = "new songs, two streams",
              .unit = "songs/s",
              .ours = rates.fresh,
              .against = "COPY of the same rows",
              .peers = rates.copy,
              .judged = Ratios(rates.fresh, rates.copy),
              .target = Target::AtLeast(0.3)});
  report.Add({.scenario = kScenario,
              .what = "new songs, two streams",
              .unit = "songs/s",
              .ours = rates.fresh,
              .against = "without the listing for staff",
              .peers = rates.unlisted,
              .judged = Ratios(rates.fresh, rates.unlisted),
              .target = Target::AtLeast(0.9)});
  report.Add({.scenario = kScenario,
              .what = "unchanged songs again",
              .unit = "songs/s",
              .ours = rates.again,
              .against = "the same when new",
              .peers = rates.fresh,
              .judged = Ratios(rates.again, rates.fresh),
              .target = Target::AtLeast(2)});
  std::vector<double> percent = Ratios(rates.again_wal, rates.fresh_wal);
  for (double& value : percent) value *= 100;
  report.Add({.scenario = kScenario,
              .what = "unchanged songs again, WAL",
              .unit = "bytes",
              .ours = rates.again_wal,
              .against = "the same when new",
              .peers = rates.fresh_wal,
              .judged = percent,
              .judged_unit = "%",
              .target = Target::AtMost(1)});
  report.Add({.scenario = kScenario,
              .what = "unchanged songs again, dead rows",
              .unit = "rows",
              .ours = rates.dead,
              .judged = rates.dead,
              .judged_unit = "rows",
              .target = Target::AtMost(0)});
}

}  // namespace playlog::bench
