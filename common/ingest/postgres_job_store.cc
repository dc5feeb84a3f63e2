#include "common/ingest/postgres_job_store.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <utility>

#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/ingest/json.h"

namespace playlog::ingest {
namespace {

constexpr std::size_t kSeamKeyBytes = 16;

// Names the columns in the order of ReadJob. The statements below differ in their ends.
#define PLAYLOG_JOB_COLUMNS                                                                      \
  "number, user_id, state, coalesce(state = 'open' AND held_until > clock_timestamp(), false), " \
  "span_from, span_to, total, position, page_size, steady, told_twice, seam_second, seam_keys, " \
  "rejected::text, walk_added, walks, excess, added, read, differences::text, worked_us, "       \
  "failures, last_error, created_at, ended_at"

// Lets starts wait for one another, so that the number of open jobs is exact.
constexpr db::Statement kLockStarts{"lock_job_starts", R"sql(
  SELECT pg_advisory_xact_lock(hashtext('playlog.jobs.' || current_schema))
)sql"};

constexpr db::Statement kFindOpen{"find_open_job",
                                  "SELECT " PLAYLOG_JOB_COLUMNS
                                  " FROM jobs WHERE user_id = $1::bigint AND state = 'open'"};

constexpr db::Statement kCountOpen{"count_open_jobs", R"sql(
  SELECT count(*) FROM jobs WHERE state = 'open'
)sql"};

constexpr db::Statement kInsert{"insert_job",
                                "INSERT INTO jobs (user_id, span_from, span_to, page_size) "
                                "VALUES ($1::bigint, $2::timestamptz, $3::timestamptz, $4::int) "
                                "RETURNING " PLAYLOG_JOB_COLUMNS};

constexpr db::Statement kTrim{"trim_jobs", R"sql(
  DELETE FROM jobs WHERE number IN (
    SELECT number FROM jobs WHERE user_id = $1::bigint ORDER BY number DESC OFFSET $2::bigint)
)sql"};

constexpr db::Statement kList{"list_jobs", "SELECT " PLAYLOG_JOB_COLUMNS
                                           " FROM jobs WHERE user_id = $1::bigint "
                                           "ORDER BY number DESC"};

constexpr db::Statement kFind{"find_job", "SELECT " PLAYLOG_JOB_COLUMNS
                                          " FROM jobs WHERE user_id = $1::bigint "
                                          "AND number = $2::bigint"};

constexpr db::Statement kCancel{"cancel_job", R"sql(
  UPDATE jobs SET state = 'cancelled', ended_at = clock_timestamp(), holder = NULL,
    held_until = NULL
  WHERE user_id = $1::bigint AND number = $2::bigint AND state = 'open'
)sql"};

constexpr db::Statement kClaim{
    "claim_job",
    "UPDATE jobs SET holder = $1::text, steady = steady AND holder IS NULL, "
    "  held_until = clock_timestamp() + $2::bigint * interval '1 millisecond' "
    "WHERE number = ("
    "  SELECT number FROM jobs WHERE state = 'open' AND due_at <= clock_timestamp() "
    "    AND (held_until IS NULL OR held_until <= clock_timestamp()) "
    "  ORDER BY due_at, number LIMIT 1 FOR UPDATE SKIP LOCKED) "
    "RETURNING " PLAYLOG_JOB_COLUMNS};

constexpr db::Statement kSave{"save_job", R"sql(
  UPDATE jobs SET state = $3::text,
    total = $4::bigint, position = $5::bigint, page_size = $6::int, steady = $7::boolean,
    told_twice = $8::bigint, seam_second = $9::timestamptz, seam_keys = $10::bytea,
    rejected = $11::jsonb, walk_added = $12::bigint, walks = $13::int, excess = $14::bigint,
    added = $15::bigint, read = $16::bigint, differences = $17::jsonb, worked_us = $18::bigint,
    failures = $19::int, last_error = $20::text,
    holder = CASE WHEN $21::boolean THEN holder END,
    held_until = CASE WHEN $21::boolean
                      THEN clock_timestamp() + $22::bigint * interval '1 millisecond' END,
    due_at = CASE WHEN $21::boolean THEN due_at
                  ELSE clock_timestamp() + $22::bigint * interval '1 millisecond' END,
    ended_at = CASE WHEN $3::text <> 'open' THEN clock_timestamp() END
  WHERE number = $1::bigint AND holder = $2::text AND state = 'open'
)sql"};

#undef PLAYLOG_JOB_COLUMNS

constexpr std::pair<Job::State, std::string_view> kStates[] = {
    {Job::State::kOpen, "open"},
    {Job::State::kDone, "done"},
    {Job::State::kFailed, "failed"},
    {Job::State::kCancelled, "cancelled"},
};

std::string_view NameOf(Job::State state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return "";
}

Job::State StateOf(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return Job::State::kFailed;
}

std::string ToJson(const Tallies& tallies) {
  boost::json::object object;
  for (const auto& [reason, count] : tallies) object[reason] = count;
  return boost::json::serialize(object);
}

Tallies ReadTallies(std::string_view text) {
  Tallies tallies;
  const auto value = ParseJson(text);
  if (!value.has_value() || !value->is_object()) return tallies;
  for (const auto& [reason, count] : value->get_object()) {
    if (count.is_int64()) tallies[std::string(reason)] = count.get_int64();
  }
  return tallies;
}

std::string Join(const std::vector<std::string>& keys) {
  std::string bytes;
  for (const std::string& key : keys) bytes += key;
  return bytes;
}

std::vector<std::string> Split(const std::string& bytes) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < bytes.size(); i += kSeamKeyBytes) {
    keys.push_back(bytes.substr(i, kSeamKeyBytes));
  }
  return keys;
}

