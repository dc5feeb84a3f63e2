#ifndef PLAYLOG_SERVICES_SONG_STORE_LISTING_SQL_H_
#define PLAYLOG_SERVICES_SONG_STORE_LISTING_SQL_H_

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "services/song_store/listing_conditions.h"

namespace playlog::song_store {

// How the listing is asked: texts of statements with their parameters. Each statement looks at no
// more rows than it is told to, so that it ends soon whatever the filter, and says which plan it
// wants by its form: what is left to PostgreSQL's planner is which index has the rows in order.

// Finds the tracks of a search by its words and ids.
ListSql FindTracksSql(const Search& search, int limit);

// What a page asks for beside the search.
struct PageSql {
  ListOrder order;
  std::optional<ListPosition> after = std::nullopt;
  // The most plays to return, and to look at.
  int limit = 0;
  int budget = 0;
};

// Each returns plays as columns: id, user_id, played_at, batch_id, track_id, and the key of the
// track's column of the order, or ''.

// Walks the plays of a path in the order of one of their own columns (played_at, id, user_id,
// batch_id; the paths of a user and a batch: played_at alone).
ListSql WalkSql(const Search& search, ListPath path, const PageSql& page);
// The last play that such a walk looks at, if it comes to the end of its budget.
ListSql WalkEndSql(const Search& search, ListPath path, const PageSql& page);
// Takes the first plays by played_at of each track and user of a search by sets.
ListSql MergeSql(const Search& search, const PageSql& page);
// Takes all plays of a user, a batch or a search by sets, `budget` at most, and sorts them.
ListSql SortSql(const Search& search, const PageSql& page);
// Walks the tracks in the order of one of their columns, `budget` at most.
ListSql TrackWalkSql(const Search& search, const PageSql& page);
// The last track that such a walk looks at, if it comes to the end of its budget: id and key.
ListSql TrackWalkEndSql(const PageSql& page);

// Whether the column is the track's.
bool IsOfTrack(ListColumn column);

// How many plays a path, a user, a batch or a search by sets has, up to `limit`: what SortSql would
// have to sort.
ListSql CountCandidatesSql(const Search& search, int limit);

// A span of time.
using Span = std::pair<absl::Time, absl::Time>;

// Counts plays up to `limit`, by the tracks and users of the search: the count.
ListSql CountBySetsSql(const Search& search, int limit);
// Counts plays up to `limit` in each of the spans, looking at `budget` in each: the index of the
// span from 1, the count and how many were looked at.
ListSql CountByWalkSql(const Search& search, ListPath path, const std::vector<Span>& spans,
                       int limit, int budget);
// Counts the first `budget` plays of a search by sets, or a path, by `unit`: the beginning of the
// unit and the count.
ListSql CountByUnitSql(const Search& search, std::string_view unit, int budget);

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_LISTING_SQL_H_
