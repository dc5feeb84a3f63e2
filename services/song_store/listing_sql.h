#ifndef PLAYLOG_SERVICES_SONG_STORE_LISTING_SQL_H_
#define PLAYLOG_SERVICES_SONG_STORE_LISTING_SQL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/db/param.h"
#include "services/song_store/listing_filter.h"

namespace playlog::song_store {

// How the listing is asked: texts of statements with their parameters. Each statement looks at no
// more rows than it is told to, so that it ends soon whatever the filter, and says which plan it
// wants by its form: what is left to PostgreSQL's planner is which index has the rows in order.

// A statement in the making.
class ListSql {
 public:
  // Adds a parameter and returns what stands for it.
  std::string Arg(db::Param value, std::string_view type);
  std::string Arg(std::int64_t value) { return Arg(db::Param(value), "bigint"); }

  std::string text;
  std::vector<db::Param> params;
};

// A filter whose words have been looked up.
struct Search {
  ListFilter filter;
  // The words as the listing has its texts.
  std::vector<std::string> folded_words = {};
  std::vector<std::string> folded_mbids = {};  // Empty for one that is not filtered by.
  // The tracks that have all words and ids of the filter, or some thousand of them.
  std::vector<std::int64_t> tracks = {};
  bool has_all_tracks = true;
  // The users whose names have one of the words.
  std::vector<std::int64_t> users = {};
  // There are few enough users to be looked at one after the other; and so are the tracks, which
  // are all known.
  bool has_few_users = true;
  bool is_by_sets = false;

  bool HasText() const { return filter.HasText(); }
};

// By which rows' index a walk goes.
enum class ListPath { kAll, kSource, kLoved, kStreamable, kUser, kBatch };

// The narrowest path that has every play of the filter.
ListPath PathOf(const ListFilter& filter);

// Whether a path takes nothing but what the filter takes, but for the span of time.
bool IsExact(const Search& search, ListPath path);

// Whether it is the path of one user or one batch, which has few plays.
bool IsNarrow(ListPath path);

// Whether it is known already that no play has the words and ids of the search.
bool FindsNothing(const Search& search);

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
