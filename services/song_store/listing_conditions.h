#ifndef PLAYLOG_SERVICES_SONG_STORE_LISTING_CONDITIONS_H_
#define PLAYLOG_SERVICES_SONG_STORE_LISTING_CONDITIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/db/param.h"
#include "services/song_store/listing_filter.h"

namespace playlog::song_store {

// What a filter and a search come to in SQL: the pieces of which the statements of listing_sql.h
// are made. In them p is a play of the listing and t a track.

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

// Whether a word can be the beginning of a MusicBrainz id, which is hexadecimal: for most words no
// track's ids have to be looked at.
bool MayBeginMbid(std::string_view folded_word);

// Whether it is the path of one user or one batch, which has few plays.
bool IsNarrow(ListPath path);

// Whether it is known already that no play has the words and ids of the search.
bool FindsNothing(const Search& search);

// All of the conditions; `true` if there is none.
std::string And(const std::vector<std::string>& conditions);
// The clause that sorts by the keys, all in one direction.
std::string OrderBy(const std::vector<std::string>& keys, bool is_descending);
// A MusicBrainz id of a track, as its index has it: 0 is the track's, 1 the artist's, 2 the
// album's.
std::string MbidExpression(std::string_view track, int mbid);

// Adds the conditions of the span of time.
void AddSpan(ListSql& sql, const ListFilter& filter, std::vector<std::string>& conditions);
// The condition that makes the path; none for the path of all plays.
std::vector<std::string> PathConditions(ListSql& sql, const ListFilter& filter, ListPath path);
// What the filter asks for of a play beside its path, its span and its texts.
std::vector<std::string> PlayConditions(ListSql& sql, const ListFilter& filter, ListPath path);
// The condition of the words and ids on the track t; of the user too where `with_users`.
std::string TextCondition(ListSql& sql, const Search& search, bool with_users);
// Adds what the filter asks for of a play's texts, by the tracks where all of them are known.
void AddText(ListSql& sql, const Search& search, std::vector<std::string>& conditions);

// The first plays of each track and of each user of a search, in two parts that may overlap.
std::string SetsSql(ListSql& sql, const Search& search, const std::string& behind,
                    const std::string& order, const std::string& limit);
// The plays of a user, a batch or a search by sets, of which everything but the path is still to be
// asked for.
std::string CandidatesSql(ListSql& sql, const Search& search, int limit);

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_LISTING_CONDITIONS_H_
