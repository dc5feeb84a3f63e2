#include "tests/bench/django_reference.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "tests/bench/cluster.h"
#include "tests/bench/machine.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kPython[] = "/usr/bin/python3";
constexpr char kGunicorn[] = "/usr/bin/gunicorn";
constexpr char kListening[] = "Listening at: http://127.0.0.1:";

constexpr char kMakeUsers[] = R"(
INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff,
                       is_active, date_joined)
SELECT '$0' || n, '!', '', '', '', false, false, true, now() FROM generate_series(1, $1) AS n;
ANALYZE auth_user)";

constexpr char kSign[] = R"(
import datetime
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken
for user in User.objects.filter(username__startswith='$0').order_by('id'):
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=datetime.timedelta(hours=1))
    print(token)
)";

std::string WhatIsMissing(const std::string& folder, const std::string& directory) {
  if (access((folder + "/seed_bench.sh").c_str(), R_OK) != 0) {
    return "the Django reference is not beside the checkout";
  }
  if (access(kGunicorn, X_OK) != 0) return "gunicorn is not installed";
  const harness::Finished imports = RunProgram(
      directory,
      {kPython, "-c", "import django, rest_framework, rest_framework_simplejwt, psycopg2"},
      absl::Seconds(30));
  return imports.exit_code == 0 ? "" : "Django or one of its packages is not installed";
}

// The environment of each of its programs.
std::vector<std::string> VariablesOf(const DjangoOptions& options) {
  std::vector<std::string> variables = {
      "PGHOST=" + SocketsOfCluster(),   "PGPORT=5432",        "PGUSER=postgres",
      "PGDATABASE=" + options.database, "PYTHONNOUSERSITE=1", "PYTHONDONTWRITEBYTECODE=1",
      "DJANGO_SETTINGS_MODULE=settings"};
  if (!options.spotify_api_url.empty()) {
    variables.push_back("SPOTIFY_API_URL=" + options.spotify_api_url);
  }
  return variables;
}

// The port in gunicorn's log, or 0 as long as it is not there.
int PortIn(const std::string& log) {
  const std::size_t place = log.find(kListening);
  if (place == std::string::npos) return 0;
  const std::size_t begin = place + sizeof(kListening) - 1;
  int port = 0;
  return absl::SimpleAtoi(log.substr(begin, log.find(' ', begin) - begin), &port) ? port : 0;
}

}  // namespace

std::unique_ptr<DjangoReference> DjangoReference::Start(const DjangoOptions& options,
                                                        std::string& missing) {
  missing = WhatIsMissing(options.folder, options.directory);
  if (!missing.empty()) return nullptr;
  Sql(Cluster().Url("postgres")).Run("CREATE DATABASE " + options.database);
  const harness::Finished seeded =
      RunProgram(options.directory, {"/bin/bash", options.folder + "/seed_bench.sh"},
                 absl::Seconds(120), VariablesOf(options));
  if (seeded.exit_code != 0) {
    throw std::runtime_error(
        absl::StrCat("the Django reference cannot be seeded: ", seeded.errors, seeded.output));
  }
  return std::unique_ptr<DjangoReference>(new DjangoReference(options));
}

DjangoReference::DjangoReference(const DjangoOptions& options)
    : options_(options),
      sql_(Cluster().Url(options.database)),
      process_(
          {.name = "gunicorn",
           .words = {kGunicorn, "-w", "2", "--chdir", options.folder, "-b", "127.0.0.1:0", "wsgi"},
           .variables = VariablesOf(options),
           .directory = options.directory}) {
  const bool listens = harness::Await(absl::Seconds(30), [this] {
    port_ = PortIn(harness::ReadFile(process_.error_path()));
    return port_ != 0 || process_.ExitCode().has_value();
  });
  if (!listens || port_ == 0) {
    throw std::runtime_error("gunicorn does not start: " +
                             harness::ReadFile(process_.error_path()));
  }
}

DjangoReference::~DjangoReference() {
  // Asked to end, gunicorn ends its workers too.
  process_.Signal(SIGTERM);
  process_.ExitCode(absl::Seconds(10));
}

std::string DjangoReference::Token(const std::string& user) const {
  const std::string name = harness::Quoted(user);
  const harness::HttpAnswer answer = harness::Api(port_).Post(
      "/users/token/", absl::StrCat("{\"username\":", name, ",\"password\":", name, "}"));
  if (answer.status != 200) {
    throw std::runtime_error(absl::StrCat("Django gives no token: ", answer.status));
  }
  return harness::Member(answer.body, "access");
}

std::vector<std::string> DjangoReference::MakeUsers(const std::string& prefix, int count) {
  sql_.Run(absl::Substitute(kMakeUsers, prefix, count));
  const harness::Finished finished = RunProgram(
      options_.directory,
      {kPython, options_.folder + "/manage.py", "shell", "-c", absl::Substitute(kSign, prefix)},
      absl::Seconds(60), VariablesOf(options_));
  std::vector<std::string> tokens = absl::StrSplit(finished.output, '\n', absl::SkipEmpty());
  if (finished.exit_code != 0 || tokens.size() != static_cast<std::size_t>(count)) {
    throw std::runtime_error("Django signs no tokens: " + finished.errors);
  }
  return tokens;
}

std::vector<pid_t> DjangoReference::Workers() const {
  std::ifstream file(absl::StrCat("/proc/", process_.pid(), "/task/", process_.pid(), "/children"));
  std::vector<pid_t> workers;
  for (pid_t worker = 0; file >> worker;) workers.push_back(worker);
  return workers;
}

}  // namespace playlog::bench
