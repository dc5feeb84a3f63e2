#include "common/ingest/postgres_schedule_store.h"

#include <algorithm>
#include <string>

#include "common/base/status_macros.h"

// Every statement that returns a schedule returns the same columns, in the order of ReadSchedule.
#define PLAYLOG_SCHEDULE_COLUMNS                                                                \
  "user_id, enabled, credential_state, next_run_at, last_run_at, last_success_at, last_error, " \
  "plays_added, interval_ms, limited_until"

namespace playlog::ingest {
namespace {

using auth::v1::KeyState;
using db::Effect;
using db::Row;
using db::Rows;
using db::Statement;

// Each new row takes a lock that the whole server has few thousand of (0003_erased_users.sql).
constexpr std::size_t kKeysPerStatement = 200;

// Within a statement statement_timestamp() stands still, so that an index can be searched by it.

constexpr Statement kNoteKey{"note_key", R"sql(
  INSERT INTO schedules AS known
    (user_id, key_version, credential_state, credential_noted_at, next_run_at)
  VALUES ($1::bigint, $2::bigint, $3::text, statement_timestamp(),
          statement_timestamp() + $4::bigint * interval '1 millisecond')
  ON CONFLICT (user_id) DO UPDATE SET
    key_version = EXCLUDED.key_version, credential_state = EXCLUDED.credential_state,
    credential_noted_at = EXCLUDED.credential_noted_at, next_run_at = EXCLUDED.next_run_at,
    claimed_by = NULL, claimed_until = NULL, last_error = NULL, limited_until = NULL, failures = 0,
    watermark = NULL,
    unread_from = NULL, unread_to = NULL, compared_at = NULL
)sql"};

// First finds what is new or differs, so that a part of the list that says nothing new locks no
// row.
constexpr Statement kNoteListed{"note_listed_keys", R"sql(
  WITH changed AS (
    SELECT listed.* FROM unnest($1::bigint[], $2::bigint[], $3::text[])
      AS listed (user_id, key_version, credential_state)
    LEFT JOIN schedules AS known USING (user_id)
    WHERE known.user_id IS NULL OR (
      (known.key_version, known.credential_state) IS DISTINCT FROM
        (listed.key_version, listed.credential_state)
      AND known.credential_noted_at <
        statement_timestamp() - $6::bigint * interval '1 millisecond')
    ORDER BY listed.user_id
  )
  INSERT INTO schedules AS known
    (user_id, key_version, credential_state, credential_noted_at, next_run_at)
  SELECT user_id, key_version, credential_state, '-infinity', statement_timestamp() +
    ($4::bigint + random() * ($5::bigint - $4::bigint)) * interval '1 millisecond'
  FROM changed
  ON CONFLICT (user_id) DO UPDATE SET
    key_version = EXCLUDED.key_version, credential_state = EXCLUDED.credential_state,
    next_run_at = CASE
      WHEN coalesce(known.credential_state, 'rejected') IN ('rejected', 'needs_sign_in')
        AND EXCLUDED.credential_state NOT IN ('rejected', 'needs_sign_in')
      THEN least(known.next_run_at, EXCLUDED.next_run_at)
      ELSE known.next_run_at END
  WHERE known.credential_noted_at < statement_timestamp() - $6::bigint * interval '1 millisecond'
)sql"};

constexpr Statement kNoteGone{"note_gone_keys", R"sql(
  UPDATE schedules SET key_version = 0, credential_state = NULL
  WHERE user_id > $1::bigint AND ($2::bigint IS NULL OR user_id <= $2::bigint)
    AND user_id <> ALL ($3::bigint[]) AND credential_state IS NOT NULL
    AND credential_noted_at < statement_timestamp() - $4::bigint * interval '1 millisecond'
)sql"};

// The array makes the inner query run once. Those who are claimed stand among the due ones, but
// there are never more of them than workers have at hand.
constexpr Statement kClaim{"claim_due_users", R"sql(
  UPDATE schedules SET claimed_by = $1::text,
    claimed_until = statement_timestamp() + $3::bigint * interval '1 millisecond'
  WHERE user_id = ANY (ARRAY(
    SELECT user_id FROM schedules
    WHERE enabled AND next_run_at <= statement_timestamp()
      AND (claimed_until IS NULL OR claimed_until <= statement_timestamp())
    ORDER BY next_run_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
  RETURNING user_id,
    (1000 * extract(epoch FROM statement_timestamp() - next_run_at))::bigint, failures, watermark,
    unread_from, unread_to, compared_at, interval_ms, peak_ms, peak_at, newest_play_at
)sql"};

// A key that works may still be one whose sign-in ends soon, and one that is refused one whose
// sign-in has ended.
constexpr Statement kFinish{"finish_run", R"sql(
  UPDATE schedules SET claimed_by = NULL, claimed_until = NULL,
    last_run_at = statement_timestamp(),
    last_success_at = CASE WHEN $3::boolean THEN statement_timestamp() ELSE last_success_at END,
    failures = CASE WHEN $3::boolean THEN 0 ELSE failures + 1 END, last_error = $4::text,
    plays_added = plays_added + $5::bigint,
    next_run_at = statement_timestamp() + $6::bigint * interval '1 millisecond',
    watermark = $7::timestamptz, unread_from = $8::timestamptz, unread_to = $9::timestamptz,
    compared_at = $10::timestamptz, interval_ms = $11::bigint, peak_ms = $14::bigint,
    peak_at = $15::timestamptz, newest_play_at = $16::timestamptz,
    limited_until = statement_timestamp() + $17::bigint * interval '1 millisecond',
    key_version = CASE WHEN $12::boolean AND $13::text IS NULL THEN 0 ELSE key_version END,
    credential_noted_at =
      CASE WHEN $12::boolean THEN statement_timestamp() ELSE credential_noted_at END,
    credential_state = CASE
      WHEN NOT $12::boolean THEN credential_state
      WHEN $13::text = 'ok' AND credential_state = 'expiring' THEN 'expiring'
      WHEN $13::text = 'rejected' AND credential_state = 'needs_sign_in' THEN 'needs_sign_in'
      ELSE $13::text END
  WHERE user_id = $1::bigint AND claimed_by = $2::text
)sql"};

constexpr Statement kRelease{"release_claim", R"sql(
  UPDATE schedules SET claimed_by = NULL, claimed_until = NULL
  WHERE user_id = $1::bigint AND claimed_by = $2::text
)sql"};

constexpr Statement kFind{"find_schedule", "SELECT " PLAYLOG_SCHEDULE_COLUMNS R"sql(
  FROM schedules WHERE user_id = $1::bigint
)sql"};

constexpr Statement kSetEnabled{"set_sync_enabled", R"sql(
  UPDATE schedules SET enabled = $2::boolean,
    next_run_at = CASE WHEN $2::boolean AND NOT enabled
                       THEN greatest(next_run_at, statement_timestamp()) ELSE next_run_at END
  WHERE user_id = $1::bigint
  RETURNING )sql" PLAYLOG_SCHEDULE_COLUMNS};

constexpr Statement kCountDue{"count_due_users", R"sql(
  SELECT count(*),
    coalesce((1000 * extract(epoch FROM statement_timestamp() - min(next_run_at)))::bigint, 0)
  FROM (SELECT next_run_at FROM schedules WHERE enabled AND next_run_at <= statement_timestamp()
        ORDER BY next_run_at LIMIT $1::bigint) AS due
)sql"};

std::int64_t Milliseconds(absl::Duration duration) { return absl::ToInt64Milliseconds(duration); }

const char* NameOf(KeyState state) {
  switch (state) {
    case auth::v1::KEY_STATE_OK:
      return "ok";
    case auth::v1::KEY_STATE_EXPIRING:
      return "expiring";
    case auth::v1::KEY_STATE_REJECTED:
      return "rejected";
    case auth::v1::KEY_STATE_NEEDS_SIGN_IN:
      return "needs_sign_in";
    default:
      return "unverified";
  }
}

KeyState StateFromName(std::string_view name) {
  for (const KeyState state : {auth::v1::KEY_STATE_OK, auth::v1::KEY_STATE_EXPIRING,
                               auth::v1::KEY_STATE_REJECTED, auth::v1::KEY_STATE_NEEDS_SIGN_IN}) {
    if (name == NameOf(state)) return state;
  }
  return auth::v1::KEY_STATE_UNVERIFIED;
}

Schedule ReadSchedule(const Row& row) {
  Schedule schedule{.user_id = row.Int64(0),
                    .enabled = row.Bool(1),
                    .next_run_at = row.Time(3),
                    .last_run_at = row.OptionalTime(4),
                    .last_success_at = row.OptionalTime(5),
                    .last_error = row.OptionalText(6),
                    .plays_added = row.Int64(7),
                    .interval = absl::Milliseconds(row.Int64(8)),
                    .limited_until = row.OptionalTime(9)};
  if (!row.IsNull(2)) schedule.key_state = StateFromName(row.Text(2));
  return schedule;
}

ClaimedUser ReadClaimed(const Row& row, std::string_view holder) {
  ClaimedUser claimed{.user_id = row.Int64(0),
                      .holder = std::string(holder),
                      .late = absl::Milliseconds(row.Int64(1)),
                      .failures = row.Int32(2),
                      .progress = {.watermark = row.OptionalTime(3),
                                   .compared_at = row.OptionalTime(6),
                                   .interval = absl::Milliseconds(row.Int64(7))}};
  PlayRhythm& rhythm = claimed.progress.rhythm;
  if (!row.IsNull(8)) rhythm.peak = absl::Milliseconds(row.Int64(8));
  rhythm.peak_at = row.OptionalTime(9);
  rhythm.newest_play_at = row.OptionalTime(10);
  if (!row.IsNull(4)) claimed.progress.unread = Span{.from = row.Time(4), .to = row.Time(5)};
  return claimed;
}

std::optional<Schedule> FirstOf(const Rows& rows) {
  if (rows.empty()) return std::nullopt;
  return ReadSchedule(rows[0]);
}

}  // namespace

absl::Status PostgresScheduleStore::NoteKey(const NotedKey& key, absl::Duration first_run_in,
                                            absl::Time deadline) {
  return pool_
      .Query(deadline, Effect::kIdempotent, kNoteKey, key.user_id, key.version, NameOf(key.state),
             Milliseconds(first_run_in))
      .status();
}

absl::StatusOr<ListedCounts> PostgresScheduleStore::NoteListed(const ListedKeys& listed,
                                                               absl::Duration first_run_in,
                                                               absl::Duration first_run_latest,
                                                               absl::Time deadline) {
  const std::int64_t lag = Milliseconds(kListedKeyLag);
  ListedCounts counts;
  db::Array all;
  for (auto next = listed.keys.begin(); next != listed.keys.end();) {
    db::Array users;
    db::Array versions;
    db::Array states;
    for (; next != listed.keys.end() && users.size() < kKeysPerStatement; ++next) {
      users.Add(next->user_id);
      versions.Add(next->version);
      states.Add(NameOf(next->state));
      all.Add(next->user_id);
    }
    PLAYLOG_ASSIGN_OR_RETURN(
        const Rows noted,
        pool_.Query(deadline, Effect::kIdempotent, kNoteListed, std::move(users),
                    std::move(versions), std::move(states), Milliseconds(first_run_in),
                    Milliseconds(first_run_latest), lag));
    counts.noted += static_cast<int>(noted.affected());
  }
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows gone, pool_.Query(deadline, Effect::kIdempotent, kNoteGone, listed.after_user_id,
                                   listed.last_user_id, std::move(all), lag));
  counts.gone = static_cast<int>(gone.affected());
  return counts;
}

absl::StatusOr<std::vector<ClaimedUser>> PostgresScheduleStore::Claim(std::string_view holder,
                                                                      int limit,
                                                                      absl::Duration lease,
                                                                      absl::Time deadline) {
  // Not repeated: a claim whose answer was lost would be of nobody's use until it ends.
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kOnce, kClaim, holder,
                                                        limit, Milliseconds(lease)));
  std::vector<ClaimedUser> claimed;
  for (const Row row : rows) claimed.push_back(ReadClaimed(row, holder));
  std::sort(claimed.begin(), claimed.end(),
            [](const ClaimedUser& a, const ClaimedUser& b) { return a.late > b.late; });
  return claimed;
}

