#include "services/song_store/listing_filler.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/time/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/db/statement.h"

namespace playlog::song_store {
namespace {

constexpr absl::Duration kStepTime = absl::Seconds(3);
constexpr absl::Duration kLookPause = absl::Milliseconds(500);
constexpr std::chrono::seconds kMeasurePause{2};
// The batches that one transaction may finish, so that it stays short where each has few plays.
constexpr int kBatchesOfStep = 50;
// While plays come in, it rests so many times as long as it has worked.
constexpr int kRestsWhileBusy = 10;

// Who writes the listing, or takes from it, does so alone until the end of the transaction.
#define PLAYLOG_TURN "hashtext('playlog.listing.' || current_schema), 0"
constexpr db::Statement kTryTurn{"listing_try_turn",
                                 "SELECT pg_try_advisory_xact_lock(" PLAYLOG_TURN ")"};
constexpr db::Statement kTakeTurn{"listing_take_turn",
                                  "SELECT pg_advisory_xact_lock(" PLAYLOG_TURN ")"};

constexpr db::Statement kQueue{"listing_queue", R"sql(
SELECT id, user_id, first_played_at::text, first_digest::text, last_played_at::text
FROM listing_queue ORDER BY id LIMIT $1)sql"};

constexpr db::Statement kAdmit{"listing_admit", "SELECT admit_user($1)"};

// Lists the plays of a span, and says how many there were, where the last of them stands, and which
// tracks plays have been taken from, because they were completed meanwhile.
constexpr db::Statement kList{"listing_fill", R"sql(
WITH texts AS MATERIALIZED (
  SELECT id, played_at, digest, batch_id, source, duration_ms,
    coalesce(loved, false) AS loved, coalesce(streamable, false) AS streamable,
    fold(title) || E'\n' || fold(artist) || E'\n' || fold(album) AS words,
    fold(track_mbid) || E'\n' || fold(artist_mbid) || E'\n' || fold(album_mbid) AS mbids
  FROM plays
  WHERE user_id = $1 AND (played_at, digest) > ($2::timestamptz, $3::bytea)
    AND played_at <= $4::timestamptz
  ORDER BY played_at, digest LIMIT $5
), span AS MATERIALIZED (
  SELECT *, substring(sha256(convert_to(words || E'\n' || mbids || E'\n' || duration_ms, 'UTF8'))
                      FOR 16) AS track_digest
  FROM texts
), fresh AS (
  INSERT INTO listed_tracks (duration_ms, digest, words, mbids)
  SELECT DISTINCT ON (track_digest) duration_ms, track_digest, words, mbids FROM span
  WHERE NOT EXISTS (SELECT FROM listed_tracks WHERE listed_tracks.digest = track_digest)
  ORDER BY track_digest
  RETURNING id, digest
), tracks AS MATERIALIZED (
  SELECT id, digest FROM fresh
  UNION ALL
  SELECT listed_tracks.id, track_digest
  FROM (SELECT DISTINCT track_digest FROM span) AS wanted
  JOIN listed_tracks ON listed_tracks.digest = track_digest
), replaced AS (
  SELECT DISTINCT listed_plays.track_id FROM span
  JOIN listed_plays ON listed_plays.id = span.id
  JOIN tracks ON tracks.digest = track_digest
  WHERE listed_plays.track_id <> tracks.id
), listed AS (
  INSERT INTO listed_plays AS known
    (id, user_id, played_at, batch_id, track_id, source, loved, streamable)
  SELECT span.id, $1, played_at, batch_id, tracks.id, source, loved, streamable
  FROM span JOIN tracks ON tracks.digest = track_digest
  ON CONFLICT (id) DO UPDATE SET track_id = excluded.track_id, loved = excluded.loved,
    streamable = excluded.streamable
  WHERE (known.track_id, known.loved, known.streamable)
    <> (excluded.track_id, excluded.loved, excluded.streamable)
  RETURNING source, xmax = 0 AS is_new
), counted AS (
  INSERT INTO listed_users AS known (user_id, source, plays)
  SELECT $1, source, count(*) FROM listed WHERE is_new GROUP BY source
  ON CONFLICT (user_id, source) DO UPDATE SET plays = known.plays + excluded.plays
)
SELECT (SELECT count(*) FROM span), last.played_at::text, last.digest::text,
  (SELECT array_agg(track_id)::text FROM replaced)
FROM (SELECT) AS one
LEFT JOIN LATERAL (SELECT played_at, digest FROM span
                   ORDER BY played_at DESC, digest DESC LIMIT 1) AS last ON true)sql"};

constexpr db::Statement kForgetTracks{"listing_forget_tracks", R"sql(
DELETE FROM listed_tracks WHERE id = ANY ($1::bigint[])
  AND NOT EXISTS (SELECT FROM listed_plays WHERE listed_plays.track_id = listed_tracks.id))sql"};

constexpr db::Statement kGoOn{"listing_go_on", R"sql(
UPDATE listing_queue SET first_played_at = $2::timestamptz, first_digest = $3::bytea
WHERE id = $1)sql"};
constexpr db::Statement kFinish{"listing_finish", "DELETE FROM listing_queue WHERE id = $1"};

constexpr db::Statement kLag{"listing_lag", R"sql(
SELECT (SELECT count(*) FROM (SELECT FROM listing_queue LIMIT $1) AS waiting),
  (SELECT queued_at FROM listing_queue ORDER BY id LIMIT 1))sql"};

constexpr db::Statement kEraseQueue{"listing_erase_queue",
                                    "DELETE FROM listing_queue WHERE user_id = $1"};
constexpr db::Statement kErasePlays{"listing_erase_plays", R"sql(
WITH erased AS (
  DELETE FROM listed_plays WHERE user_id = $1 AND id = ANY (ARRAY(
    SELECT id FROM listed_plays WHERE user_id = $1 ORDER BY played_at, id LIMIT $2))
  RETURNING track_id
)
SELECT count(*), array_agg(DISTINCT track_id)::text FROM erased)sql"};
constexpr db::Statement kEraseCounts{"listing_erase_counts",
                                     "DELETE FROM listed_users WHERE user_id = $1"};

// Deletes those of the tracks, an array as PostgreSQL writes it, that no play has any more.
absl::Status ForgetTracks(db::Transaction& transaction, const std::string& tracks) {
  if (tracks.empty()) return absl::OkStatus();
  return transaction.Query(kForgetTracks, tracks).status();
}

// Lists a part of what one row of the queue names; adds to `listed` how many plays that was.
absl::Status ListSpan(db::Transaction& transaction, const db::Row& row, int limit, int& listed) {
  const std::int64_t id = row.Int64(0);
  const std::int64_t user_id = row.Int64(1);
  // Locks out the user's erasure until the end of the transaction.
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows admitted, transaction.Query(kAdmit, user_id));
  if (!admitted[0].Bool(0)) return transaction.Query(kFinish, id).status();
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows span, transaction.Query(kList, user_id, row.Text(2),
                                                                  row.Text(3), row.Text(4), limit));
  const int count = span[0].Int32(0);
  listed += count;
  PLAYLOG_RETURN_IF_ERROR(ForgetTracks(transaction, std::string(span[0].Text(3))));
  if (count < limit) return transaction.Query(kFinish, id).status();
  return transaction.Query(kGoOn, id, span[0].Text(1), span[0].Text(2)).status();
}

