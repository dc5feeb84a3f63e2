#include "common/ingest/postgres_store.h"

#include <map>
#include <string>

#include "absl/time/clock.h"
#include "common/base/crypto.h"
#include "common/base/status_macros.h"
#include "common/db/row_export.h"
#include "common/ingest/source.h"
#include "ingest_migrations.h"

namespace playlog::ingest {
namespace {

constexpr std::size_t kDigestBytes = 16;
// A statement carries at most about 1 MiB of raw text.
constexpr std::size_t kItemsPerStatement = (1 << 20) / kMaxRawBytes;

constexpr db::Statement kInsertRejected{"insert_rejected_items", R"sql(
  INSERT INTO rejected_items (user_id, digest, source, reason, raw, rejected_at)
  SELECT $1::bigint, item.digest, $2::text, item.reason, item.raw, $3::timestamptz
  FROM unnest($4::bytea[], $5::text[], $6::text[]) AS item (digest, reason, raw)
  ON CONFLICT (user_id, digest)
  DO UPDATE SET reason = EXCLUDED.reason, rejected_at = EXCLUDED.rejected_at
)sql"};

constexpr db::Statement kTrimRejected{"trim_rejected_items", R"sql(
  DELETE FROM rejected_items
  WHERE user_id = $1::bigint AND digest IN (
    SELECT digest FROM rejected_items WHERE user_id = $1::bigint
    ORDER BY rejected_at DESC, digest OFFSET $2::bigint)
)sql"};

constexpr db::Statement kNoteRateLimit{"note_rate_limit", R"sql(
  INSERT INTO rate_limits AS known (user_id, key_version, limited_until)
  VALUES ($1::bigint, $2::bigint, clock_timestamp() + $3::bigint * interval '1 microsecond')
  ON CONFLICT (user_id) DO UPDATE SET
    key_version = EXCLUDED.key_version,
    limited_until = CASE WHEN known.key_version = EXCLUDED.key_version
                         THEN greatest(known.limited_until, EXCLUDED.limited_until)
                         ELSE EXCLUDED.limited_until END
)sql"};

constexpr db::Statement kFindRateLimit{"find_rate_limit", R"sql(
  SELECT (extract(epoch FROM limited_until - clock_timestamp()) * 1000000)::bigint
  FROM rate_limits
  WHERE user_id = $1::bigint AND key_version = $2::bigint
)sql"};

constexpr db::Statement kClaimRenewal{"claim_renewal", R"sql(
  INSERT INTO renewals AS held (user_id, holder, held_until)
  VALUES ($1::bigint, $2::text, clock_timestamp() + $3::bigint * interval '1 millisecond')
  ON CONFLICT (user_id) DO UPDATE SET holder = EXCLUDED.holder, held_until = EXCLUDED.held_until
  WHERE held.held_until <= clock_timestamp() OR held.holder = EXCLUDED.holder
)sql"};

constexpr db::Statement kReleaseRenewal{"release_renewal", R"sql(
  DELETE FROM renewals WHERE user_id = $1::bigint AND holder = $2::text
)sql"};

constexpr db::Statement kAddSignIn{"add_sign_in", R"sql(
  INSERT INTO sign_ins (state_digest, user_id, browser_digest, code_verifier, begun_at)
  VALUES ($1::bytea, $2::bigint, $3::bytea, $4::text, $5::timestamptz)
)sql"};

constexpr db::Statement kDropOldSignIns{"drop_old_sign_ins", R"sql(
  DELETE FROM sign_ins WHERE begun_at < $1::timestamptz
)sql"};

constexpr db::Statement kTrimSignIns{"trim_sign_ins", R"sql(
  DELETE FROM sign_ins WHERE state_digest IN (
    SELECT state_digest FROM sign_ins WHERE user_id = $1::bigint
    ORDER BY begun_at DESC, state_digest OFFSET $2::bigint)
)sql"};

constexpr db::Statement kTakeSignIn{"take_sign_in", R"sql(
  DELETE FROM sign_ins WHERE state_digest = $1::bytea
  RETURNING user_id, browser_digest, code_verifier, begun_at
)sql"};

constexpr db::Statement kMarkErased{"mark_erased", "SELECT mark_erased($1::bigint)"};

constexpr db::Statement kEraseRejected{"erase_rejected_items", R"sql(
  DELETE FROM rejected_items WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseRateLimits{"erase_rate_limits", R"sql(
  DELETE FROM rate_limits WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseRenewals{"erase_renewals", R"sql(
  DELETE FROM renewals WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseSignIns{"erase_sign_ins", R"sql(
  DELETE FROM sign_ins WHERE user_id = $1::bigint
)sql"};

// The places of a budget that the user has alone, and those that others count on.
constexpr db::Statement kEraseOwnPlaces{"erase_budget_places", R"sql(
  DELETE FROM budget_places WHERE user_id = $1::bigint AND subject = $2::bytea
)sql"};

constexpr db::Statement kErasePlaceholders{"erase_budget_users", R"sql(
  UPDATE budget_places SET user_id = NULL WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseWaiters{"erase_budget_waiters", R"sql(
  DELETE FROM budget_waiters WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseSchedules{"erase_schedules", R"sql(
  DELETE FROM schedules WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseCoverage{"erase_coverage", R"sql(
  DELETE FROM coverage WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kExportRejected{"export_rejected_items", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT source, reason, raw, rejected_at) AS line),
    rejected_items.digest::text
  FROM rejected_items
  WHERE user_id = $1::bigint AND rejected_items.digest > coalesce(($2::text[])[1], '')::bytea
  ORDER BY rejected_items.digest LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportRateLimits{"export_rate_limits", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT key_version, limited_until) AS line),
    user_id::text
  FROM rate_limits WHERE user_id = $1::bigint AND ($2::text[])[1] IS NULL LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportSignIns{"export_sign_ins", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT begun_at) AS line),
    sign_ins.state_digest::text
  FROM sign_ins
  WHERE user_id = $1::bigint AND sign_ins.state_digest > coalesce(($2::text[])[1], '')::bytea
  ORDER BY sign_ins.state_digest LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportRenewals{"export_renewals", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT held_until) AS line), user_id::text
  FROM renewals WHERE user_id = $1::bigint AND ($2::text[])[1] IS NULL LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportPlaces{"export_budget_places", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT taken_at, ends_at) AS line),
    budget_places.name::text
  FROM budget_places
  WHERE user_id = $1::bigint AND budget_places.name > coalesce(($2::text[])[1], '')::bytea
  ORDER BY budget_places.name LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportWaiters{"export_budget_waiters", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT interactive, since) AS line),
    budget_waiters.name::text
  FROM budget_waiters
  WHERE user_id = $1::bigint AND budget_waiters.name > coalesce(($2::text[])[1], '')::bytea
  ORDER BY budget_waiters.name LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportSchedules{"export_schedules", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT
      enabled, credential_state, next_run_at, last_run_at, last_success_at, last_error,
      limited_until, failures,
      plays_added, interval_ms, peak_ms, peak_at, newest_play_at, watermark, unread_from, unread_to,
      compared_at) AS line),
    user_id::text
  FROM schedules WHERE user_id = $1::bigint AND ($2::text[])[1] IS NULL LIMIT $3::bigint
)sql"};

constexpr db::Statement kEraseJobs{"erase_jobs", R"sql(
  DELETE FROM jobs WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kExportJobs{"export_jobs", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (
      SELECT number, state, span_from, span_to, total, position, walks, added, rejected,
        differences, last_error, created_at, ended_at) AS line),
    jobs.number::text
  FROM jobs
  WHERE user_id = $1::bigint AND jobs.number > coalesce(($2::text[])[1], '0')::bigint
  ORDER BY jobs.number LIMIT $3::bigint
)sql"};

constexpr db::Statement kExportCoverage{"export_coverage", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT
      (SELECT coalesce(json_agg(json_build_object('from', lower(span), 'until', upper(span))), '[]')
       FROM unnest(covered) AS span) AS covered,
      first_look_from, last_look_at, theirs, ours, counted_at) AS line),
    user_id::text
  FROM coverage WHERE user_id = $1::bigint AND ($2::text[])[1] IS NULL LIMIT $3::bigint
)sql"};

