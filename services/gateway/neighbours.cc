#include "services/gateway/neighbours.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/server.h"
#include "playlog/options/v1/options.pb.h"

namespace playlog::gateway {
namespace {

constexpr absl::Duration kBetweenChecks = absl::Seconds(1);
constexpr absl::Duration kCheckTimeout = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ParseNeighbours(
    const std::vector<std::string>& values) {
  std::map<std::string, std::string> addresses;
  for (const std::string& value : values) {
    const std::size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == value.size() ||
        !addresses.emplace(value.substr(0, equals), value.substr(equals + 1)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--neighbours must be a list of name=address, each once: ", value));
    }
  }
  return addresses;
}

absl::StatusOr<std::unique_ptr<Neighbours>> Neighbours::Create(
    const std::map<std::string, std::string>& addresses, const Router& router,
    const Connect& connect) {
  std::unique_ptr<Neighbours> result(new Neighbours);
  for (const auto& [name, address] : addresses) {
    Neighbour neighbour;
    neighbour.channel = connect(name, address);
    neighbour.stub = std::make_unique<grpc::GenericStub>(neighbour.channel);
    result->neighbours_.emplace(name, std::move(neighbour));
    const absl::MutexLock lock(&result->mutex_);
    result->well_[name] = false;
  }
  for (const auto& route : router.routes()) {
    if (route->method == nullptr) continue;
    const google::protobuf::ServiceDescriptor* service = route->method->service();
    const auto found =
        result->neighbours_.find(service->options().GetExtension(options::v1::served_by));
    if (found == result->neighbours_.end()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "--neighbours has no address of the service that serves ", service->full_name()));
    }
    result->stubs_[service] = found->second.stub.get();
  }
  return result;
}

Neighbours::~Neighbours() {
  stop_.Notify();
  if (watcher_.joinable()) watcher_.join();
}

grpc::GenericStub& Neighbours::StubOf(const Route& route) const {
  return *stubs_.at(route.method->service());
}

std::vector<std::string> Neighbours::Ailing() const {
  std::vector<std::string> ailing;
  const absl::MutexLock lock(&mutex_);
  for (const auto& [name, well] : well_) {
    // A broken connection shows before the next check does.
    const bool connected =
        neighbours_.at(name).channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
    if (!well || !connected) ailing.push_back(name);
  }
  return ailing;
}

void Neighbours::Watch() {
  watcher_ = std::thread([this] {
    do {
      CheckAll();
    } while (!stop_.WaitForNotificationWithTimeout(kBetweenChecks));
  });
}

void Neighbours::CheckAll() {
  for (const auto& [name, neighbour] : neighbours_) {
    const bool well = rpc::CheckHealth(neighbour.channel, kCheckTimeout).ok();
    const absl::MutexLock lock(&mutex_);
    well_[name] = well;
  }
}

}  // namespace playlog::gateway