Gauge& WaitingBatches() {
  static Gauge& gauge = GetGauge("playlog_listing_waiting_batches",
                                 "Changed batches that staff do not see yet, up to 10,000.");
  return gauge;
}

Gauge& LagSeconds() {
  static Gauge& gauge = GetGauge("playlog_listing_lag_seconds",
                                 "How long the oldest batch that staff do not see yet has waited.");
  return gauge;
}

}  // namespace

absl::StatusOr<ListingLag> ReadListingLag(db::Pool& pool, absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool.Query(deadline, db::Effect::kIdempotent, kLag, kLagBatchesMax));
  return ListingLag{rows[0].Int64(0), rows[0].Time(1)};
}

namespace {

void ShowLag(db::Pool& pool) {
  const absl::StatusOr<ListingLag> lag = ReadListingLag(pool, absl::Now() + kStepTime);
  if (!lag.ok()) return;
  WaitingBatches().Set(static_cast<double>(lag->batches));
  LagSeconds().Set(lag->batches == 0 ? 0 : absl::ToDoubleSeconds(absl::Now() - lag->since));
}

}  // namespace

absl::Status EraseFromListing(db::Pool& pool, std::int64_t user_id, int limit,
                              absl::Time deadline) {
  bool is_done = false;
  const auto erase_some = [&](db::Transaction& transaction) -> absl::Status {
    PLAYLOG_RETURN_IF_ERROR(transaction.Query(kTakeTurn).status());
    PLAYLOG_RETURN_IF_ERROR(transaction.Query(kEraseQueue, user_id).status());
    PLAYLOG_ASSIGN_OR_RETURN(const db::Rows erased, transaction.Query(kErasePlays, user_id, limit));
    PLAYLOG_RETURN_IF_ERROR(ForgetTracks(transaction, std::string(erased[0].Text(1))));
    is_done = erased[0].Int32(0) < limit;
    return is_done ? transaction.Query(kEraseCounts, user_id).status() : absl::OkStatus();
  };
  while (!is_done) {
    PLAYLOG_RETURN_IF_ERROR(pool.Run(deadline, db::Effect::kIdempotent, erase_some));
  }
  return absl::OkStatus();
}

