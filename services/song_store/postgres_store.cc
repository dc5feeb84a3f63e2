#include "services/song_store/postgres_store.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/db/row_export.h"
#include "services/song_store/listing_filler.h"
#include "services/song_store/song_row.h"

namespace playlog::song_store {
namespace {

using songs::v1::Play;

std::string Join(const std::vector<std::string>& parts, const char* separator) {
  return absl::StrJoin(parts, separator);
}

// The condition under which a reader would see `newer` complete plays' row `known`, as Complete
// does.
std::string Differs(const std::string& newer) {
  std::vector<std::string> conditions = {
      "(newer.duration_ms <> 0 AND newer.duration_ms <> known.duration_ms)",
      "newer.loved <> coalesce(known.loved, false)",
      "newer.streamable <> coalesce(known.streamable, false)"};
  for (const TextField& field : TextFields()) {
    conditions.push_back(
        absl::StrReplaceAll("(newer.@ <> '' AND newer.@ <> known.@)", {{"@", ToAbsl(field.name)}}));
  }
  return absl::StrReplaceAll(Join(conditions, " OR "), {{"newer.", newer + "."}});
}

std::string Assignments() {
  std::vector<std::string> assignments = {
      "duration_ms = coalesce(nullif(excluded.duration_ms, 0), known.duration_ms)",
      "loved = coalesce(excluded.loved, known.loved)",
      "streamable = coalesce(excluded.streamable, known.streamable)"};
  for (const TextField& field : TextFields()) {
    assignments.push_back(absl::StrReplaceAll("@ = coalesce(nullif(excluded.@, ''), known.@)",
                                              {{"@", ToAbsl(field.name)}}));
  }
  return Join(assignments, ", ");
}

// Gives the user a new revision if the table expression `counted`, which comes before, has counted
// a change. It comes last, so that of two statements for one user each locks the plays before it
// locks this. A batch does the same in a longer way, since it also records the revision.
#define PLAYLOG_REVISE(changes)                                                   \
  "revised AS (INSERT INTO user_revisions AS known (user_id, revision, previous)" \
  " SELECT $1, next_revision(0), 0 FROM counted WHERE " changes                   \
  " > 0"                                                                          \
  " ON CONFLICT (user_id) DO UPDATE"                                              \
  " SET revision = next_revision(known.revision), previous = known.revision)"

// One statement stores a batch. It first finds which plays are new or tell something new, so that
// the others are neither locked nor written and use up no id; only those are inserted, in the order
// of their key. The probe is a subquery with a limit, because a join could read the user's whole
// history. Between the probe and the insert another batch may bring the same play, which is why the
// conflict is resolved by the same rules once more. A column of which the batch says nothing has no
// array, and is null until it is inserted. The batch's id is drawn first and its row is written
// last, when it is known what changed and which revision that gave. Whether the user may store
// anything is asked within the statement, for it must hold until the statement's end. It also
// returns the revision at which the batch has nothing to add any more: if it changed nothing, the
// one that the statement sees; if it did, its own, unless another change came between that one and
// its own, which may have touched what the batch left as it was; then null.
std::string UpsertSql() {
  std::vector<std::string> columns = {"played_at",  "digest", "duration_ms", "loved",
                                      "streamable", "title",  "artist"};
  std::vector<std::string> arrays = {"$4::timestamptz[]", "$5::bytea[]",   "$6::integer[]",
                                     "$7::boolean[]",     "$8::boolean[]", "$9::text[]",
                                     "$10::text[]"};
  std::vector<std::string> values = columns;
  for (const TextField& field : TextFields()) {
    columns.emplace_back(field.name);
    arrays.push_back(absl::StrCat("$", columns.size() + 3, "::text[]"));
    values.push_back(absl::StrCat("coalesce(", ToAbsl(field.name), ", '')"));
  }
  constexpr char sql[] = R"sql(
WITH admission AS MATERIALIZED (
  SELECT admit_user($1) AS admitted
), seen AS MATERIALIZED (
  SELECT coalesce((SELECT revision FROM user_revisions WHERE user_id = $1), 0) AS revision
), incoming AS MATERIALIZED (
  SELECT * FROM unnest(@ARRAYS) AS incoming (@COLUMNS)
), changed AS MATERIALIZED (
  SELECT incoming.* FROM incoming
  LEFT JOIN LATERAL (
    SELECT * FROM plays
    WHERE plays.user_id = $1 AND plays.played_at = incoming.played_at
      AND plays.digest = incoming.digest
    LIMIT 1
  ) AS known ON true
  WHERE known.id IS NULL OR @DIFFERS_FROM_INCOMING
), drawn AS MATERIALIZED (
  SELECT nextval('batches_id_seq') AS batch_id FROM admission
  WHERE admitted AND EXISTS (SELECT FROM changed)
), written AS (
  INSERT INTO plays AS known (user_id, source, batch_id, @COLUMNS)
  SELECT $1, $2, drawn.batch_id, @VALUES FROM changed CROSS JOIN drawn
  ORDER BY changed.played_at, changed.digest
  ON CONFLICT (user_id, played_at, digest) DO UPDATE SET @ASSIGNMENTS
  WHERE @DIFFERS_FROM_EXCLUDED
  RETURNING known.xmax = 0 AS is_new  -- a row that was updated has been locked before
), counted AS (
  SELECT count(*) FILTER (WHERE is_new) AS inserted, count(*) FILTER (WHERE NOT is_new) AS updated
  FROM written
), span AS (
  SELECT min(played_at) AS first, max(played_at) AS last FROM changed
), queued AS (
  INSERT INTO listing_queue (user_id, first_played_at, last_played_at)
  SELECT $1, first, last FROM span CROSS JOIN counted WHERE inserted + updated > 0
), revised AS (
  INSERT INTO user_revisions AS known
    (user_id, revision, previous, recorded_since, recorded_revision)
  SELECT $1, fresh, 0, fresh, fresh
  FROM (SELECT next_revision(0) AS fresh FROM counted WHERE inserted + updated > 0) AS stamp
  ON CONFLICT (user_id) DO UPDATE SET
    revision = @NEXT,
    previous = known.revision,
    recorded_since = CASE WHEN known.recorded_revision = known.revision
      THEN known.recorded_since ELSE @NEXT END,
    recorded_revision = @NEXT
  RETURNING revision, previous
), recorded AS (
  INSERT INTO batches (id, user_id, source, origin, inserted, updated, revision, first_played_at,
                       last_played_at) OVERRIDING SYSTEM VALUE
  SELECT drawn.batch_id, $1, $2, $3, inserted, updated, revised.revision, first, last
  FROM counted CROSS JOIN drawn CROSS JOIN revised CROSS JOIN span
)
SELECT inserted, updated, admitted, CASE
  WHEN inserted + updated = 0 THEN seen.revision
  ELSE (SELECT revised.revision FROM revised WHERE revised.previous = seen.revision)
END AS settled_at
FROM counted CROSS JOIN admission CROSS JOIN seen)sql";
  return absl::StrReplaceAll(sql, {{"@ARRAYS", Join(arrays, ", ")},
                                   {"@COLUMNS", Join(columns, ", ")},
                                   {"@VALUES", Join(values, ", ")},
                                   {"@ASSIGNMENTS", Assignments()},
                                   {"@NEXT", "greatest(known.revision + 1, excluded.revision)"},
                                   {"@DIFFERS_FROM_INCOMING", Differs("incoming")},
                                   {"@DIFFERS_FROM_EXCLUDED", Differs("excluded")}});
}

// The unique index bounds the scan by user and time.
constexpr db::Statement kCount{"count_plays", R"sql(
SELECT count(*) FROM plays
WHERE user_id = $1 AND source = $2 AND played_at >= coalesce($3::timestamptz, '-infinity')
  AND played_at < coalesce($4::timestamptz, 'infinity'))sql"};

constexpr db::Statement kRevisions{
    "revisions", "SELECT user_id, revision FROM user_revisions WHERE user_id = ANY ($1::bigint[])"};

// The user's revision, if a batch whose plays lie between $3 and $4 and which had nothing to add at
// the revision $2 has nothing to add now either: nothing has changed since, or batches alone, all
// of them at other times. That the revision $2 was given by a batch that is still there tells a
// database that was restored from before it.
constexpr db::Statement kSettledAt{"settled_at", R"sql(
SELECT revision FROM user_revisions WHERE user_id = $1 AND (revision = $2 OR
  recorded_revision = revision AND recorded_since <= $2
  AND EXISTS (SELECT FROM batches WHERE user_id = $1 AND revision = $2)
  AND NOT EXISTS (SELECT FROM batches WHERE user_id = $1 AND batches.revision > $2
    AND first_played_at <= $4::timestamptz AND last_played_at >= $3::timestamptz)))sql"};

constexpr db::Statement kMarkErased{
    "mark_erased",
    "WITH marked AS MATERIALIZED (SELECT mark_erased($1)), counted AS ("
    "SELECT count(*) AS marked FROM marked), " PLAYLOG_REVISE("marked") " SELECT 1 FROM counted"};

constexpr db::Statement kErasePlays{"erase_plays", R"sql(
WITH erased AS (
  DELETE FROM plays WHERE user_id = $1 AND ctid = ANY (ARRAY(
    SELECT ctid FROM plays WHERE user_id = $1 ORDER BY played_at, digest LIMIT $2 FOR UPDATE))
  RETURNING 1
), counted AS (
  SELECT count(*) AS erased FROM erased
), )sql" PLAYLOG_REVISE("erased") " SELECT erased FROM counted"};
constexpr db::Statement kEraseBatches{"erase_batches", R"sql(
DELETE FROM batches WHERE user_id = $1 AND id = ANY (ARRAY(
  SELECT id FROM batches WHERE user_id = $1 ORDER BY id LIMIT $2)))sql"};

// In the order of the index of plays, so that a run costs its own rows.
constexpr db::Statement kExportPlays{"export_plays", R"sql(
SELECT (SELECT row_to_json(line)::text FROM (SELECT
    id, played_at, CASE source WHEN 1 THEN 'spotify' WHEN 2 THEN 'lastfm' END AS source, title,
    artist, album, duration_ms, loved, streamable, track_url, artists_url, artist_lastfm_url,
    album_thumbnail, album_thumbnail_small, album_thumbnail_medium, album_thumbnail_large,
    album_thumbnail_extralarge, track_mbid, artist_mbid, album_mbid, batch_id) AS line),
  plays.played_at::text, plays.digest::text
FROM plays
WHERE user_id = $1::bigint AND (plays.played_at, plays.digest) >
  (coalesce(($2::text[])[1], '-infinity')::timestamptz, coalesce(($2::text[])[2], '')::bytea)
ORDER BY plays.played_at, plays.digest LIMIT $3::bigint)sql"};

constexpr db::Statement kExportBatches{"export_batches", R"sql(
SELECT (SELECT row_to_json(line)::text FROM (SELECT
    id, CASE source WHEN 1 THEN 'spotify' WHEN 2 THEN 'lastfm' END AS source, origin, created_at,
    inserted, updated) AS line),
  batches.id::text
FROM batches
WHERE user_id = $1::bigint AND id > coalesce(($2::text[])[1], '0')::bigint
ORDER BY batches.id LIMIT $3::bigint)sql"};

constexpr db::ExportedTable kExportedTables[] = {{"plays", kExportPlays, 2},
                                                 {"batches", kExportBatches}};

// The values of a column of which the plays may say nothing; no array at all if none says anything,
// which is half the columns of most batches: 60,256 new songs a second in place of 53,514
// (tests/bench, upsert).
template <class Says, class Value>
db::Param ColumnIfSaid(const Batch& batch, const Says& says, const Value& value) {
  db::Array values;
  bool is_said = false;
  for (const KeyedPlay& keyed : batch.plays) {
    const bool says_it = says(*keyed.play);
    says_it ? values.Add(value(*keyed.play)) : values.AddNull();
    is_said |= says_it;
  }
  return is_said ? db::Param(std::move(values)) : db::Param(nullptr);
}

std::vector<db::Param> UpsertParams(const Batch& batch) {
  db::Array played_at, digest, duration_ms, title, artist;
  for (const KeyedPlay& keyed : batch.plays) {
    played_at.Add(keyed.played_at);
    digest.Add(db::Bytes{keyed.digest});
    duration_ms.Add(keyed.play->duration_ms());
    title.Add(keyed.play->title());
    artist.Add(keyed.play->artist());
  }
  std::vector<db::Param> params;
  params.reserve(10 + TextFields().size());
  params.emplace_back(batch.user_id);
  params.emplace_back(static_cast<int>(batch.source));
  params.emplace_back(batch.origin);
  for (db::Array* array : {&played_at, &digest, &duration_ms}) {
    params.emplace_back(std::move(*array));
  }
  params.push_back(ColumnIfSaid(
      batch, [](const Play& play) { return play.has_loved(); },
      [](const Play& play) { return play.loved(); }));
  params.push_back(ColumnIfSaid(
      batch, [](const Play& play) { return play.has_streamable(); },
      [](const Play& play) { return play.streamable(); }));
  params.emplace_back(std::move(title));
  params.emplace_back(std::move(artist));
  for (const TextField& field : TextFields()) {
    params.push_back(ColumnIfSaid(
        batch, [&](const Play& play) { return !(play.*field.get)().empty(); },
        [&](const Play& play) { return std::string_view((play.*field.get)()); }));
  }
  return params;
}

}  // namespace

