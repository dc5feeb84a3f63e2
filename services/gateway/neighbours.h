#ifndef PLAYLOG_SERVICES_GATEWAY_NEIGHBOURS_H_
#define PLAYLOG_SERVICES_GATEWAY_NEIGHBOURS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/wake_signal.h"
#include "services/gateway/neighbour_stub.h"
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
  // (`served_by`, `served_by_sources`) no neighbour whose address is known.
  static absl::StatusOr<std::unique_ptr<Neighbours>> Create(
      const std::map<std::string, std::string>& addresses, const Router& router,
      const Connect& connect);
  ~Neighbours();

  // The stubs that a call of the route's RPC goes through: one; or, where the request may be about
  // any source and names none, those of all sources in the order of the enum. An error that names
  // the field for a source without a neighbour; NOT_FOUND for a job that none of them can have.
  absl::StatusOr<std::vector<NeighbourStub*>> StubsOf(
      const Route& route, const google::protobuf::Message& request) const;

  // The names of the neighbours to which the connection is broken now, or that did not answer the
  // last health check, which is at most some two seconds old.
  std::vector<std::string> Ailing() const;

  // The names of the neighbours that answer, but said in the last health check that one of the
  // services that they serve as the service of a source does not do what it is for.
  std::vector<std::string> Degraded() const;

  // Starts to ask for the neighbours' health every second.
  void Watch();

 private:
  struct Neighbour {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<NeighbourStub> stub;
    // The gRPC services that it serves as the service of a source.
    std::set<std::string> services;
  };
  struct Health {
    bool well = false;
    bool degraded = false;
  };

  Neighbours() = default;
  absl::Status AddService(const Route& route);
  void CheckAll();
  static Health Check(const Neighbour& neighbour);

  std::map<std::string, Neighbour> neighbours_;
  std::map<const google::protobuf::ServiceDescriptor*, NeighbourStub*> stubs_;
  // Of the sources that have a neighbour: their names and its stub, in the order of the enum.
  std::vector<std::pair<std::string, NeighbourStub*>> sources_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Health> health_ ABSL_GUARDED_BY(mutex_);
  WakeSignal stop_;
  std::thread watcher_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_NEIGHBOURS_H_