constexpr db::ExportedTable kExportedTables[] = {{"rejected_items", kExportRejected},
                                                 {"rate_limits", kExportRateLimits},
                                                 {"sign_ins", kExportSignIns},
                                                 {"renewals", kExportRenewals},
                                                 {"budget_places", kExportPlaces},
                                                 {"budget_waiters", kExportWaiters},
                                                 {"schedules", kExportSchedules},
                                                 {"coverage", kExportCoverage},
                                                 {"jobs", kExportJobs}};

std::string DigestOf(std::string_view source, std::string_view raw) {
  std::string text(source);
  text.push_back('\0');
  text.append(raw);
  return Sha256(text).substr(0, kDigestBytes);
}

}  // namespace

std::span<const EmbeddedFile> StoreMigrations() { return IngestMigrations(); }

absl::Status PostgresStore::RecordRejected(std::int64_t user_id, std::string_view source,
                                           std::span<const RejectedItem> items, absl::Time at,
                                           absl::Time deadline) {
  if (items.empty()) return absl::OkStatus();
  // Each once, and sorted, so that two batches never wait for each other in a circle.
  std::map<std::string, const RejectedItem*> distinct;
  for (const RejectedItem& item : items) distinct[DigestOf(source, item.raw)] = &item;
  return pool_.Run(deadline, db::Effect::kIdempotent, [&](db::Transaction& transaction) {
    for (auto next = distinct.begin(); next != distinct.end();) {
      db::Array digests;
      db::Array reasons;
      db::Array raws;
      for (; next != distinct.end() && digests.size() < kItemsPerStatement; ++next) {
        digests.Add(db::Bytes{next->first});
        reasons.Add(next->second->reason);
        raws.Add(next->second->raw);
      }
      PLAYLOG_RETURN_IF_ERROR(transaction
                                  .Query(kInsertRejected, user_id, source, at, std::move(digests),
                                         std::move(reasons), std::move(raws))
                                  .status());
    }
    return transaction.Query(kTrimRejected, user_id, kMaxRejectedItemsPerUser).status();
  });
}

