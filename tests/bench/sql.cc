#include "tests/bench/sql.h"

#include <libpq-fe.h>

#include <algorithm>
#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace playlog::bench {
namespace {

using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;

constexpr std::size_t kCopyBytes = 64 * 1024;

}  // namespace

Sql::Sql(const std::string& url) : connection_(PQconnectdb(url.c_str()), PQfinish) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) Fail("connecting");
}

void Sql::Fail(const std::string& statement) const {
  throw std::runtime_error(absl::StrCat(statement, ": ", PQerrorMessage(connection_.get())));
}

std::string Sql::Run(const std::string& statements) {
  const Result result(PQexec(connection_.get(), statements.c_str()), PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) Fail(statements);
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::int64_t Sql::Number(const std::string& statement) {
  std::int64_t number = 0;
  const std::string text = Run(statement);
  if (!absl::SimpleAtoi(text, &number)) {
    throw std::runtime_error(absl::StrCat(statement, ": not a whole number: ", text));
  }
  return number;
}

std::string Sql::CopyOut(const std::string& statement) {
  const Result begun(PQexec(connection_.get(), statement.c_str()), PQclear);
  if (PQresultStatus(begun.get()) != PGRES_COPY_OUT) Fail(statement);
  std::string rows;
  char* row = nullptr;
  int size = 0;
  while ((size = PQgetCopyData(connection_.get(), &row, 0)) > 0) {
    rows.append(row, static_cast<std::size_t>(size));
    PQfreemem(row);
  }
  const Result ended(PQgetResult(connection_.get()), PQclear);
  if (size != -1 || PQresultStatus(ended.get()) != PGRES_COMMAND_OK) Fail(statement);
  PQclear(PQgetResult(connection_.get()));
  return rows;
}

void Sql::CopyIn(const std::string& statement, const std::string& rows) {
  const Result begun(PQexec(connection_.get(), statement.c_str()), PQclear);
  if (PQresultStatus(begun.get()) != PGRES_COPY_IN) Fail(statement);
  for (std::size_t place = 0; place < rows.size(); place += kCopyBytes) {
    const std::size_t size = std::min(kCopyBytes, rows.size() - place);
    if (PQputCopyData(connection_.get(), rows.data() + place, static_cast<int>(size)) != 1) {
      Fail(statement);
    }
  }
  if (PQputCopyEnd(connection_.get(), nullptr) != 1) Fail(statement);
  const Result ended(PQgetResult(connection_.get()), PQclear);
  if (PQresultStatus(ended.get()) != PGRES_COMMAND_OK) Fail(statement);
  PQclear(PQgetResult(connection_.get()));
}

}  // namespace playlog::bench
