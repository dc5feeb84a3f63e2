#include "common/db/pool.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/db/connection.h"
#include "common/db/connection_string.h"

namespace playlog::db {
namespace {

// A deadlock or a serialization failure is tried so often; each time, one of the rivals gets
// through.
constexpr int kRolledBackTries = 8;
constexpr absl::Duration kHangMargin = absl::Milliseconds(100);
constexpr absl::Duration kReconnectPause = absl::Milliseconds(100);
constexpr Statement kPing{"ping", "SELECT 1"};

Counter& BrokenConnections() {
  static Counter& counter = GetCounter("playlog_db_connections_broken_total",
                                       "Connections to PostgreSQL that broke or were cut");
  return counter;
}

Counter& RefusedWaits() {
  static Counter& counter =
      GetCounter("playlog_db_waits_refused_total", "Tasks that got no connection in time");
  return counter;
}

Counter& Repeats() {
  static Counter& counter =
      GetCounter("playlog_db_repeats_total", "Transactions that were run again after a failure");
  return counter;
}

Gauge& OpenConnections() {
  static Gauge& gauge = GetGauge("playlog_db_connections", "Open connections to PostgreSQL");
  return gauge;
}

absl::Status DeadlineExceeded() {
  return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, "The database did not answer in time");
}

absl::Status NoConnection(bool unreachable) {
  if (unreachable) {
    return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "The database is unavailable",
                          "Try again in a moment.", absl::Seconds(1));
  }
  return RetryableError(errors::v1::ERROR_CODE_OVERLOADED, "Too many requests at once",
                        "Try again in a moment.", absl::Seconds(1));
}

}  // namespace

struct Transaction::State {
  Connection& connection;
  pqxx::transaction_base& transaction;
  Watchdog::Watch& watch;
  absl::Time deadline;
  // The server's own limit and a little more: a server that has not kept it hangs.
  absl::Duration statement_limit;
  std::string_view statement;  // The last one, which a failing commit is blamed on.
  Failure failure;
};

absl::StatusOr<Rows> Transaction::QueryParams(const Statement& statement,
                                              std::span<const Param> params) {
  if (!state_.failure.status.ok()) return state_.failure.status;
  for (const Param& param : params) {
    if (!param.valid()) return InvalidField("text", "UTF-8 without U+0000");
  }
  state_.statement = statement.name;
  if (absl::Now() >= state_.deadline) {
    state_.failure = {Failure::Kind::kFinal, DeadlineExceeded()};
    return state_.failure.status;
  }
  state_.watch.Move(std::min(state_.deadline, absl::Now() + state_.statement_limit));
  try {
    Rows rows = ToRows(state_.connection.Execute(state_.transaction, statement, params));
    state_.watch.Move(state_.deadline);
    return rows;
  } catch (...) {
    state_.failure = ClassifyException(statement.name);
    return state_.failure.status;
  }
}

absl::StatusOr<std::unique_ptr<Pool>> Pool::Create(PoolOptions options) {
  if (options.connections < 1) return absl::InvalidArgumentError("a pool has a connection");
  PLAYLOG_ASSIGN_OR_RETURN(
      std::string connection_string,
      ConnectionString(options.url.Reveal(), {.schema = options.schema,
                                              .statement_timeout = options.statement_timeout,
                                              .lock_timeout = options.lock_timeout,
                                              .further = options.settings}));
  return std::unique_ptr<Pool>(new Pool(std::move(options), std::move(connection_string)));
}

Pool::Pool(PoolOptions options, std::string connection_string)
    : options_(std::move(options)),
      connection_string_(std::move(connection_string)),
      connector_([this] { Connect(); }) {}

Pool::~Pool() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    stop_.Raise();
  }
  connector_.join();
  OpenConnections().Add(-static_cast<double>(idle_.size()));
}

int Pool::open_connections() const {
  const absl::MutexLock lock(&mutex_);
  return open_;
}

void Pool::Connect() {
  const auto wanted = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || (waiting_ > static_cast<int>(idle_.size()) && open_ < options_.connections);
  };
  const absl::MutexLock lock(&mutex_);
  while (true) {
    mutex_.Await(absl::Condition(&wanted));
    if (stopping_) return;
    ++open_;
    mutex_.Unlock();
    std::unique_ptr<Connection> connection;
    std::string error;
    try {
      connection = std::make_unique<Connection>(std::string(connection_string_.Reveal()));
    } catch (const std::exception& exception) {
      error = exception.what();
    }
    mutex_.Lock();
    if (connection != nullptr) {
      idle_.push_back(std::move(connection));
      unreachable_ = false;
      OpenConnections().Add(1);
      continue;
    }
    --open_;
    if (!unreachable_) Log(Severity::kWarning, "database_unreachable", {{"error", error}});
    unreachable_ = true;
    mutex_.Unlock();
    stop_.WaitFor(kReconnectPause);
    mutex_.Lock();
  }
}