absl::StatusOr<bool> PostgresScheduleStore::Finish(const ClaimedUser& claimed,
                                                   const RunRecord& record, absl::Time deadline) {
  const SyncProgress& progress = record.progress;
  std::optional<absl::Time> unread_from;
  std::optional<absl::Time> unread_to;
  if (progress.unread.has_value()) {
    unread_from = progress.unread->from;
    unread_to = progress.unread->to;
  }
  std::optional<std::int64_t> peak_ms;
  if (progress.rhythm.peak.has_value()) peak_ms = Milliseconds(*progress.rhythm.peak);
  std::optional<std::int64_t> limited_ms;
  if (record.limited_for.has_value()) limited_ms = Milliseconds(*record.limited_for);
  std::optional<std::string> key_state;
  if (record.key == RunRecord::Key::kOk) key_state = NameOf(auth::v1::KEY_STATE_OK);
  if (record.key == RunRecord::Key::kRejected) key_state = NameOf(auth::v1::KEY_STATE_REJECTED);
  // Done a second time it finds the claim given back, and nothing is counted twice.
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows,
      pool_.Query(deadline, Effect::kIdempotent, kFinish, claimed.user_id, claimed.holder,
                  record.succeeded, record.error, record.plays_added,
                  Milliseconds(record.next_run_in), progress.watermark, unread_from, unread_to,
                  progress.compared_at, Milliseconds(progress.interval),
                  record.key != RunRecord::Key::kUnchanged, key_state, peak_ms,
                  progress.rhythm.peak_at, progress.rhythm.newest_play_at, limited_ms));
  return rows.affected() == 1;
}

absl::Status PostgresScheduleStore::Release(std::int64_t user_id, std::string_view holder,
                                            absl::Time deadline) {
  return pool_.Query(deadline, Effect::kIdempotent, kRelease, user_id, holder).status();
}

absl::StatusOr<std::optional<Schedule>> PostgresScheduleStore::Find(std::int64_t user_id,
                                                                    absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kFind, user_id));
  return FirstOf(rows);
}

absl::StatusOr<std::optional<Schedule>> PostgresScheduleStore::SetEnabled(std::int64_t user_id,
                                                                          bool enabled,
                                                                          absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const Rows rows, pool_.Query(deadline, Effect::kIdempotent, kSetEnabled, user_id, enabled));
  return FirstOf(rows);
}

absl::StatusOr<DueUsers> PostgresScheduleStore::CountDue(absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows,
                           pool_.Query(deadline, Effect::kIdempotent, kCountDue, kDueUsersCounted));
  return DueUsers{.count = rows[0].Int64(0), .oldest = absl::Milliseconds(rows[0].Int64(1))};
}

}  // namespace playlog::ingest