absl::StatusOr<UpsertCounts> PostgresSongStore::Upsert(const Batch& batch, absl::Time deadline) {
  static const std::string sql = UpsertSql();
  static const db::Statement statement{"upsert_songs", sql};
  if (batch.plays.empty()) return UpsertCounts();
  const std::string key = SettledBatches::KeyOf(batch);
  PLAYLOG_ASSIGN_OR_RETURN(const bool is_settled, IsSettled(key, batch, deadline));
  if (is_settled) return UpsertCounts{.unchanged = static_cast<int>(batch.plays.size())};
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.QueryParams(deadline, db::Effect::kIdempotent,
                                                                  statement, UpsertParams(batch)));
  if (!rows[0].Bool(2)) return UserErasedError();
  if (!rows[0].IsNull(3)) settled_.Remember(key, rows[0].Int64(3));
  UpsertCounts counts;
  counts.inserted = rows[0].Int32(0);
  counts.updated = rows[0].Int32(1);
  counts.unchanged = static_cast<int>(batch.plays.size()) - counts.inserted - counts.updated;
  return counts;
}

absl::StatusOr<bool> PostgresSongStore::IsSettled(const std::string& key, const Batch& batch,
                                                  absl::Time deadline) {
  const std::optional<std::int64_t> settled_at = settled_.Find(key);
  if (!settled_at.has_value()) return false;
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      pool_.Query(deadline, db::Effect::kIdempotent, kSettledAt, batch.user_id, *settled_at,
                  batch.plays.front().played_at, batch.plays.back().played_at));
  if (rows.empty()) return false;
  // So that the next time there is less to look through.
  settled_.Remember(key, rows[0].Int64(0));
  return true;
}

