// How the songs of a user are read from PostgreSQL, for lists and for downloads.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "common/base/status_macros.h"
#include "services/song_store/postgres_store.h"
#include "services/song_store/song_row.h"

namespace playlog::song_store {
namespace {

// Songs are in the order of time and then of id, which no index has. A sort by id copies each song
// once more, a fifth of what the answer costs PostgreSQL (tests/bench/NOTES.md), and few instants
// have two songs. So songs are read in the order of time alone, backwards along the index, with all
// those of the last instant, and InReadingOrder puts the songs of an instant in order. The revision
// behind a song's columns is that of the same moment.
#define PLAYLOG_SELECT_SONGS                                                                  \
  "SELECT " PLAYLOG_SONG_COLUMNS                                                              \
  ", coalesce((SELECT revision FROM user_revisions WHERE user_id = $1), 0) FROM plays WHERE " \
  "user_id = $1"
// The first comparison is implied by the second; it alone can bound the scan of the index.
#define PLAYLOG_AFTER " AND played_at <= $3 AND (played_at, id) < ($3, $4)"

// How many songs are read for those of the last instant, beyond the ones that are asked for.
#define PLAYLOG_INSTANT "64"
constexpr std::size_t kInstant = 64;
#define PLAYLOG_WHOLE_INSTANTS(songs)                                 \
  "SELECT * FROM (" songs                                             \
  " ORDER BY played_at DESC FETCH FIRST $2 ROWS WITH TIES) AS newest" \
  " ORDER BY played_at DESC LIMIT $2 + " PLAYLOG_INSTANT
// An instant with more songs than that is sorted by PostgreSQL.
#define PLAYLOG_SORTED(songs) songs " ORDER BY played_at DESC, id DESC LIMIT $2"

struct ReadStatements {
  db::Statement whole_instants;
  db::Statement sorted;
};
#define PLAYLOG_READ(name, songs)                                    \
  ReadStatements {                                                   \
    .whole_instants = {"read_" name, PLAYLOG_WHOLE_INSTANTS(songs)}, \
    .sorted = {"read_sorted_" name, PLAYLOG_SORTED(songs)},          \
  }
constexpr ReadStatements kReadFirst = PLAYLOG_READ("first", PLAYLOG_SELECT_SONGS);
constexpr ReadStatements kReadAfter = PLAYLOG_READ("after", PLAYLOG_SELECT_SONGS PLAYLOG_AFTER);
constexpr ReadStatements kReadSourceFirst =
    PLAYLOG_READ("source_first", PLAYLOG_SELECT_SONGS " AND source = $3");
constexpr ReadStatements kReadSourceAfter =
    PLAYLOG_READ("source_after", PLAYLOG_SELECT_SONGS PLAYLOG_AFTER " AND source = $5");

// The songs of each instant by id, newest first.
std::vector<db::Row> InReadingOrder(const db::Rows& rows) {
  constexpr std::size_t kId = 0, kPlayedAt = 4;  // Of PLAYLOG_SONG_COLUMNS.
  std::vector<db::Row> songs;
  songs.reserve(rows.size());
  for (const db::Row row : rows) songs.push_back(row);
  for (auto first = songs.begin(); first != songs.end();) {
    const auto last = std::find_if(first + 1, songs.end(), [first](const db::Row& song) {
      return song.Text(kPlayedAt) != first->Text(kPlayedAt);
    });
    std::sort(first, last,
              [](const db::Row& a, const db::Row& b) { return a.Int64(kId) > b.Int64(kId); });
    first = last;
  }
  return songs;
}

}  // namespace

absl::StatusOr<db::Rows> PostgresSongStore::ReadRows(const Query& query, absl::Time deadline) {
  const bool any_source = query.source == songs::v1::SOURCE_UNSPECIFIED;
  std::vector<db::Param> params = {query.user_id, query.limit};
  if (query.after.has_value()) {
    params.emplace_back(absl::FromUnixMicros(query.after->played_at_us));
    params.emplace_back(query.after->id);
  }
  if (!any_source) params.emplace_back(static_cast<int>(query.source));
  const ReadStatements& statements = query.after.has_value()
                                         ? (any_source ? kReadAfter : kReadSourceAfter)
                                         : (any_source ? kReadFirst : kReadSourceFirst);
  PLAYLOG_ASSIGN_OR_RETURN(db::Rows rows, pool_.QueryParams(deadline, db::Effect::kIdempotent,
                                                            statements.whole_instants, params));
  if (rows.size() < static_cast<std::size_t>(query.limit) + kInstant) return rows;
  return pool_.QueryParams(deadline, db::Effect::kIdempotent, statements.sorted, params);
}

absl::StatusOr<std::int64_t> PostgresSongStore::Read(const Query& query, absl::Time deadline,
                                                     SongRun& songs) {
  std::int64_t revision = 0;
  PLAYLOG_ASSIGN_OR_RETURN(db::Rows rows, ReadRows(query, deadline));
  if (rows.empty()) {
    // No row has told the revision. It has to be read before the songs, of which there may be some
    // by then.
    PLAYLOG_ASSIGN_OR_RETURN(const auto revisions, Revisions({&query.user_id, 1}, deadline));
    revision = revisions.at(query.user_id);
    PLAYLOG_ASSIGN_OR_RETURN(rows, ReadRows(query, deadline));
  }
  if (!rows.empty()) revision = rows[0].Int64(kColumnsOfSong);
  std::vector<db::Row> in_order = InReadingOrder(rows);
  in_order.erase(in_order.begin() + std::min<std::ptrdiff_t>(query.limit, std::ssize(in_order)),
                 in_order.end());
  std::string song;
  for (const db::Row& row : in_order) {
    const Position position = ReadEncodedSong(row, song);
    songs.Add(position, song);
  }
  return revision;
}

}  // namespace playlog::song_store
