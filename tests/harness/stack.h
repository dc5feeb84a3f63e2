#ifndef PLAYLOG_TESTS_HARNESS_STACK_H_
#define PLAYLOG_TESTS_HARNESS_STACK_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/testing/certificates.h"
#include "common/testing/postgres.h"
#include "common/testing/temporary_directory.h"
#include "tests/harness/child_process.h"
#include "tests/standins/control_client.h"

namespace playlog::harness {

struct StackOptions {
  // Freed memory that AddressSanitizer keeps back to find its use. A test of memory's growth wants
  // little, since to such a test it looks like a leak.
  int quarantine_mib = 32;
  // More of ASAN_OPTIONS, such as `name=value:name=value`.
  std::string sanitizer_options = {};
  bool reflection = false;
  std::string log_level = "info";
  // Flags of both ingest services for their background fetches (common/ingest/sync_flags.h). There
  // are none without: most tests count what the upstreams are asked.
  std::vector<std::string> sync_flags = {"--sync_workers=0"};
  // What the ingest services may call (deploy/README.md); as often as tests of other things like.
  // The sources' own limits if empty.
  std::string budgets = "1000/1";
  // Further flags of the stand-ins (tests/standins/README.md).
  std::vector<std::string> standin_flags = {};
  // A cluster for the stack's database, which must outlive the stack; that of TestDatabase if null.
  testing::PostgresCluster* cluster = nullptr;
  // The folder of the socket at which the services reach the database's server, such as a proxy's;
  // the server's own if empty.
  std::string database_host = {};
  // The folder of the services' sockets; the stack's own if empty.
  std::string socket_directory = {};
  // Where the others reach a service, by its name, if not at its own socket: a proxy's.
  std::map<std::string, std::string> reached_at = {};
  // NAME=value for the environment of every service.
  std::vector<std::string> variables = {};
};

// The whole system as deploy/up runs it: the five real programs and the stand-ins as processes of
// their own, a database with a role and a schema for each service, certificates and secrets. gRPC
// goes over Unix sockets in a folder of the stack's own. What cannot be set up ends the test
// program with a message. The functions that start and end processes are for the main thread; the
// others are safe from any.
class Stack {
 public:
  explicit Stack(const StackOptions& options = {});
  // Kills what runs.
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // The five services, in the order in which they start.
  static const std::vector<std::string>& Services();

  int http_port() const { return http_port_; }
  // Of the stand-ins (tests/standins/README.md).
  int standins_port() const { return standins_port_; }
  const std::string& directory() const { return directory_.path(); }
  std::string SocketOf(const std::string& service) const;
  // With ca.pem, cert.pem and key.pem; `operator` has one too. A link, which a rotation swaps.
  std::string TlsDirectoryOf(const std::string& service) const;
  // The authority of all certificates.
  const testing::TestAuthority& authority() const { return authority_; }
  // Issues a new certificate for a service and swaps it in, as deploy/rotate-keys does.
  void RotateCertificate(const std::string& service);
  // Swaps another directory with certificates in for a service's.
  void LinkTlsDirectory(const std::string& service, const std::string& target) const;
  const testing::TestDatabase& database() const { return database_; }
  const standins::ControlClient& standins() const { return *standins_; }

  // A service's process, or that of `standins`.
  ChildProcess& process(const std::string& service) const { return *processes_.at(service); }
  // Sends the signal and waits until the process has ended; returns how.
  int End(const std::string& service, int signal);
  // Starts a service that has ended, or the stand-ins at the same port; the gateway gets another.
  void Restart(const std::string& service);
  // Starts a second process of a service with the same schema and certificates, which is known as
  // `<service>_2`: by its socket alone, since no neighbour is told about it. It has to be waited
  // for. One of the gateway has a port of its own. `wrapper` is a program, with arguments, that
  // runs the process and ends as it does, such as strace.
  void StartReplica(const std::string& service, const std::vector<std::string>& wrapper = {});
  // The port of a replica of the gateway.
  int replica_http_port() const { return replica_http_port_; }
  // Forgets a process that has ended and is not needed any more.
  void Forget(const std::string& name) { processes_.erase(name); }
  // Runs a second process of a service with further flags, which win over the usual ones, and with
  // variables (NAME=value), until it ends or 20 s are over.
  Finished RunApart(const std::string& service, const std::vector<std::string>& flags,
                    const std::vector<std::string>& variables = {}) const;
  // The page of metrics of a service as it is now, without its HTTP header; "" if it has none.
  std::string Metrics(const std::string& service) const;
  // The value of a metric, given with its labels as the page shows them; nothing if it is not
  // there.
  std::optional<double> Metric(const std::string& service, const std::string& name) const;

  // Waits until the gateway says that everything is ready; false if it does not in time.
  bool AwaitReady(absl::Duration time) const;

  // The whole lines that a service, or a replica that may be forgotten by now, has logged from a
  // position of its log on; moves the position.
  std::vector<std::string> LogLines(const std::string& service, std::size_t& position) const;

  // Fails the running test for each process that has ended by itself and for each report of a
  // sanitizer or of an uncaught exception, each told once.
  void CheckHealth();
  // Ends everything with SIGTERM and fails the running test unless each process leaves with 0.
  void StopAndCheck();

 private:
  void MakeSecrets();
  void MakeSchemas();
  void StartStandins();
  void Start(const std::string& service);
  void StartProcess(const std::string& name, std::vector<std::string> words);
  std::vector<std::string> WordsFor(const std::string& service) const;
  int AwaitPort(const std::string& name);
  [[noreturn]] void Fail(const std::string& what) const;

  const StackOptions options_;
  const testing::TemporaryDirectory directory_;
  const testing::TestAuthority authority_;
  int certificate_generation_ = 0;
  const testing::TestDatabase database_;
  std::map<std::string, std::unique_ptr<ChildProcess>> processes_;
  std::map<std::string, std::size_t> errors_told_;
  std::unique_ptr<standins::ControlClient> standins_;
  int standins_port_ = 0;
  std::atomic<int> http_port_ = 0;
  int replica_http_port_ = 0;
};

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_HARNESS_STACK_H_