absl::Status ListingFiller::FillSome(db::Transaction& transaction, int run, bool& worked) {
  worked = false;
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows turn, transaction.Query(kTryTurn));
  if (!turn[0].Bool(0)) return absl::OkStatus();
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows queue, transaction.Query(kQueue, kBatchesOfStep));
  worked = !queue.empty();
  int listed = 0;
  for (const db::Row row : queue) {
    if (listed >= run) break;
    PLAYLOG_RETURN_IF_ERROR(ListSpan(transaction, row, run - listed, listed));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ListingFiller::Step(int run_max) {
  bool worked = false;
  const int run = std::min(run_, run_max);
  const absl::Status status =
      pool_.Run(absl::Now() + kStepTime, db::Effect::kIdempotent,
                [&](db::Transaction& transaction) { return FillSome(transaction, run, worked); });
  if (!status.ok()) {
    run_ = std::max(run_ / 2, kRunMin);
    return status;
  }
  run_ = std::min(run_ * 2, kRunMax);
  return worked;
}

void ListingFiller::Work(Loops::Pulse& pulse, const std::function<std::int64_t()>& upserts) {
  // By the clock that nobody sets: a step of the other one would make a rest of hours.
  using SteadyClock = std::chrono::steady_clock;
  std::int64_t upserts_seen = upserts();
  bool is_busy = false;
  SteadyClock::time_point measured_at = SteadyClock::now() - kMeasurePause;
  while (pulse.Beat()) {
    const SteadyClock::time_point begin = SteadyClock::now();
    if (begin - measured_at >= kMeasurePause) {
      measured_at = begin;
      ShowLag(pool_);
    }
    const absl::StatusOr<bool> worked = Step(is_busy ? kRunWhileBusy : kRunMax);
    if (!worked.ok()) {
      Log(Severity::kWarning, "listing_failed",
          {{"error",
            std::string_view(worked.status().message().data(), worked.status().message().size())}});
    }
    const std::int64_t upserts_now = upserts();
    is_busy = upserts_now != upserts_seen;
    upserts_seen = upserts_now;
    if (!worked.ok() || !*worked) {
      pulse.Wait(kLookPause);
    } else if (is_busy) {
      pulse.Wait(absl::FromChrono(SteadyClock::now() - begin) * kRestsWhileBusy);
    }
  }
}

}  // namespace playlog::song_store
