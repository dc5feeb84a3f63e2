#include "common/db/connection.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/strings.h"

#ifdef __SANITIZE_ADDRESS__
// libpqxx 6.4.5 loses one result, of about a kilobyte, when a connection breaks under a statement:
// it throws between taking the result from libpq and wrapping it. Where the stack is cut short by
// its missing frame pointers, only libpq's function that makes results is left of it.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:pqxx::connection_base::exec\nleak:PQmakeEmptyPGresult\n";
}
#endif

namespace playlog::db {
namespace {

absl::Status Unavailable() {
  return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "The database is unavailable",
                        "Try again in a moment.", absl::Seconds(1));
}

Failure Final(absl::Status status) { return {Failure::Kind::kFinal, std::move(status)}; }

Failure Broken() { return {Failure::Kind::kBroken, Unavailable()}; }

Failure Bug(std::string_view statement, std::string_view what) {
  return Final(InternalError(absl::StrCat("statement ", ToAbsl(statement), ": ", ToAbsl(what))));
}

Failure ClassifySqlState(std::string_view statement, std::string_view state) {
  const std::string_view state_class = state.substr(0, 2);
  if (state == "23505") {
    return Final(Error(errors::v1::ERROR_CODE_ALREADY_EXISTS, "Already exists"));
  }
  if (state == "57014" || state == "55P03") {  // statement_timeout, lock_timeout
    return Final(
        Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, "The database did not answer in time"));
  }
  if (state == "40001" || state == "40P01") return {Failure::Kind::kRolledBack, Unavailable()};
  // The session's end: an error of the connection, a shutdown, a time limit of the session.
  if (state_class == "08" || state_class == "57" || state == "25P03" || state.empty()) {
    return Broken();
  }
  // No space, no memory, a read-only standby: the session goes on.
  if (state_class == "53" || state == "25006") return Final(Unavailable());
  return Bug(statement, absl::StrCat("SQLSTATE ", ToAbsl(state)));
}

// Returns the highest parameter number in the text of a statement.
std::size_t CountParameters(std::string_view sql) {
  std::size_t highest = 0;
  for (std::size_t dollar = sql.find('$'); dollar != std::string_view::npos;
       dollar = sql.find('$', dollar + 1)) {
    std::size_t number = 0;
    std::from_chars(sql.data() + dollar + 1, sql.data() + sql.size(), number);
    highest = std::max(highest, number);
  }
  return highest;
}

}  // namespace

Failure ClassifyException(std::string_view statement) {
  // libpqxx's exceptions are not one tree: the special ones come first. Its texts may hold values
  // of rows, so none is passed on.
  try {
    throw;
  } catch (const pqxx::statement_completion_unknown&) {
    return Broken();
  } catch (const pqxx::transaction_rollback&) {
    return {Failure::Kind::kRolledBack, Unavailable()};
  } catch (const pqxx::in_doubt_error&) {
    return Broken();
  } catch (const pqxx::broken_connection&) {
    return Broken();
  } catch (const pqxx::sql_error& error) {
    return ClassifySqlState(statement, error.sqlstate());
  } catch (const pqxx::failure&) {
    return Broken();
  } catch (const std::bad_alloc&) {
    return Final(RetryableError(errors::v1::ERROR_CODE_OVERLOADED, "Out of memory",
                                "Try again in a moment.", absl::Seconds(1)));
  } catch (const pqxx::usage_error&) {
    return Bug(statement, "the client library was misused");
  } catch (const std::exception&) {
    return Bug(statement, "the client library failed");
  }
}

Connection::Connection(const std::string& connection_string)
    : connection_(connection_string), quiet_(connection_) {}

bool Connection::LooksAlive() const {
  pollfd descriptor{.fd = socket(), .events = POLLIN, .revents = 0};
  // An idle session has nothing to read but its end.
  return descriptor.fd >= 0 && poll(&descriptor, 1, 0) == 0;
}

pqxx::result Connection::Execute(pqxx::transaction_base& transaction, const Statement& statement,
                                 std::span<const Param> params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const Param& param : params)
    values.push_back(param.null() ? nullptr : param.value().c_str());
  if (!statement.is_prepared) {
    return transaction.exec_params(std::string(statement.sql),
                                   pqxx::prepare::make_dynamic_params(values));
  }
  const std::string name(statement.name);
  auto prepared = prepared_.find(name);
  if (prepared == prepared_.end()) {
    connection_.prepare(name, std::string(statement.sql));
    prepared = prepared_.emplace(name, CountParameters(statement.sql)).first;
  }
  // The server would end the session over this, which would look like an outage.
  if (prepared->second != params.size()) throw pqxx::usage_error("wrong number of parameters");
  return transaction.exec_prepared(name, pqxx::prepare::make_dynamic_params(values));
}

Rows ToRows(pqxx::result result) {
  const auto owner = std::make_shared<const pqxx::result>(std::move(result));
  std::vector<Row::Cell> cells;
  cells.reserve(owner->size() * owner->columns());
  // Iterators, because a row or a field by its number costs a copy of the shared result.
  for (auto row = owner->begin(); row != owner->end(); ++row) {
    const auto end = row->end();
    for (auto field = row->begin(); field != end; ++field) {
      // A value with a size is not NULL: each question is a call into libpq.
      const std::size_t size = field->size();
      const bool is_null = size == 0 && field->is_null();
      cells.push_back({is_null ? nullptr : field->c_str(), size});
    }
  }
  return Rows(owner, std::move(cells), owner->columns(), owner->size(), owner->affected_rows());
}

}  // namespace playlog::db
