#ifndef PLAYLOG_COMMON_RPC_PROCESS_H_
#define PLAYLOG_COMMON_RPC_PROCESS_H_

#include <grpcpp/channel.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/metrics.h"
#include "common/base/secret.h"
#include "common/rpc/revocation_view.h"
#include "common/rpc/token_verifier.h"

ABSL_DECLARE_FLAG(std::string, listen_address);
ABSL_DECLARE_FLAG(std::string, tls_directory);
ABSL_DECLARE_FLAG(std::string, database_url_file);
ABSL_DECLARE_FLAG(std::string, auth_address);
ABSL_DECLARE_FLAG(bool, self_check);

namespace playlog::rpc {

class Dispatcher;
class Server;

// What every program of ours does first and last. The first line of main():
//   playlog::rpc::Process process("song_store", argc, argv);
// It blocks SIGTERM and SIGINT before any library starts a thread, reads the flags (and for each
// flag not on the command line the environment variable PLAYLOG_<NAME>), forbids core dumps, starts
// the log, checks the certificates and opens the page of metrics. A flag or a variable that it does
// not know or cannot read ends the process with 78 and one line. With --self_check it instead asks
// the running server at --listen_address for its health and exits with 0 or 1.
class Process {
 public:
  Process(const std::string& service, int argc, char** argv);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& service() const { return service_; }

  // Ends the process with one line on standard error unless the status is OK: with 78 for a
  // configuration that cannot work (FAILED_PRECONDITION, INVALID_ARGUMENT), else with 1.
  void Require(const absl::Status& status);
  template <class T>
  T Require(absl::StatusOr<T> value) {
    Require(value.status());
    return *std::move(value);
  }

  // Reads the secret file that a flag, given by its name, leads to; ends the process with 78 and a
  // line that names the flag if that cannot be done.
  Secret ReadSecret(const std::string& flag);

  // The channel to a neighbour whose address a flag gave.
  std::shared_ptr<grpc::Channel> Connect(const std::string& neighbour, const std::string& address);

  // Verifies users' tokens with the keys and the revocations of the auth service at --auth_address.
  CachingTokenVerifier& token_verifier();

  // Says whether one gRPC service, named as in `playlog.ingest.v1.SyncService`, does what it is
  // for, while the process as a whole is well: `false` makes the gateway's /readyz tell that it is
  // degraded. Nothing is said of a service that was never set. Thread-safe, before Serve too.
  void SetServing(const std::string& service, bool serving);

  // What to do as soon as the process is told to stop, before it drains: not to begin anything new.
  // Before Serve.
  void AtStop(std::function<void()> stop) { at_stop_.push_back(std::move(stop)); }

  // Serves until SIGTERM or SIGINT, drains, and returns main()'s result. `dispatchers` are all that
  // serve streams: they are told that the process leaves. A second signal while it drains ends the
  // process at once. A server that no longer answers its own health check ends the
  // process, so that the supervisor starts a new one (gRPC 1.51 may stop accepting for ever,
  // CVE-2023-4785).
  int Serve(const std::vector<grpc::Service*>& services,
            const std::vector<Dispatcher*>& dispatchers);

  // Waits for SIGTERM or SIGINT; after it, a second one ends the process at once.
  void WaitForStop();

 private:
  void SetHealthOf(Server* server);

  const std::string service_;
  std::unique_ptr<MetricsPage> metrics_;
  std::unique_ptr<RevocationView> revocations_;
  std::unique_ptr<CachingTokenVerifier> verifier_;
  std::vector<std::function<void()>> at_stop_;
  absl::Mutex serving_mutex_;
  std::map<std::string, bool> serving_ ABSL_GUARDED_BY(serving_mutex_);
  // While it serves.
  Server* server_ ABSL_GUARDED_BY(serving_mutex_) = nullptr;
};

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_PROCESS_H_