absl::StatusOr<std::unique_ptr<Connection>> Pool::Acquire(absl::Time deadline) {
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !idle_.empty(); };
  const absl::Time give_up = std::min(deadline, absl::Now() + options_.wait);
  const absl::MutexLock lock(&mutex_);
  while (true) {
    ++waiting_;
    const bool found = mutex_.AwaitWithDeadline(absl::Condition(&ready), give_up);
    --waiting_;
    if (!found) {
      if (give_up >= deadline) return DeadlineExceeded();
      RefusedWaits().Increment();
      return NoConnection(unreachable_);
    }
    // The one used last is the likeliest to be alive, and its statements are warm.
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->LooksAlive()) return connection;
    --open_;
    OpenConnections().Add(-1);
    BrokenConnections().Increment();
  }
}

void Pool::Release(std::unique_ptr<Connection> connection, bool broken) {
  if (broken) {
    connection.reset();
    OpenConnections().Add(-1);
    BrokenConnections().Increment();
  }
  const absl::MutexLock lock(&mutex_);
  if (broken) {
    --open_;
  } else {
    idle_.push_back(std::move(connection));
  }
}

Failure Pool::TryOnce(absl::Time deadline, bool autocommit, Work work) {
  absl::StatusOr<std::unique_ptr<Connection>> acquired = Acquire(deadline);
  if (!acquired.ok()) return {Failure::Kind::kFinal, acquired.status()};
  Connection& connection = **acquired;
  Failure failure;
  bool broken = true;
  {
    // A server that hangs without dying heeds no time limit of its own and none of libpq's; only
    // the end of the socket wakes the thread that waits on it. The watch dies before the socket is
    // closed, since the number of a closed socket soon belongs to another.
    Watchdog::Watch watch(
        watchdog_, [socket = connection.socket()] { shutdown(socket, SHUT_RDWR); }, deadline);
    std::string_view statement = "begin";
    try {
      std::unique_ptr<pqxx::transaction_base> transaction;
      if (autocommit) {
        transaction = std::make_unique<pqxx::nontransaction>(connection.pqxx());
      } else {
        transaction = std::make_unique<pqxx::work>(connection.pqxx());
      }
      const absl::Duration limit = options_.statement_timeout > absl::ZeroDuration()
                                       ? options_.statement_timeout + kHangMargin
                                       : absl::InfiniteDuration();
      Transaction::State state{connection, *transaction, watch, deadline, limit, statement, {}};
      Transaction handle(state);
      const absl::Status status = work(handle);
      statement = state.statement;
      failure = std::move(state.failure);
      // A retry is decided by what went wrong in the database, not by what the function made of it.
      if (!status.ok() && failure.kind != Failure::Kind::kRolledBack &&
          failure.kind != Failure::Kind::kBroken) {
        failure = {Failure::Kind::kFinal, status};
      }
      if (failure.status.ok() && !autocommit && absl::Now() >= deadline) {
        failure = {Failure::Kind::kFinal, DeadlineExceeded()};
      }
      watch.Move(std::min(deadline, absl::Now() + limit));
      failure.status.ok() ? transaction->commit() : transaction->abort();
    } catch (...) {
      if (failure.status.ok()) failure = ClassifyException(statement);
    }
    broken = failure.kind == Failure::Kind::kBroken || watch.fired();
    if (watch.fired() && !failure.status.ok()) {
      failure = {Failure::Kind::kFinal, DeadlineExceeded()};
    }
  }
  Release(*std::move(acquired), broken);
  return failure;
}

absl::Status Pool::Repeat(absl::Time deadline, Effect effect, bool autocommit, Work work) {
  thread_local absl::InsecureBitGen random;
  bool broke_before = false;
  for (int tries = 1;; ++tries) {
    Failure failure = TryOnce(deadline, autocommit, work);
    switch (failure.kind) {
      case Failure::Kind::kNone:
      case Failure::Kind::kFinal:
        return failure.status;
      case Failure::Kind::kBroken:
        if (effect == Effect::kOnce || broke_before) return failure.status;
        broke_before = true;
        break;
      case Failure::Kind::kRolledBack:
        if (tries >= kRolledBackTries) return failure.status;
        // Rivals that start again together would meet again.
        absl::SleepFor(absl::Milliseconds(absl::Uniform(random, 0, 2 << tries)));
        break;
    }
    if (absl::Now() >= deadline) return failure.status;
    Repeats().Increment();
  }
}

absl::Status Pool::Run(absl::Time deadline, Effect effect,
                       absl::FunctionRef<absl::Status(Transaction&)> function) {
  return Repeat(deadline, effect, /*autocommit=*/false, function);
}

absl::StatusOr<Rows> Pool::QueryParams(absl::Time deadline, Effect effect,
                                       const Statement& statement, std::span<const Param> params) {
  Rows rows;
  PLAYLOG_RETURN_IF_ERROR(
      Repeat(deadline, effect, /*autocommit=*/true, [&](Transaction& transaction) {
        absl::StatusOr<Rows> answer = transaction.QueryParams(statement, params);
        if (!answer.ok()) return answer.status();
        rows = *std::move(answer);
        return absl::OkStatus();
      }));
  return rows;
}

absl::Status Pool::Check(absl::Time deadline) {
  return Query(deadline, Effect::kIdempotent, kPing).status();
}

}  // namespace playlog::db
