#ifndef PLAYLOG_COMMON_TESTING_POSTGRES_H_
#define PLAYLOG_COMMON_TESTING_POSTGRES_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace playlog::testing {

// A PostgreSQL 15 cluster of the test's own in a temporary folder, reached through a Unix socket
// alone. It is stopped and removed when it is destroyed, and also when the test is killed. It
// writes as safely as a real one (fsync is on). Anything that goes wrong ends the test program with
// a message. Not thread-safe.
class PostgresCluster {
 public:
  // Makes and starts a cluster, as PostgreSQL's own user if the test runs as root. Takes a second.
  PostgresCluster();
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // The cluster that the process's tests share, started when first asked for.
  static PostgresCluster& Shared();

  // The libpq URL of a superuser for a database.
  std::string Url(const std::string& database) const;

  // Starts it and waits until it answers. Does nothing if it runs.
  void Start();
  // The Unix socket that it listens at.
  std::string SocketPath() const;

  // Stops it: every session ends, nothing committed is lost.
  void Stop();
  // Stops it without its last checkpoint, so that the next start begins with a recovery.
  void StopAtOnce();
  // Ends every process at once with SIGKILL.
  void Kill();
  // Stops every process with SIGSTOP, so that the sockets stay open and nobody answers; and lets
  // them go on.
  void Pause();
  void Resume();

 private:
  void End(int signal);
  std::vector<pid_t> Processes() const;
  void Signal(int signal);

  std::string directory_;
  pid_t postmaster_ = 0;
  int janitor_pipe_ = -1;
  pid_t janitor_ = 0;
};

// An empty database, dropped when it is destroyed. It is in the shared cluster, or on the server
// that the environment's PLAYLOG_TEST_POSTGRES names: the libpq URL of a superuser, ending in
// `/postgres`.
class TestDatabase {
 public:
  TestDatabase();
  explicit TestDatabase(PostgresCluster& cluster);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  // The libpq URL of a superuser for this database.
  const std::string& url() const { return url_; }

  // Runs statements without parameters as the superuser and returns the first column of the first
  // row, or "" if there is none.
  std::string Execute(const std::string& sql) const;

 private:
  explicit TestDatabase(std::string admin_url);

  const std::string admin_url_;
  const std::string name_;
  const std::string url_;
};

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_POSTGRES_H_