absl::StatusOr<std::int64_t> PostgresSongStore::Count(const CountQuery& query,
                                                      absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool_.Query(deadline, db::Effect::kIdempotent, kCount, query.user_id,
                                       static_cast<int>(query.source), query.from, query.until));
  return rows[0].Int64(0);
}

absl::StatusOr<std::map<std::int64_t, std::int64_t>> PostgresSongStore::Revisions(
    std::span<const std::int64_t> user_ids, absl::Time deadline) {
  std::map<std::int64_t, std::int64_t> revisions;
  for (const std::int64_t user_id : user_ids) revisions[user_id] = 0;
  db::Array asked;
  for (const auto& [user_id, revision] : revisions) asked.Add(user_id);
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.Query(deadline, db::Effect::kIdempotent,
                                                            kRevisions, std::move(asked)));
  for (const db::Row row : rows) revisions[row.Int64(0)] = row.Int64(1);
  return revisions;
}

absl::Status PostgresSongStore::MarkErased(std::int64_t user_id, absl::Time deadline) {
  return pool_.Query(deadline, db::Effect::kIdempotent, kMarkErased, user_id).status();
}

absl::StatusOr<std::int64_t> PostgresSongStore::Erase(std::int64_t user_id, int limit,
                                                      absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows plays, pool_.Query(deadline, db::Effect::kIdempotent,
                                                             kErasePlays, user_id, limit));
  const std::int64_t erased = plays[0].Int64(0);
  if (erased == limit) return erased;
  PLAYLOG_RETURN_IF_ERROR(EraseFromListing(pool_, user_id, limit, deadline));
  while (true) {
    PLAYLOG_ASSIGN_OR_RETURN(const db::Rows batches, pool_.Query(deadline, db::Effect::kIdempotent,
                                                                 kEraseBatches, user_id, limit));
    if (static_cast<int>(batches.affected()) < limit) return erased;
  }
}

std::unique_ptr<RowExport> PostgresSongStore::Export(std::int64_t user_id) {
  return std::make_unique<db::PostgresRowExport>(pool_, kExportedTables, user_id);
}

}  // namespace playlog::song_store
