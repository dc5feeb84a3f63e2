#include "tests/bench/django_reference.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/machine.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr char kPython[] = "/usr/bin/python3";
constexpr char kGunicorn[] = "/usr/bin/gunicorn";
constexpr char kListening[] = "Listening at: http://127.0.0.1:";

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

// The port in gunicorn's log, or 0 as long as it is not there.
int PortIn(const std::string& log) {
  const std::size_t place = log.find(kListening);
  if (place == std::string::npos) return 0;
  const std::size_t begin = place + sizeof(kListening) - 1;
  int port = 0;
  return absl::SimpleAtoi(log.substr(begin, log.find(' ', begin) - begin), &port) ? port : 0;
}

}  // namespace

std::unique_ptr<DjangoReference> DjangoReference::Start(const std::string& folder,
                                                        const std::string& sockets,
                                                        const std::string& directory,
                                                        std::string& missing) {
  missing = WhatIsMissing(folder, directory);
  if (!missing.empty()) return nullptr;
  const std::vector<std::string> variables = {"PGHOST=" + sockets,
                                              "PGPORT=5432",
                                              "PGUSER=postgres",
                                              "PGDATABASE=django_ref",
                                              "PYTHONNOUSERSITE=1",
                                              "PYTHONDONTWRITEBYTECODE=1",
                                              "DJANGO_SETTINGS_MODULE=settings"};
  const harness::Finished created =
      RunProgram(directory, {"/usr/lib/postgresql/15/bin/createdb", "django_ref"},
                 absl::Seconds(30), variables);
  const harness::Finished seeded = RunProgram(directory, {"/bin/bash", folder + "/seed_bench.sh"},
                                              absl::Seconds(120), variables);
  if (created.exit_code != 0 || seeded.exit_code != 0) {
    throw std::runtime_error(absl::StrCat("the Django reference cannot be seeded: ", created.errors,
                                          seeded.errors, seeded.output));
  }
  return std::unique_ptr<DjangoReference>(new DjangoReference(folder, variables, directory));
}

DjangoReference::DjangoReference(const std::string& folder,
                                 const std::vector<std::string>& variables,
                                 const std::string& directory)
    : process_({.name = "gunicorn",
                .words = {kGunicorn, "-w", "2", "--chdir", folder, "-b", "127.0.0.1:0", "wsgi"},
                .variables = variables,
                .directory = directory}) {
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

std::vector<pid_t> DjangoReference::Workers() const {
  std::ifstream file(absl::StrCat("/proc/", process_.pid(), "/task/", process_.pid(), "/children"));
  std::vector<pid_t> workers;
  for (pid_t worker = 0; file >> worker;) workers.push_back(worker);
  return workers;
}

}  // namespace playlog::bench