absl::Status PostgresStore::NoteRateLimit(std::int64_t user_id, std::int64_t key_version,
                                          absl::Time until, absl::Time deadline) {
  return pool_
      .Query(deadline, db::Effect::kIdempotent, kNoteRateLimit, user_id, key_version,
             absl::ToInt64Microseconds(until - absl::Now()))
      .status();
}

absl::StatusOr<absl::Time> PostgresStore::RateLimitedUntil(std::int64_t user_id,
                                                           std::int64_t key_version,
                                                           absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.Query(deadline, db::Effect::kIdempotent,
                                                            kFindRateLimit, user_id, key_version));
  return rows.empty() ? absl::InfinitePast() : absl::Now() + absl::Microseconds(rows[0].Int64(0));
}

absl::StatusOr<bool> PostgresStore::ClaimRenewal(std::int64_t user_id, std::string_view holder,
                                                 absl::Duration time, absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool_.Query(deadline, db::Effect::kIdempotent, kClaimRenewal, user_id,
                                       holder, absl::ToInt64Milliseconds(time)));
  return rows.affected() == 1;
}

absl::Status PostgresStore::ReleaseRenewal(std::int64_t user_id, std::string_view holder,
                                           absl::Time deadline) {
  return pool_.Query(deadline, db::Effect::kIdempotent, kReleaseRenewal, user_id, holder).status();
}

absl::Status PostgresStore::AddSignIn(const SignIn& sign_in, absl::Time deadline) {
  return pool_.Run(deadline, db::Effect::kOnce, [&](db::Transaction& transaction) {
    PLAYLOG_RETURN_IF_ERROR(transaction
                                .Query(kAddSignIn, db::Bytes{sign_in.state_digest}, sign_in.user_id,
                                       db::Bytes{sign_in.browser_digest}, sign_in.code_verifier,
                                       sign_in.begun_at)
                                .status());
    PLAYLOG_RETURN_IF_ERROR(
        transaction.Query(kDropOldSignIns, sign_in.begun_at - kSignInKept).status());
    return transaction.Query(kTrimSignIns, sign_in.user_id, kMaxSignInsPerUser).status();
  });
}

absl::StatusOr<std::optional<SignIn>> PostgresStore::TakeSignIn(std::string_view state_digest,
                                                                absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.Query(deadline, db::Effect::kOnce,
                                                            kTakeSignIn, db::Bytes{state_digest}));
  if (rows.empty()) return std::nullopt;
  const db::Row row = rows[0];
  return SignIn{.state_digest = std::string(state_digest),
                .user_id = row.Int64(0),
                .browser_digest = row.Bytes(1),
                .code_verifier = std::string(row.Text(2)),
                .begun_at = row.Time(3)};
}

absl::StatusOr<std::int64_t> PostgresStore::EraseUser(std::int64_t user_id, absl::Time deadline) {
  // Committed first, so that the deletions see all that was written before.
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Query(deadline, db::Effect::kIdempotent, kMarkErased, user_id).status());
  std::size_t erased = 0;
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, db::Effect::kIdempotent, [&](db::Transaction& transaction) {
        PLAYLOG_ASSIGN_OR_RETURN(
            const db::Rows places,
            transaction.Query(kEraseOwnPlaces, user_id, db::Bytes{UserSubject(user_id)}));
        erased = places.affected();
        for (const db::Statement* statement :
             {&kEraseRejected, &kEraseRateLimits, &kEraseRenewals, &kEraseSignIns, &kEraseCoverage,
              &kErasePlaceholders, &kEraseWaiters, &kEraseSchedules, &kEraseJobs}) {
          PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, transaction.Query(*statement, user_id));
          erased += rows.affected();
        }
        return absl::OkStatus();
      }));
  return static_cast<std::int64_t>(erased);
}

std::unique_ptr<RowExport> PostgresStore::Export(std::int64_t user_id) {
  return std::make_unique<db::PostgresRowExport>(pool_, kExportedTables, user_id);
}

}  // namespace playlog::ingest
