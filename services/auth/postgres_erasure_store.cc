#include "services/auth/postgres_erasure_store.h"

#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

using db::Effect;
using db::Rows;
using db::Statement;

constexpr Statement kClaim{"claim_erasure", R"sql(
  UPDATE erasures
  SET attempts = attempts + 1, due_at = clock_timestamp() + $1::bigint * interval '1 millisecond'
  WHERE user_id = (
    SELECT user_id FROM erasures WHERE done_at IS NULL AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING user_id, attempts,
    (extract(epoch FROM clock_timestamp() - requested_at) * 1000)::bigint)sql"};

constexpr Statement kPostpone{"postpone_erasure", R"sql(
  UPDATE erasures SET due_at = clock_timestamp() + $2::bigint * interval '1 millisecond'
  WHERE user_id = $1::bigint AND done_at IS NULL)sql"};

constexpr Statement kFinish{"finish_erasure", R"sql(
  UPDATE erasures SET done_at = clock_timestamp()
  WHERE user_id = $1::bigint AND done_at IS NULL)sql"};

}  // namespace

absl::StatusOr<std::optional<Erasure>> PostgresErasureStore::Claim(absl::Time deadline,
                                                                   absl::Duration time) {
  PLAYLOG_ASSIGN_OR_RETURN(const Rows rows, pool_.Query(deadline, Effect::kOnce, kClaim,
                                                        absl::ToInt64Milliseconds(time)));
  if (rows.empty()) return std::nullopt;
  return Erasure{.user_id = rows[0].Int64(0),
                 .attempts = rows[0].Int32(1),
                 .age = absl::Milliseconds(rows[0].Int64(2))};
}

absl::Status PostgresErasureStore::Postpone(absl::Time deadline, std::int64_t user_id,
                                            absl::Duration pause) {
  return pool_
      .Query(deadline, Effect::kIdempotent, kPostpone, user_id, absl::ToInt64Milliseconds(pause))
      .status();
}

absl::Status PostgresErasureStore::Finish(absl::Time deadline, std::int64_t user_id) {
  return pool_.Query(deadline, Effect::kIdempotent, kFinish, user_id).status();
}

}  // namespace playlog::auth
