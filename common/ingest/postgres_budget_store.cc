#include "common/ingest/postgres_budget_store.h"

#include <string_view>
#include <utility>

#include "common/base/error.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

constexpr db::Statement kTakePlace{"take_budget_place", R"sql(
  SELECT answer, wait FROM take_budget_place($1::bytea, $2::bytea, $3::bigint, $4::boolean,
    $5::bigint[], $6::bigint[], $7::bigint, $8::bigint, $9::bigint, $10::bigint)
)sql"};

// Not waited for until it is on the disk: if a crash of the database loses it, the place is free
// again later than it could be, since its lease stands.
constexpr db::Statement kEndCall{"end_budget_call", R"sql(
  UPDATE budget_places AS place
  SET ends_at = ended.at, forget_at = place.forget_at + (ended.at - place.ends_at)
  FROM (
    SELECT clock_timestamp() + $2::bigint * interval '1 microsecond' AS at,
      set_config('synchronous_commit', 'off', true)
  ) AS ended
  WHERE place.name = $1::bytea
)sql"};

constexpr db::Statement kLeave{"leave_budget", R"sql(
  WITH place AS (DELETE FROM budget_places WHERE name = $1::bytea)
  DELETE FROM budget_waiters WHERE name = $1::bytea
)sql"};

constexpr db::Statement kCountUsed{"count_budget_use", R"sql(
  SELECT (
    SELECT count(*) FROM budget_places
    WHERE subject = latest.subject
      AND ends_at >= clock_timestamp() - wanted.length * interval '1 microsecond')
  FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted (length, position)
  LEFT JOIN (
    SELECT subject FROM budget_places WHERE user_id = $1::bigint ORDER BY taken_at DESC LIMIT 1
  ) AS latest ON true
  ORDER BY wanted.position
)sql"};

db::Array WindowsOf(std::span<const CallLimit> limits) {
  db::Array windows;
  for (const CallLimit& limit : limits) windows.Add(absl::ToInt64Microseconds(limit.window));
  return windows;
}

}  // namespace

absl::StatusOr<PlaceAnswer> PostgresBudgetStore::Take(const PlaceRequest& request,
                                                      absl::Time deadline) {
  db::Array calls;
  for (const CallLimit& limit : request.limits) calls.Add(limit.calls);
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      pool_.Query(deadline, db::Effect::kIdempotent, kTakePlace, db::Bytes{request.name},
                  db::Bytes{request.subject}, request.user_id, request.interactive,
                  std::move(calls), WindowsOf(request.limits),
                  absl::ToInt64Microseconds(request.lease),
                  absl::ToInt64Microseconds(request.max_wait),
                  absl::ToInt64Microseconds(kLongestPause), absl::ToInt64Microseconds(kLateness)));
  const std::string_view answer = rows[0].Text(0);
  const absl::Duration wait = absl::Microseconds(rows[0].Int64(1));
  if (answer == "granted") return PlaceAnswer{PlaceAnswer::Kind::kGranted, wait};
  if (answer == "wait") return PlaceAnswer{PlaceAnswer::Kind::kWait, wait};
  if (answer == "refused") return PlaceAnswer{PlaceAnswer::Kind::kRefused, wait};
  return InternalError("take_budget_place answers what nobody knows");
}

absl::Status PostgresBudgetStore::End(const std::string& name, absl::Duration later,
                                      absl::Time deadline) {
  return pool_
      .Query(deadline, db::Effect::kIdempotent, kEndCall, db::Bytes{name},
             absl::ToInt64Microseconds(later))
      .status();
}

absl::Status PostgresBudgetStore::Leave(const std::string& name, absl::Time deadline) {
  return pool_.Query(deadline, db::Effect::kIdempotent, kLeave, db::Bytes{name}).status();
}

absl::StatusOr<std::vector<int>> PostgresBudgetStore::CountUsed(std::int64_t user_id,
                                                                std::span<const CallLimit> limits,
                                                                absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      pool_.Query(deadline, db::Effect::kIdempotent, kCountUsed, user_id, WindowsOf(limits)));
  std::vector<int> used;
  for (const db::Row row : rows) used.push_back(static_cast<int>(row.Int64(0)));
  return used;
}

}  // namespace playlog::ingest
