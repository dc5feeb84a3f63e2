#ifndef PLAYLOG_TESTS_BENCH_DJANGO_REFERENCE_H_
#define PLAYLOG_TESTS_BENCH_DJANGO_REFERENCE_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/sql.h"
#include "tests/harness/child_process.h"

namespace playlog::bench {

struct DjangoOptions {
  std::string folder;     // Of the application.
  std::string database;   // Is created in the run's cluster.
  std::string directory;  // Takes the output.
  // Where its upstream is; its own default if empty.
  std::string spotify_api_url = "";
};

// The Django application that we are measured against: the same endpoints, seeded with the same
// songs, under gunicorn with two workers, with a database of its own in the run's cluster.
class DjangoReference {
 public:
  // Returns nothing, and says in `missing` what it lacks, on a machine without the application or
  // its packages. Throws std::runtime_error if what is there does not start.
  static std::unique_ptr<DjangoReference> Start(const DjangoOptions& options, std::string& missing);
  ~DjangoReference();
  DjangoReference(const DjangoReference&) = delete;
  DjangoReference& operator=(const DjangoReference&) = delete;

  int port() const { return port_; }
  // The superuser of its database.
  Sql& sql() { return sql_; }
  // An access token of a seeded user, good for five minutes.
  std::string Token(const std::string& user) const;
  // Makes users without passwords and songs, and tokens for them that its own library signs, good
  // for an hour.
  std::vector<std::string> MakeUsers(const std::string& prefix, int count);
  // The processes that answer.
  std::vector<pid_t> Workers() const;

 private:
  explicit DjangoReference(const DjangoOptions& options);

  const DjangoOptions options_;
  Sql sql_;
  harness::ChildProcess process_;
  int port_ = 0;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_DJANGO_REFERENCE_H_
