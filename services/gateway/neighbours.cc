#include "services/gateway/neighbours.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/server.h"
#include "playlog/options/v1/options.pb.h"
#include "services/gateway/source_routing.h"

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
    neighbour.stub = std::make_unique<NeighbourStub>(neighbour.channel);
    result->neighbours_.emplace(name, std::move(neighbour));
    const absl::MutexLock lock(&result->mutex_);
    result->health_[name] = Health();
  }
  for (const std::string& source : SourceNames()) {
    const auto found = result->neighbours_.find(IngestServiceOf(source));
    if (found == result->neighbours_.end()) continue;
    result->sources_.emplace_back(source, found->second.stub.get());
  }
  for (const auto& route : router.routes()) {
    if (route->method == nullptr) continue;
    PLAYLOG_RETURN_IF_ERROR(result->AddService(*route));
  }
  return result;
}

absl::Status Neighbours::AddService(const Route& route) {
  const google::protobuf::ServiceDescriptor* service = route.method->service();
  const auto refuse = [&] {
    return absl::FailedPreconditionError(absl::StrCat(
        "--neighbours has no address of the service that serves ", service->full_name()));
  };
  if (route.by_source) {
    if (sources_.empty()) return refuse();
    for (const auto& [source, stub] : sources_) {
      neighbours_.at(IngestServiceOf(source)).services.insert(service->full_name());
    }
    return absl::OkStatus();
  }
  const auto found = neighbours_.find(service->options().GetExtension(options::v1::served_by));
  if (found == neighbours_.end()) return refuse();
  stubs_[service] = found->second.stub.get();
  return absl::OkStatus();
}

Neighbours::~Neighbours() {
  stop_.Raise();
  if (watcher_.joinable()) watcher_.join();
}

absl::StatusOr<std::vector<NeighbourStub*>> Neighbours::StubsOf(
    const Route& route, const google::protobuf::Message& request) const {
  using Stubs = std::vector<NeighbourStub*>;
  if (!route.by_source) return Stubs{stubs_.at(route.method->service())};
  PLAYLOG_ASSIGN_OR_RETURN(const NamedSource named, SourceOf(route, request));
  Stubs stubs;
  std::vector<std::string> names;
  for (const auto& [source, stub] : sources_) {
    if (named.name.empty() || named.name == source) stubs.push_back(stub);
    names.push_back(source);
  }
  if (!stubs.empty()) return stubs;
  if (named.field == route.job_id) return NoSuchJob();
  return InvalidField(named.field->name(),
                      absl::StrCat("one that is served here: ", absl::StrJoin(names, ", ")));
}

std::vector<std::string> Neighbours::Ailing() const {
  std::vector<std::string> ailing;
  const absl::MutexLock lock(&mutex_);
  for (const auto& [name, health] : health_) {
    // A broken connection shows before the next check does.
    const bool connected =
        neighbours_.at(name).channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
    if (!health.well || !connected) ailing.push_back(name);
  }
  return ailing;
}

std::vector<std::string> Neighbours::Degraded() const {
  std::vector<std::string> degraded;
  const absl::MutexLock lock(&mutex_);
  for (const auto& [name, health] : health_) {
    if (health.well && health.degraded) degraded.push_back(name);
  }
  return degraded;
}

void Neighbours::Watch() {
  watcher_ = std::thread([this] {
    do {
      CheckAll();
    } while (!stop_.WaitFor(kBetweenChecks));
  });
}

void Neighbours::CheckAll() {
  for (const auto& [name, neighbour] : neighbours_) {
    const Health health = Check(neighbour);
    const absl::MutexLock lock(&mutex_);
    health_[name] = health;
  }
}

Neighbours::Health Neighbours::Check(const Neighbour& neighbour) {
  Health health;
  health.well = rpc::CheckHealth(neighbour.channel, kCheckTimeout).ok();
  if (!health.well) return health;
  health.degraded = std::any_of(
      neighbour.services.begin(), neighbour.services.end(), [&](const std::string& service) {
        // A server need not say anything of its single services.
        const auto serving = rpc::IsServing(neighbour.channel, service, kCheckTimeout);
        return serving.ok() && !*serving;
      });
  return health;
}

}  // namespace playlog::gateway
