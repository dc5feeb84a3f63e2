#include "common/testing/postgres.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace playlog::testing {
namespace {

constexpr char kBinaries[] = "/usr/lib/postgresql/15/bin/";
constexpr absl::Duration kPause = absl::Milliseconds(10);
constexpr absl::Duration kStartLimit = absl::Seconds(30);

// Runs apart from the test and outlives it: waits until the test is gone, which closes the pipe,
// ends the cluster and removes its folder. A test that is killed has no other way to clean up.
constexpr char kJanitor[] = R"sh(
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -CONT $pid $(cat /proc/$pid/task/$pid/children) 2>/dev/null
  kill -QUIT $pid 2>/dev/null
  i=0; while kill -0 $pid 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
fi
rm -rf "$1"
)sh";

constexpr char kSettings[] = R"(
listen_addresses = ''
max_connections = 100
shared_buffers = 32MB
max_wal_size = 256MB
autovacuum_naptime = 10s
logging_collector = off
jit = off
recovery_init_sync_method = syncfs
)";

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "the test's PostgreSQL: %s\n", what.c_str());
  std::abort();
}

// Starts a program with its output in a file and its input from a descriptor or from /dev/null.
pid_t Spawn(const std::vector<std::string>& command, const std::string& log, int input = -1) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input >= 0) {
    posix_spawn_file_actions_adddup2(&actions, input, 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // A session of its own, so that an interrupt from the keyboard does not reach it; no signal
  // blocked.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) Fail(absl::StrCat("cannot start ", command[0], ": ", std::strerror(error)));
  return pid;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void RunToEnd(const std::vector<std::string>& command, const std::string& log) {
  int status = 0;
  const pid_t pid = Spawn(command, log);
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    Fail(absl::StrCat(absl::StrJoin(command, " "), " failed:\n", ReadFile(log)));
  }
}

// PostgreSQL refuses to run as root.
std::vector<std::string> AsPostgres(std::vector<std::string> command) {
  if (geteuid() != 0) return command;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) Fail("there is no user `postgres` to run it as");
  const std::vector<std::string> prefix = {"setpriv", absl::StrCat("--reuid=", user->pw_uid),
                                           absl::StrCat("--regid=", user->pw_gid),
                                           "--clear-groups"};
  command.insert(command.begin(), prefix.begin(), prefix.end());
  return command;
}

std::string MakeDirectory() {
  char path[] = "/tmp/playlog-pg-XXXXXX";  // Short: a socket's path has at most 107 bytes.
  if (mkdtemp(path) == nullptr) Fail("cannot make a folder under /tmp");
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr || chown(path, user->pw_uid, user->pw_gid) != 0) {
      Fail("cannot give its folder to the user `postgres`");
    }
  }
  return path;
}

using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;

Connection Open(const std::string& url) { return Connection(PQconnectdb(url.c_str()), PQfinish); }

std::string Run(const std::string& url, const std::string& sql) {
  const Connection connection = Open(url);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql.c_str()),
                                                              PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    Fail(absl::StrCat(sql, ": ", PQerrorMessage(connection.get())));
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::string NewDatabaseName() {
  static std::atomic<int> count = 0;
  return absl::StrCat("playlog_test_", getpid(), "_", ++count);
}

std::string AdminUrl() {
  const char* given = std::getenv("PLAYLOG_TEST_POSTGRES");
  return given != nullptr && *given != '\0' ? given : PostgresCluster::Shared().Url("postgres");
}

// Returns the URL with another database's name in place of /postgres.
std::string WithDatabase(const std::string& admin_url, const std::string& name) {
  const std::size_t place = admin_url.find("/postgres?");
  if (place != std::string::npos) {
    return absl::StrCat(admin_url.substr(0, place + 1), name, admin_url.substr(place + 9));
  }
  if (!absl::EndsWith(admin_url, "/postgres")) Fail("PLAYLOG_TEST_POSTGRES must end in /postgres");
  return absl::StrCat(admin_url.substr(0, admin_url.size() - 8), name);
}

}  // namespace

