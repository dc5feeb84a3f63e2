#ifndef PLAYLOG_TESTS_BENCH_SYSTEM_H_
#define PLAYLOG_TESTS_BENCH_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/bench/sql.h"
#include "tests/bench/upsert_client.h"
#include "tests/harness/stack.h"

namespace playlog::bench {

// A user of ours.
struct Account {
  std::int64_t id = 0;
  std::string credentials;  // The JSON that registers and signs in.
};

// Our five processes and the stand-ins on a database of their own in the run's cluster, and the
// ways to fill it. Everything that fails throws std::runtime_error.
class System {
 public:
  explicit System(const harness::StackOptions& options = {});
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  harness::Stack& stack() { return *stack_; }
  const UpsertClient& upserts() const { return *upserts_; }
  // The superuser of the database, and its libpq URL.
  Sql& sql() { return *sql_; }
  const std::string& url() const { return stack_->database().url(); }

  Account Register(const std::string& name) const;
  // A fresh access token.
  std::string Token(const Account& account) const;
  // Stores plays of a user through UpsertSongs, 37 s apart from the beginning of a year on.
  void Store(const Account& account, int plays, int year) const;

  // Waits until staff see every song that is stored.
  void AwaitListing(absl::Duration time_max);

  // Throws if a process has died or has complained.
  void CheckHealth();

 private:
  std::unique_ptr<harness::Stack> stack_;
  std::unique_ptr<UpsertClient> upserts_;
  std::unique_ptr<Sql> sql_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_SYSTEM_H_
