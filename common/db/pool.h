#ifndef PLAYLOG_COMMON_DB_POOL_H_
#define PLAYLOG_COMMON_DB_POOL_H_

#include <array>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/base/wake_signal.h"
#include "common/base/watchdog.h"
#include "common/db/param.h"
#include "common/db/rows.h"
#include "common/db/statement.h"

namespace playlog::db {

class Connection;
struct Failure;

struct PoolOptions {
  // A libpq URL or keyword string.
  Secret url = Secret();
  // The one schema of the search path: 1 to 63 lower-case letters and `_`.
  std::string schema = "";
  int connections = 6;
  // How long a task waits for a free connection.
  absl::Duration wait = absl::Milliseconds(250);
  // The server's own limits for a statement and for a wait for a lock.
  absl::Duration statement_timeout = absl::Milliseconds(900);
  absl::Duration lock_timeout = absl::Milliseconds(500);
  // Further settings of the sessions, as in `-c work_mem=8MB`.
  std::string settings = "";
};

// Whether work may be done again when the connection broke and nobody knows whether it was done.
enum class Effect {
  kOnce,        // Doing it twice differs from doing it once: it is never repeated.
  kIdempotent,  // Doing it twice is as good as once: it is repeated once within the deadline.
};

// Errors of everything below, beside those of the caller's own function:
//   OVERLOADED         no connection became free in PoolOptions::wait
//   UNAVAILABLE        PostgreSQL cannot be reached, is shutting down, is out of space or memory;
//   the
//                      connection broke, and the outcome of a write is unknown
//   DEADLINE_EXCEEDED  the deadline or a limit for statements passed; the outcome of a write is
//                      unknown too
//   ALREADY_EXISTS     a unique constraint was violated
//   INVALID_FIELD      a parameter is not storable (param.h)
//   INTERNAL           anything else, which is a bug; only the log learns the statement's name and
//                      the SQLSTATE, never a value of a row

// An open transaction. Belongs to the thread that runs the function given to Pool::Run.
class Transaction {
 public:
  // Runs a statement. After an error the transaction can only be given up: Run rolls it back and
  // returns the error unless the function returns another.
  template <class... Args>
  absl::StatusOr<Rows> Query(const Statement& statement, Args&&... args) {
    const std::array<Param, sizeof...(Args)> params{Param(std::forward<Args>(args))...};
    return QueryParams(statement, params);
  }
  absl::StatusOr<Rows> QueryParams(const Statement& statement, std::span<const Param> params);

 private:
  friend class Pool;
  struct State;
  explicit Transaction(State& state) : state_(state) {}

  State& state_;
};

// A bounded set of connections to PostgreSQL. A connection serves one task at a time and is thrown
// away once it breaks. Connections are opened when they are needed by a thread of the pool's own,
// so neither the pool's start nor a task ever hangs in a connect. Thread-safe.
class Pool {
 public:
  // Fails only if the options are unusable; PostgreSQL may be away.
  static absl::StatusOr<std::unique_ptr<Pool>> Create(PoolOptions options);
  // Every Run must have returned.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `function` in a transaction (read committed) and commits it if the function returns OK,
  // else rolls it back. After a deadlock or a serialization failure, and after a broken connection
  // if `effect` allows it, the function is called again from its beginning: it must not keep state
  // of an earlier call. Returns at most some milliseconds after the deadline, whatever the server
  // does.
  absl::Status Run(absl::Time deadline, Effect effect,
                   absl::FunctionRef<absl::Status(Transaction&)> function);

  // Runs one statement as a transaction of its own, in one round trip.
  template <class... Args>
  absl::StatusOr<Rows> Query(absl::Time deadline, Effect effect, const Statement& statement,
                             Args&&... args) {
    const std::array<Param, sizeof...(Args)> params{Param(std::forward<Args>(args))...};
    return QueryParams(deadline, effect, statement, params);
  }
  absl::StatusOr<Rows> QueryParams(absl::Time deadline, Effect effect, const Statement& statement,
                                   std::span<const Param> params);

  // Asks the server for a sign of life, for readiness checks.
  absl::Status Check(absl::Time deadline);

  // The connections that are open now, in use or not.
  int open_connections() const;

 private:
  // What one try needs: a transaction or a single statement.
  using Work = absl::FunctionRef<absl::Status(Transaction&)>;

  Pool(PoolOptions options, std::string connection_string);
  void Connect();
  absl::StatusOr<std::unique_ptr<Connection>> Acquire(absl::Time deadline);
  void Release(std::unique_ptr<Connection> connection, bool broken);
  Failure TryOnce(absl::Time deadline, bool autocommit, Work work);
  absl::Status Repeat(absl::Time deadline, Effect effect, bool autocommit, Work work);

  const PoolOptions options_;
  const Secret connection_string_;
  Watchdog watchdog_;
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_) = 0;  // Idle, in use or being opened.
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool unreachable_ ABSL_GUARDED_BY(mutex_) = false;  // The last connect failed.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  WakeSignal stop_;  // Raised when stopping_ is set.
  std::thread connector_;
};

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_POOL_H_
