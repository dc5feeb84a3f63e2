#ifndef PLAYLOG_SERVICES_GATEWAY_NEIGHBOURS_H_
#define PLAYLOG_SERVICES_GATEWAY_NEIGHBOURS_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// Splits the values of --neighbours, each `name=address`. INVALID_ARGUMENT for anything else.
absl::StatusOr<std::map<std::string, std::string>> ParseNeighbours(
    const std::vector<std::string>& values);

// The services behind the gateway: one channel to each, who serves which route, and who is well.
// Thread-safe once made.
class Neighbours {
 public:
  using Connect = std::function<std::shared_ptr<grpc::Channel>(const std::string& name,
                                                               const std::string& address)>;

  // FAILED_PRECONDITION, naming the service, where a route's service says in its proto
  // (`served_by`) no neighbour whose address is known.
  static absl::StatusOr<std::unique_ptr<Neighbours>> Create(
      const std::map<std::string, std::string>& addresses, const Router& router,
      const Connect& connect);
  ~Neighbours();

  // The stub that calls of the route's RPC go through.
  grpc::GenericStub& StubOf(const Route& route) const;

  // The names of the neighbours to which the connection is broken now, or that did not answer the
  // last health check, which is at most some two seconds old.
  std::vector<std::string> Ailing() const;

  // Starts to ask for the neighbours' health every second.
  void Watch();

 private:
  struct Neighbour {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<grpc::GenericStub> stub;
  };

  Neighbours() = default;
  void CheckAll();

  std::map<std::string, Neighbour> neighbours_;
  std::map<const google::protobuf::ServiceDescriptor*, grpc::GenericStub*> stubs_;
  mutable absl::Mutex mutex_;
  std::map<std::string, bool> well_ ABSL_GUARDED_BY(mutex_);
  absl::Notification stop_;
  std::thread watcher_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_NEIGHBOURS_H_
