#ifndef PLAYLOG_COMMON_DB_CONNECTION_H_
#define PLAYLOG_COMMON_DB_CONNECTION_H_

// Only for the .cc files of common/db: it brings in libpqxx.

#include <pqxx/pqxx>
#include <span>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "common/db/param.h"
#include "common/db/rows.h"
#include "common/db/statement.h"

namespace playlog::db {

// How a try went wrong, and what may be done about it.
struct Failure {
  enum class Kind {
    kNone,        // It did not go wrong.
    kFinal,       // A definite no; the connection is fine.
    kRolledBack,  // A deadlock or a serialization failure: nothing was done, so try again.
    kBroken,      // The connection is lost, and whether the work was done is not known.
  };
  Kind kind = Kind::kNone;
  absl::Status status;
};

// Classifies the exception being handled: called in a `catch (...)` alone. `statement` names what
// ran.
Failure ClassifyException(std::string_view statement);

// One session. Belongs to one thread at a time. Everything throws what libpqxx throws.
class Connection {
 public:
  // Blocks for at most the connection string's connect_timeout.
  explicit Connection(const std::string& connection_string);

  int socket() const { return connection_.sock(); }
  pqxx::connection& pqxx() { return connection_; }

  // Whether an idle session seems alive: false if the server closed it, which libpqxx does not see.
  bool LooksAlive() const;

  // Runs a statement, preparing it before its first use here.
  pqxx::result Execute(pqxx::transaction_base& transaction, const Statement& statement,
                       std::span<const Param> params);

 private:
  pqxx::connection connection_;
  // Takes libpq's notices, which would go to standard error and may hold values of rows.
  pqxx::quiet_errorhandler quiet_;
  // What is prepared, with the number of parameters.
  std::unordered_map<std::string, std::size_t> prepared_;
};

// Makes the answer readable without libpqxx.
Rows ToRows(pqxx::result result);

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_CONNECTION_H_
