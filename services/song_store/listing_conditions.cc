#include "services/song_store/listing_conditions.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/strings.h"

namespace playlog::song_store {
namespace {

constexpr char kNever[] = "false";

db::Param ArrayOf(const std::vector<std::int64_t>& numbers) {
  db::Array array;
  array.Reserve(numbers.size() * 8);
  for (const std::int64_t number : numbers) array.Add(number);
  return db::Param(std::move(array));
}

// A word as it stands in a pattern of LIKE.
std::string Escaped(const std::string& word) {
  return absl::StrReplaceAll(word, {{"\\", "\\\\"}, {"%", "\\%"}, {"_", "\\_"}});
}

// The same as a condition on a play. A scalar subquery is not made a join of, which would read all
// tracks.
std::string TextOfPlay(ListSql& sql, const Search& search) {
  return absl::StrCat("(SELECT ", TextCondition(sql, search, true),
                      " FROM listed_tracks AS t WHERE t.id = p.track_id)");
}

std::string OfUsers(ListSql& sql, const Search& search) {
  return absl::StrCat("p.user_id = ANY (", sql.Arg(ArrayOf(search.users), "bigint[]"), ") AND ",
                      TextOfPlay(sql, search));
}

}  // namespace

std::string ListSql::Arg(db::Param value, std::string_view type) {
  params.push_back(std::move(value));
  return absl::StrCat("$", params.size(), "::", ToAbsl(type));
}

bool FindsNothing(const Search& search) {
  return search.HasText() && search.has_all_tracks && search.tracks.empty() && search.users.empty();
}

bool MayBeginMbid(std::string_view folded_word) {
  return folded_word.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

bool IsNarrow(ListPath path) { return path == ListPath::kUser || path == ListPath::kBatch; }

ListPath PathOf(const ListFilter& filter) {
  if (filter.batch_id.has_value()) return ListPath::kBatch;
  if (filter.user_id.has_value()) return ListPath::kUser;
  if (filter.streamable.value_or(false)) return ListPath::kStreamable;
  if (filter.loved.value_or(false)) return ListPath::kLoved;
  if (filter.source.has_value()) return ListPath::kSource;
  return ListPath::kAll;
}

bool IsExact(const Search& search, ListPath path) {
  ListSql ignored;
  return !search.HasText() && PlayConditions(ignored, search.filter, path).empty();
}

std::string And(const std::vector<std::string>& conditions) {
  return conditions.empty() ? "true" : absl::StrJoin(conditions, " AND ");
}

std::string OrderBy(const std::vector<std::string>& keys, bool is_descending) {
  return absl::StrCat(
      " ORDER BY ",
      absl::StrJoin(keys, ", ", [is_descending](std::string* out, const std::string& key) {
        absl::StrAppend(out, key, is_descending ? " DESC" : "");
      }));
}

std::string MbidExpression(std::string_view track, int mbid) {
  return absl::StrCat("left(split_part(", ToAbsl(track), ".mbids, E'\\n', ", mbid + 1, "), 200)");
}

void AddSpan(ListSql& sql, const ListFilter& filter, std::vector<std::string>& conditions) {
  if (filter.from.has_value()) {
    conditions.push_back("p.played_at >= " + sql.Arg(db::Param(*filter.from), "timestamptz"));
  }
  if (filter.until.has_value()) {
    conditions.push_back("p.played_at < " + sql.Arg(db::Param(*filter.until), "timestamptz"));
  }
}

std::vector<std::string> PathConditions(ListSql& sql, const ListFilter& filter, ListPath path) {
  switch (path) {
    case ListPath::kAll:
      return {};
    case ListPath::kSource:
      return {"p.source = " + sql.Arg(db::Param(static_cast<int>(*filter.source)), "smallint")};
    case ListPath::kLoved:
      return {"p.loved"};
    case ListPath::kStreamable:
      return {"p.streamable"};
    case ListPath::kUser:
      return {"p.user_id = " + sql.Arg(*filter.user_id)};
    case ListPath::kBatch:
      return {"p.batch_id = " + sql.Arg(*filter.batch_id)};
  }
  return {kNever};
}

std::vector<std::string> PlayConditions(ListSql& sql, const ListFilter& filter, ListPath path) {
  std::vector<std::string> conditions;
  for (const auto& [other, is_set] : {std::pair{ListPath::kSource, filter.source.has_value()},
                                      std::pair{ListPath::kUser, filter.user_id.has_value()},
                                      std::pair{ListPath::kBatch, filter.batch_id.has_value()}}) {
    if (!is_set || path == other) continue;
    conditions.push_back(PathConditions(sql, filter, other).front());
  }
  if (filter.loved.has_value() && path != ListPath::kLoved) {
    conditions.emplace_back(*filter.loved ? "p.loved" : "NOT p.loved");
  }
  if (filter.streamable.has_value() && path != ListPath::kStreamable) {
    conditions.emplace_back(*filter.streamable ? "p.streamable" : "NOT p.streamable");
  }
  return conditions;
}

std::string TextCondition(ListSql& sql, const Search& search, bool with_users) {
  std::vector<std::string> conditions;
  for (std::size_t i = 0; i < search.folded_words.size(); ++i) {
    const std::string word = Escaped(search.folded_words[i]);
    std::string condition =
        absl::StrCat("(t.words LIKE ", sql.Arg(db::Param("%" + word + "%"), "text"));
    if (MayBeginMbid(search.folded_words[i])) {
      absl::StrAppend(&condition, " OR E'\\n' || t.mbids LIKE ",
                      sql.Arg(db::Param("%\n" + word + "%"), "text"));
    }
    const auto& users = search.filter.words[i].user_ids;
    if (with_users && !users.empty()) {
      absl::StrAppend(&condition, " OR p.user_id = ANY (", sql.Arg(ArrayOf(users), "bigint[]"),
                      ")");
    }
    conditions.push_back(condition + ")");
  }
  for (int mbid = 0; mbid < kMbids; ++mbid) {
    if (search.folded_mbids[mbid].empty()) continue;
    conditions.push_back(absl::StrCat(MbidExpression("t", mbid), " COLLATE \"C\" = ",
                                      sql.Arg(db::Param(search.folded_mbids[mbid]), "text")));
  }
  return And(conditions);
}

void AddText(ListSql& sql, const Search& search, std::vector<std::string>& conditions) {
  if (!search.HasText()) return;
  if (!search.has_all_tracks) {
    conditions.push_back(TextOfPlay(sql, search));
    return;
  }
  // The test for truth keeps the planner from a join, which would lose the order of the plays.
  std::string condition =
      absl::StrCat("((p.track_id IN (SELECT one FROM unnest(",
                   sql.Arg(ArrayOf(search.tracks), "bigint[]"), ") AS one)) IS TRUE");
  if (!search.users.empty()) absl::StrAppend(&condition, " OR ", OfUsers(sql, search));
  conditions.push_back(condition + ")");
}

std::string SetsSql(ListSql& sql, const Search& search, const std::string& behind,
                    const std::string& order, const std::string& limit) {
  const auto plays = [&](const std::string& of, bool by_user) {
    std::vector<std::string> conditions = {of};
    for (const std::string& condition : PlayConditions(sql, search.filter, ListPath::kAll)) {
      conditions.push_back(condition);
    }
    AddSpan(sql, search.filter, conditions);
    if (by_user) conditions.push_back(TextOfPlay(sql, search));
    if (!behind.empty()) conditions.push_back(behind);
    return absl::StrCat("CROSS JOIN LATERAL (SELECT p.* FROM listed_plays AS p WHERE ",
                        And(conditions), order, limit, ") AS p", order, limit);
  };
  std::string text =
      absl::StrCat("(SELECT p.* FROM unnest(", sql.Arg(ArrayOf(search.tracks), "bigint[]"),
                   ") AS one (id) ", plays("p.track_id = one.id", false), ")");
  if (!search.users.empty()) {
    absl::StrAppend(&text, " UNION (SELECT p.* FROM unnest(",
                    sql.Arg(ArrayOf(search.users), "bigint[]"), ") AS one (id) ",
                    plays("p.user_id = one.id", true), ")");
  }
  return text;
}

std::string CandidatesSql(ListSql& sql, const Search& search, int limit) {
  const ListPath path = PathOf(search.filter);
  const std::string limit_text = absl::StrCat(" LIMIT ", limit);
  if (!IsNarrow(path) && search.is_by_sets) {
    return SetsSql(sql, search, "", "", limit_text);
  }
  std::vector<std::string> conditions = PathConditions(sql, search.filter, path);
  AddSpan(sql, search.filter, conditions);
  return absl::StrCat("SELECT p.* FROM listed_plays AS p WHERE ", And(conditions), limit_text);
}

}  // namespace playlog::song_store
