#include "services/song_store/listing_sql.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/strings.h"

namespace playlog::song_store {
namespace {

constexpr char kPlayColumns[] = "p.id, p.user_id, p.played_at, p.batch_id, p.track_id";

std::string Join(const std::vector<std::string>& parts, const char* separator) {
  return absl::StrJoin(parts, separator);
}

// The text that a track is ordered by.
std::string KeyOf(ListColumn column) {
  switch (column) {
    case ListColumn::kTitle:
      return "left(split_part(t.words, E'\\n', 1), 200) COLLATE \"C\"";
    case ListColumn::kArtist:
      return "left(split_part(t.words, E'\\n', 2), 200) COLLATE \"C\"";
    case ListColumn::kAlbum:
      return "left(split_part(t.words, E'\\n', 3), 200) COLLATE \"C\"";
    case ListColumn::kTrackMbid:
      return MbidExpression("t", 0) + " COLLATE \"C\"";
    case ListColumn::kArtistMbid:
      return MbidExpression("t", 1) + " COLLATE \"C\"";
    case ListColumn::kAlbumMbid:
      return MbidExpression("t", 2) + " COLLATE \"C\"";
    default:
      return "t.duration_ms";
  }
}

// The columns of plays that a column of theirs is ordered by: those of an index.
std::vector<std::string> PlayKeys(ListColumn column) {
  switch (column) {
    case ListColumn::kId:
      return {"p.id"};
    case ListColumn::kUserId:
      return {"p.user_id", "p.played_at", "p.id"};
    case ListColumn::kBatchId:
      return {"p.batch_id", "p.played_at", "p.id"};
    default:
      return {"p.played_at", "p.id"};
  }
}

std::string PositionArg(ListSql& sql, const std::string& key, const ListPosition& position) {
  if (key == "p.user_id") return sql.Arg(position.user_id);
  if (key == "p.batch_id") return sql.Arg(position.batch_id);
  if (key == "p.played_at") {
    return sql.Arg(db::Param(absl::FromUnixMicros(position.played_at_us)), "timestamptz");
  }
  if (key == "t.id") return sql.Arg(position.track_id);
  if (key == "p.id") return sql.Arg(position.id);
  return sql.Arg(db::Param(position.key), key == "t.duration_ms" ? "integer" : "text");
}

// The condition of what lies behind a position.
std::string Behind(ListSql& sql, std::vector<std::string> keys, const PageSql& page) {
  const ListPosition& position = *page.after;
  if (position.is_whole_track) keys.resize(2);  // The track's column and its id.
  std::vector<std::string> values;
  values.reserve(keys.size());
  for (const std::string& key : keys) values.push_back(PositionArg(sql, key, position));
  return absl::StrCat("(", Join(keys, ", "), ") ", page.order.is_descending ? "<" : ">", " (",
                      Join(values, ", "), ")");
}

// The plays that a walk looks at.
std::string Looked(ListSql& sql, const Search& search, ListPath path, const PageSql& page,
                   const std::string& limit) {
  const std::vector<std::string> keys = PlayKeys(page.order.column);
  std::vector<std::string> conditions = PathConditions(sql, search.filter, path);
  if (keys.size() == 2) AddSpan(sql, search.filter, conditions);
  if (page.after.has_value()) conditions.push_back(Behind(sql, keys, page));
  return absl::StrCat("SELECT p.* FROM listed_plays AS p WHERE ", And(conditions),
                      OrderBy(keys, page.order.is_descending), limit);
}

}  // namespace

bool IsOfTrack(ListColumn column) {
  switch (column) {
    case ListColumn::kTitle:
    case ListColumn::kArtist:
    case ListColumn::kAlbum:
    case ListColumn::kTrackMbid:
    case ListColumn::kArtistMbid:
    case ListColumn::kAlbumMbid:
    case ListColumn::kDurationMs:
      return true;
    default:
      return false;
  }
}

ListSql FindTracksSql(const Search& search, int limit) {
  constexpr std::size_t kGram = 3;
  constexpr std::size_t kLongGram = 8;
  ListSql sql;
  std::vector<std::string> conditions = {TextCondition(sql, search, false)};
  // A word that is too short for the index is only looked for in what the others find.
  for (const std::string& word : search.folded_words) {
    const std::size_t length = CountCodePoints(word);
    if (length < kGram) continue;
    const std::string arg = sql.Arg(db::Param(word), "text");
    std::string condition =
        absl::StrCat("(track_grams(t.words, t.mbids) @> track_grams(", arg, ", '')");
    if (MayBeginMbid(word)) {
      absl::StrAppend(&condition, " OR track_grams(t.words, t.mbids) @> ARRAY['^' || left(", arg,
                      ", ", length < kLongGram ? kGram : kLongGram, ")]");
    }
    conditions.push_back(condition + ")");
  }
  sql.text =
      absl::StrCat("SELECT t.id FROM listed_tracks AS t WHERE ", And(conditions), " LIMIT ", limit);
  return sql;
}

ListSql WalkSql(const Search& search, ListPath path, const PageSql& page) {
  ListSql sql;
  const std::vector<std::string> keys = PlayKeys(page.order.column);
  const std::string looked = Looked(sql, search, path, page, absl::StrCat(" LIMIT ", page.budget));
  std::vector<std::string> conditions = PlayConditions(sql, search.filter, path);
  if (keys.size() != 2) AddSpan(sql, search.filter, conditions);
  AddText(sql, search, conditions);
  sql.text =
      absl::StrCat("SELECT ", kPlayColumns, ", '' FROM (", looked, ") AS p WHERE ", And(conditions),
                   OrderBy(keys, page.order.is_descending), " LIMIT ", page.limit);
  return sql;
}

ListSql WalkEndSql(const Search& search, ListPath path, const PageSql& page) {
  ListSql sql;
  sql.text = absl::StrCat(
      "SELECT ", kPlayColumns, ", '' FROM (",
      Looked(sql, search, path, page, absl::StrCat(" OFFSET ", page.budget - 1, " LIMIT 1")),
      ") AS p");
  return sql;
}

ListSql MergeSql(const Search& search, const PageSql& page) {
  ListSql sql;
  const std::vector<std::string> keys = PlayKeys(ListColumn::kPlayedAt);
  const std::string order = OrderBy(keys, page.order.is_descending);
  const std::string behind = page.after.has_value() ? Behind(sql, keys, page) : "";
  const std::string sets = SetsSql(sql, search, behind, order, absl::StrCat(" LIMIT ", page.limit));
  sql.text = absl::StrCat("SELECT ", kPlayColumns, ", '' FROM (", sets, ") AS p", order, " LIMIT ",
                          page.limit);
  return sql;
}

ListSql SortSql(const Search& search, const PageSql& page) {
  ListSql sql;
  const bool of_track = IsOfTrack(page.order.column);
  std::vector<std::string> keys = PlayKeys(page.order.column);
  if (of_track) keys = {KeyOf(page.order.column), "t.id", "p.played_at", "p.id"};
  const std::string candidates = CandidatesSql(sql, search, page.budget);
  std::vector<std::string> conditions = PlayConditions(sql, search.filter, ListPath::kAll);
  AddText(sql, search, conditions);
  if (page.after.has_value()) conditions.push_back(Behind(sql, keys, page));
  sql.text = absl::StrCat(
      "SELECT ", kPlayColumns, ", ", of_track ? KeyOf(page.order.column) : "''", " FROM (",
      candidates, ") AS p JOIN listed_tracks AS t ON t.id = p.track_id WHERE ", And(conditions),
      OrderBy(keys, page.order.is_descending), " LIMIT ", page.limit);
  return sql;
}

namespace {

// The tracks that a walk looks at: from the one of the position on.
std::string LookedTracks(ListSql& sql, const PageSql& page, const std::string& limit) {
  const std::string key = KeyOf(page.order.column);
  std::string condition = "true";
  if (page.after.has_value()) {
    const ListPosition& after = *page.after;
    const std::string comparison =
        absl::StrCat(page.order.is_descending ? "<" : ">", after.is_whole_track ? "" : "=");
    condition = absl::StrCat("(", key, ", t.id) ", comparison, " (", PositionArg(sql, key, after),
                             ", ", sql.Arg(after.track_id), ")");
  }
  return absl::StrCat("SELECT t.*, ", key, " AS key FROM listed_tracks AS t WHERE ", condition,
                      OrderBy({key, "t.id"}, page.order.is_descending), limit);
}

}  // namespace

ListSql TrackWalkSql(const Search& search, const PageSql& page) {
  ListSql sql;
  const bool down = page.order.is_descending;
  const std::string tracks = LookedTracks(sql, page, absl::StrCat(" LIMIT ", page.budget));
  std::vector<std::string> conditions = {"p.track_id = t.id"};
  for (const std::string& condition : PlayConditions(sql, search.filter, ListPath::kAll)) {
    conditions.push_back(condition);
  }
  AddSpan(sql, search.filter, conditions);
  if (page.after.has_value() && !page.after->is_whole_track) {
    conditions.push_back(absl::StrCat("(t.id <> ", sql.Arg(page.after->track_id), " OR ",
                                      Behind(sql, {"p.played_at", "p.id"}, page), ")"));
  }
  std::string text_condition = "true";
  if (search.HasText()) {
    std::string& place = search.users.empty() ? text_condition : conditions.emplace_back();
    place = TextCondition(sql, search, true);
  }
  const std::string order = OrderBy({"p.played_at", "p.id"}, down);
  sql.text =
      absl::StrCat("SELECT ", kPlayColumns, ", t.key FROM (", tracks,
                   ") AS t CROSS JOIN LATERAL (SELECT p.* FROM listed_plays AS p WHERE ",
                   And(conditions), order, " LIMIT ", page.limit, ") AS p WHERE ", text_condition,
                   OrderBy({"t.key", "t.id", "p.played_at", "p.id"}, down), " LIMIT ", page.limit);
  return sql;
}

ListSql TrackWalkEndSql(const PageSql& page) {
  ListSql sql;
  sql.text = absl::StrCat(
      "SELECT t.id, t.key FROM (",
      LookedTracks(sql, page, absl::StrCat(" OFFSET ", page.budget - 1, " LIMIT 1")), ") AS t");
  return sql;
}

ListSql CountCandidatesSql(const Search& search, int limit) {
  ListSql sql;
  sql.text = absl::StrCat("SELECT count(*) FROM (SELECT FROM (", CandidatesSql(sql, search, limit),
                          ") AS p LIMIT ", limit, ") AS p");
  return sql;
}

ListSql CountBySetsSql(const Search& search, int limit) {
  ListSql sql;
  sql.text = absl::StrCat("SELECT count(*) FROM (SELECT FROM (",
                          SetsSql(sql, search, "", "", absl::StrCat(" LIMIT ", limit)),
                          ") AS p LIMIT ", limit, ") AS p");
  return sql;
}

ListSql CountByWalkSql(const Search& search, ListPath path, const std::vector<Span>& spans,
                       int limit, int budget) {
  ListSql sql;
  db::Array firsts, ends;
  for (const auto& [first, end] : spans) {
    firsts.Add(first);
    ends.Add(end);
  }
  const std::string spans_text =
      absl::StrCat("unnest(", sql.Arg(db::Param(std::move(firsts)), "timestamptz[]"), ", ",
                   sql.Arg(db::Param(std::move(ends)), "timestamptz[]"),
                   ") WITH ORDINALITY AS span (first, last, place)");
  std::vector<std::string> looked = PathConditions(sql, search.filter, path);
  looked.emplace_back("p.played_at >= span.first");
  looked.emplace_back("p.played_at < span.last");
  std::vector<std::string> conditions = PlayConditions(sql, search.filter, path);
  AddText(sql, search, conditions);
  const int looked_max = conditions.empty() ? limit : budget;
  sql.text = absl::StrCat(
      "SELECT span.place, counted.plays, counted.looked FROM ", spans_text,
      " CROSS JOIN LATERAL (SELECT least(count(*) FILTER (WHERE ", And(conditions), "), ", limit,
      ") AS plays, count(*) AS looked FROM (SELECT p.* FROM listed_plays AS p WHERE ", And(looked),
      OrderBy({"p.played_at", "p.id"}, true), " LIMIT ", looked_max,
      ") AS p) AS counted WHERE counted.plays > 0 OR counted.looked >= ", looked_max,
      " ORDER BY span.place");
  return sql;
}

ListSql CountByUnitSql(const Search& search, std::string_view unit, int budget) {
  ListSql sql;
  const std::string candidates = CandidatesSql(sql, search, budget);
  std::vector<std::string> conditions = PlayConditions(sql, search.filter, ListPath::kAll);
  AddText(sql, search, conditions);
  sql.text = absl::StrCat("SELECT date_trunc(", sql.Arg(db::Param(unit), "text"),
                          ", p.played_at), count(*) FROM (", candidates, ") AS p WHERE ",
                          And(conditions), " GROUP BY 1 ORDER BY 1 DESC");
  return sql;
}

}  // namespace playlog::song_store
