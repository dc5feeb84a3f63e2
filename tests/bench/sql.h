#ifndef PLAYLOG_TESTS_BENCH_SQL_H_
#define PLAYLOG_TESTS_BENCH_SQL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct pg_conn;

namespace playlog::bench {

// A session with PostgreSQL as libpq gives it, for what is measured beside our own code. Every
// function throws std::runtime_error with the server's message. For one thread at a time.
class Sql {
 public:
  explicit Sql(const std::string& url);

  // Runs one or more statements; the first column of the last result's first row, "" if there is
  // none.
  std::string Run(const std::string& statements);
  // The same as a number.
  std::int64_t Number(const std::string& statement);

  // What `COPY … TO STDOUT` gives, in PostgreSQL's text format.
  std::string CopyOut(const std::string& statement);
  // Runs `COPY … FROM STDIN` with such a text.
  void CopyIn(const std::string& statement, const std::string& rows);

 private:
  [[noreturn]] void Fail(const std::string& statement) const;

  std::unique_ptr<pg_conn, void (*)(pg_conn*)> connection_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_SQL_H_
