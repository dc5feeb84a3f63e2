#ifndef PLAYLOG_COMMON_RPC_SERVER_H_
#define PLAYLOG_COMMON_RPC_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace grpc {
class Server;
}

namespace playlog::rpc {

struct ServerOptions {
  // `unix:/path` or host:port; port 0 takes any free one.
  std::string address;
  std::string tls_directory;
  bool reflection = false;
};

// A gRPC server with mutual TLS, health and our limits.
class Server {
 public:
  // Starts to serve. FAILED_PRECONDITION says what is wrong: the certificates, a taken address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const std::vector<grpc::Service*>& services);
  ~Server();

  // The port, or 0 for a Unix socket.
  int port() const { return port_; }

  // Sets the health of one gRPC service, named as in `playlog.ingest.v1.SyncService`, beside that
  // of the whole server, which it leaves as it is. Not known to health checks before. Thread-safe.
  void SetServing(const std::string& service, bool serving);

  // Takes no more calls, says so to health checks, lets those in flight end for at most
  // `drain_max`, then cancels the rest and waits for their handlers.
  void Drain(absl::Duration drain_max);

 private:
  Server() = default;

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// Asks a server for its health; an error if it does not say SERVING within `timeout`. Blocks. The
// second one connects anew, so that it also finds a server that accepts no connections any more.
absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, absl::Duration timeout);
absl::Status CheckHealth(const std::string& service, const std::string& address,
                         const std::string& tls_directory, absl::Duration timeout);

// Asks a server whether one gRPC service of its, as in `playlog.ingest.v1.SyncService`, is serving.
// NOT_FOUND if the server has not said so or otherwise with SetServing. Blocks for at most
// `timeout`.
absl::StatusOr<bool> IsServing(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& service, absl::Duration timeout);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_SERVER_H_