PostgresCluster::PostgresCluster() : directory_(MakeDirectory()) {
  const std::string log = directory_ + "/log";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("cannot make a pipe");
  janitor_pipe_ = ends[1];
  janitor_ = Spawn({"sh", "-c", kJanitor, "janitor", directory_}, "/dev/null", ends[0]);
  close(ends[0]);
  RunToEnd(AsPostgres({absl::StrCat(kBinaries, "initdb"), "--no-sync", "--no-instructions",
                       "--data-checksums", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                       "--locale=C", "--pgdata=" + directory_ + "/data"}),
           log);
  std::ofstream(directory_ + "/data/postgresql.conf", std::ios::app)
      << kSettings << "unix_socket_directories = '" << directory_ << "'\n";
  Start();
}

PostgresCluster::~PostgresCluster() {
  Resume();
  Stop();
  close(janitor_pipe_);
  waitpid(janitor_, nullptr, 0);
}

PostgresCluster& PostgresCluster::Shared() {
  static PostgresCluster cluster;
  return cluster;
}

std::string PostgresCluster::Url(const std::string& database) const {
  return absl::StrCat("postgresql:///", database, "?host=", directory_, "&user=postgres");
}

void PostgresCluster::Start() {
  if (postmaster_ != 0) return;
  const absl::Time limit = absl::Now() + kStartLimit;
  // A killed cluster's shared memory outlives its postmaster for a moment, so starting is repeated.
  while (true) {
    postmaster_ =
        Spawn(AsPostgres({absl::StrCat(kBinaries, "postgres"), "-D", directory_ + "/data"}),
              directory_ + "/log");
    while (waitpid(postmaster_, nullptr, WNOHANG) == 0) {
      if (PQstatus(Open(Url("postgres")).get()) == CONNECTION_OK) return;
      if (absl::Now() > limit) Fail("it does not start:\n" + ReadFile(directory_ + "/log"));
      absl::SleepFor(kPause);
    }
    if (absl::Now() > limit) Fail("it does not start:\n" + ReadFile(directory_ + "/log"));
    absl::SleepFor(kPause);
  }
}

std::string PostgresCluster::SocketPath() const { return directory_ + "/.s.PGSQL.5432"; }

void PostgresCluster::Stop() { End(SIGINT); }

void PostgresCluster::StopAtOnce() { End(SIGQUIT); }

void PostgresCluster::End(int signal) {
  if (postmaster_ == 0) return;
  kill(postmaster_, signal);
  waitpid(postmaster_, nullptr, 0);
  postmaster_ = 0;
}

void PostgresCluster::Kill() {
  if (postmaster_ == 0) return;
  Signal(SIGKILL);
  waitpid(postmaster_, nullptr, 0);
  postmaster_ = 0;
}

void PostgresCluster::Pause() { Signal(SIGSTOP); }

void PostgresCluster::Resume() { Signal(SIGCONT); }

std::vector<pid_t> PostgresCluster::Processes() const {
  if (postmaster_ == 0) return {};
  std::vector<pid_t> processes = {postmaster_};
  std::ifstream children(absl::StrCat("/proc/", postmaster_, "/task/", postmaster_, "/children"));
  for (pid_t child = 0; children >> child;) processes.push_back(child);
  return processes;
}

void PostgresCluster::Signal(int signal) {
  // Stopped first, the postmaster makes no new process meanwhile and does not lose its children.
  if (postmaster_ != 0 && signal != SIGCONT) kill(postmaster_, SIGSTOP);
  for (const pid_t process : Processes()) kill(process, signal);
}

TestDatabase::TestDatabase(std::string admin_url)
    : admin_url_(std::move(admin_url)),
      name_(NewDatabaseName()),
      url_(WithDatabase(admin_url_, name_)) {
  Run(admin_url_, "CREATE DATABASE " + name_ + " ENCODING 'UTF8' TEMPLATE template0");
}

TestDatabase::TestDatabase() : TestDatabase(AdminUrl()) {}

TestDatabase::TestDatabase(PostgresCluster& cluster) : TestDatabase(cluster.Url("postgres")) {}

TestDatabase::~TestDatabase() { Run(admin_url_, "DROP DATABASE " + name_ + " WITH (FORCE)"); }

std::string TestDatabase::Execute(const std::string& sql) const { return Run(url_, sql); }

}  // namespace playlog::testing