std::optional<absl::Time> FiniteOf(absl::Time time) {
  if (time == absl::InfinitePast()) return std::nullopt;
  return time;
}

std::optional<std::string> TextOf(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

Job ReadJob(const db::Row& row) {
  Job job;
  job.number = row.Int64(0);
  job.user_id = row.Int64(1);
  job.state = StateOf(row.Text(2));
  job.running = row.Bool(3);
  job.span = {.from = row.Time(4), .to = row.Time(5)};
  job.walk = {.total = row.OptionalInt64(6),
              .position = row.Int64(7),
              .page_size = row.Int32(8),
              .steady = row.Bool(9)};
  job.told_twice = row.Int64(10);
  job.seam = {.second = row.Time(11), .keys = Split(row.Bytes(12))};
  job.rejected = ReadTallies(row.Text(13));
  job.walk_added = row.Int64(14);
  job.walks = row.Int32(15);
  job.excess = row.OptionalInt64(16);
  job.added = row.Int64(17);
  job.read = row.Int64(18);
  job.differences = ReadTallies(row.Text(19));
  job.worked = absl::Microseconds(row.Int64(20));
  job.failures = row.Int32(21);
  job.last_error = std::string(row.Text(22));
  job.created_at = row.Time(23);
  job.ended_at = row.OptionalTime(24);
  return job;
}

absl::StatusOr<std::optional<Job>> ReadOne(const absl::StatusOr<db::Rows>& rows) {
  PLAYLOG_RETURN_IF_ERROR(rows.status());
  if (rows->empty()) return std::nullopt;
  return ReadJob((*rows)[0]);
}

absl::Status CheckRoom(db::Transaction& transaction) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, transaction.Query(kCountOpen));
  if (rows[0].Int64(0) < kOpenJobsMax) return absl::OkStatus();
  return Error(errors::v1::ERROR_CODE_OVERLOADED, "Too many jobs are under way", "Try again later");
}

}  // namespace

absl::StatusOr<Job> PostgresJobStore::Start(std::int64_t user_id, const Span& span,
                                            absl::Time deadline) {
  std::optional<Job> job;
  const auto start = [&](db::Transaction& transaction) -> absl::Status {
    PLAYLOG_RETURN_IF_ERROR(transaction.Query(kLockStarts).status());
    PLAYLOG_ASSIGN_OR_RETURN(job, ReadOne(transaction.Query(kFindOpen, user_id)));
    if (job.has_value()) return absl::OkStatus();
    PLAYLOG_RETURN_IF_ERROR(CheckRoom(transaction));
    PLAYLOG_ASSIGN_OR_RETURN(job, ReadOne(transaction.Query(kInsert, user_id, FiniteOf(span.from),
                                                            span.to, kLargestPage)));
    if (!job.has_value()) return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such user");
    return transaction.Query(kTrim, user_id, kJobsPerUserMax).status();
  };
  PLAYLOG_RETURN_IF_ERROR(pool_.Run(deadline, db::Effect::kIdempotent, start));
  return *std::move(job);
}

absl::StatusOr<std::vector<Job>> PostgresJobStore::List(std::int64_t user_id, absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool_.Query(deadline, db::Effect::kIdempotent, kList, user_id));
  std::vector<Job> jobs;
  for (const db::Row row : rows) jobs.push_back(ReadJob(row));
  return jobs;
}

absl::StatusOr<std::optional<Job>> PostgresJobStore::Find(std::int64_t user_id, std::int64_t number,
                                                          absl::Time deadline) {
  return ReadOne(pool_.Query(deadline, db::Effect::kIdempotent, kFind, user_id, number));
}

absl::StatusOr<bool> PostgresJobStore::Cancel(std::int64_t user_id, std::int64_t number,
                                              absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.Query(deadline, db::Effect::kIdempotent,
                                                            kCancel, user_id, number));
  if (rows.affected() == 1) return true;
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<Job> job, Find(user_id, number, deadline));
  return job.has_value();
}

absl::StatusOr<std::optional<Job>> PostgresJobStore::Claim(std::string_view holder,
                                                           absl::Duration time,
                                                           absl::Time deadline) {
  return ReadOne(
      pool_.Query(deadline, db::Effect::kOnce, kClaim, holder, absl::ToInt64Milliseconds(time)));
}

absl::StatusOr<bool> PostgresJobStore::Save(const Job& job, std::string_view holder,
                                            const JobFate& fate, absl::Time deadline) {
  const std::string keys = Join(job.seam.keys);
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      pool_.Query(deadline, db::Effect::kOnce, kSave, job.number, holder, NameOf(job.state),
                  job.walk.total, job.walk.position, job.walk.page_size, job.walk.steady,
                  job.told_twice, FiniteOf(job.seam.second), db::Bytes{keys}, ToJson(job.rejected),
                  job.walk_added, job.walks, job.excess, job.added, job.read,
                  ToJson(job.differences), absl::ToInt64Microseconds(job.worked), job.failures,
                  TextOf(job.last_error), fate.kind == JobFate::Kind::kHold,
                  absl::ToInt64Milliseconds(fate.time)));
  return rows.affected() == 1;
}

}  // namespace playlog::ingest
