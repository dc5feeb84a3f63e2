#include "tests/bench/plays.h"

#include "absl/strings/substitute.h"

namespace playlog::bench {
namespace {

// What is the same for each owner of a play, whatever columns there are.
constexpr char kListColumns[] = R"(
SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_schema = 'song_store' AND table_name = 'plays'
  AND column_name NOT IN ('id', 'user_id', 'played_at'))";

constexpr char kCopy[] = R"(
WITH copied AS (
  INSERT INTO song_store.plays (user_id, played_at, $0)
  SELECT target.user_id, play.moved, $0
  FROM ($1) AS target (user_id, shift)
  CROSS JOIN LATERAL (
    SELECT played_at + target.shift AS moved, $0 FROM song_store.plays WHERE plays.user_id = $2
  ) AS play
  ORDER BY target.user_id, play.moved
  RETURNING 1)
SELECT count(*) FROM copied)";

}  // namespace

std::int64_t CopyPlays(Sql& sql, std::int64_t from_user, const std::string& targets) {
  return sql.Number(absl::Substitute(kCopy, sql.Run(kListColumns), targets, from_user));
}

}  // namespace playlog::bench
