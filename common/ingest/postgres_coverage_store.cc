#include "common/ingest/postgres_coverage_store.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/db/statement.h"

namespace playlog::ingest {
namespace {

// One row for each span, and one without a span if there are none.
constexpr db::Statement kLoadCoverage{"load_coverage", R"sql(
  SELECT version, first_look_from, last_look_at, theirs, ours, counted_at,
         lower(span), upper(span)
  FROM coverage LEFT JOIN LATERAL unnest(covered) AS span ON true
  WHERE user_id = $1::bigint
  ORDER BY lower(span)
)sql"};

constexpr db::Statement kSaveCoverage{"save_coverage", R"sql(
  INSERT INTO coverage AS known (user_id, version, covered, first_look_from, last_look_at)
  SELECT $1::bigint, $2::bigint + 1,
         coalesce(range_agg(tstzrange(span.covered_from, span.covered_until, '[]')), '{}'),
         $5::timestamptz, $6::timestamptz
  FROM unnest($3::timestamptz[], $4::timestamptz[]) AS span (covered_from, covered_until)
  ON CONFLICT (user_id) DO UPDATE SET
    version = EXCLUDED.version,
    covered = EXCLUDED.covered,
    first_look_from = EXCLUDED.first_look_from,
    last_look_at = EXCLUDED.last_look_at
  WHERE known.version = $2::bigint
)sql"};

constexpr db::Statement kSaveCount{"save_source_count", R"sql(
  INSERT INTO coverage AS known (user_id, theirs, ours, counted_at)
  VALUES ($1::bigint, $2::bigint, $3::bigint, $4::timestamptz)
  ON CONFLICT (user_id) DO UPDATE SET
    theirs = EXCLUDED.theirs, ours = EXCLUDED.ours, counted_at = EXCLUDED.counted_at
  WHERE known.counted_at IS NULL OR known.counted_at < EXCLUDED.counted_at
)sql"};

}  // namespace

absl::StatusOr<std::optional<KnownCoverage>> PostgresCoverageStore::LoadCoverage(
    std::int64_t user_id, absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool_.Query(deadline, db::Effect::kIdempotent, kLoadCoverage, user_id));
  if (rows.empty()) return std::nullopt;
  const db::Row first = rows[0];
  KnownCoverage known{
      .coverage = {.first_look_from = first.OptionalTime(1), .last_look_at = first.OptionalTime(2)},
      .version = first.Int64(0)};
  if (!first.IsNull(5)) {
    known.count = {.theirs = first.Int64(3), .ours = first.Int64(4), .counted_at = first.Time(5)};
  }
  for (const db::Row row : rows) {
    if (!row.IsNull(6)) known.coverage.spans.push_back({row.Time(6), row.Time(7)});
  }
  return known;
}

absl::StatusOr<bool> PostgresCoverageStore::SaveCoverage(std::int64_t user_id, std::int64_t version,
                                                         const Coverage& coverage,
                                                         absl::Time deadline) {
  db::Array from;
  db::Array until;
  for (const CoveredSpan& span : coverage.spans) {
    from.Add(span.from);
    until.Add(span.until);
  }
  // Repeated after a broken connection it finds its own version there and says false, which makes
  // the caller look again.
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool_.Query(deadline, db::Effect::kIdempotent, kSaveCoverage, user_id,
                                       version, std::move(from), std::move(until),
                                       coverage.first_look_from, coverage.last_look_at));
  return rows.affected() == 1;
}

absl::Status PostgresCoverageStore::SaveCount(std::int64_t user_id, const SourceCount& count,
                                              absl::Time deadline) {
  return pool_
      .Query(deadline, db::Effect::kIdempotent, kSaveCount, user_id, count.theirs, count.ours,
             count.counted_at)
      .status();
}

}  // namespace playlog::ingest
