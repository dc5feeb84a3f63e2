#include "common/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/deadline.h"
#include "common/rpc/limits.h"
#include "common/rpc/status.h"
#include "grpc/health/v1/health.pb.h"

namespace playlog::rpc {
namespace {

// Enough for 64 messages in flight both ways, and a bound on what a hostile neighbour can take
// (reliability.md F4).
constexpr std::size_t kMemoryBytesMax = 256u << 20;

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  // gRPC would let a second process listen on the same port and split the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 256);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 3'600'000);
  grpc::ResourceQuota quota("server");
  quota.Resize(kMemoryBytesMax);
  builder.SetResourceQuota(quota);
}

// gRPC would take a Unix socket away from the process that serves there: it unlinks whatever has
// the path. A socket that a killed process left behind answers no connection and may go.
absl::Status CheckSocketIsFree(const std::string& address) {
  constexpr std::string_view kPrefix = "unix:";
  if (!address.starts_with(kPrefix)) return absl::OkStatus();
  const std::string path = address.substr(kPrefix.size());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) {
    return absl::FailedPreconditionError(absl::StrCat("the path of ", address, " is too long"));
  }
  path.copy(name.sun_path, path.size());
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool taken = connect(probe, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
  close(probe);
  if (!taken) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot listen at ", address, ": another process serves there"));
}

// gRPC's own health service comes without a generated stub, so it is called by name.
grpc::Status AskHealth(grpc::GenericStub& stub, grpc::ClientContext& context,
                       const grpc::health::v1::HealthCheckRequest& question,
                       grpc::health::v1::HealthCheckResponse& answer) {
  grpc::CompletionQueue queue;
  const grpc::Slice question_bytes(question.SerializeAsString());
  const grpc::ByteBuffer request(&question_bytes, 1);
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  grpc::ByteBuffer response;
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice slice;
  if (status.ok() && response.DumpToSingleSlice(&slice).ok()) {
    answer.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  }
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      const std::vector<grpc::Service*>& services) {
  PLAYLOG_RETURN_IF_ERROR(CheckTlsDirectory(options.tls_directory));
  PLAYLOG_RETURN_IF_ERROR(CheckSocketIsFree(options.address));
  grpc::EnableDefaultHealthCheckService(true);
  if (options.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(builder);
  std::unique_ptr<Server> server(new Server);
  builder.AddListeningPort(options.address, MakeServerCredentials(options.tls_directory),
                           &server->port_);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen at ", options.address, ": is it taken?"));
  }
  if (options.address.starts_with("unix:")) server->port_ = 0;
  return server;
}

Server::~Server() {
  if (server_ != nullptr) Drain(absl::ZeroDuration());
}

void Server::Drain(absl::Duration drain_max) {
  server_->GetHealthCheckService()->SetServingStatus(false);
  server_->Shutdown(ToGrpcDeadline(absl::Now() + drain_max));
  server_.reset();
}

void Server::SetServing(const std::string& service, bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(service, serving);
}

absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, absl::Duration timeout) {
  // An empty name asks about the whole server.
  PLAYLOG_ASSIGN_OR_RETURN(const bool serving, IsServing(channel, "", timeout));
  return serving ? absl::OkStatus() : absl::UnavailableError("not serving");
}

absl::Status CheckHealth(const std::string& service, const std::string& address,
                         const std::string& tls_directory, absl::Duration timeout) {
  return CheckHealth(Connect(service, address, tls_directory), timeout);
}

absl::StatusOr<bool> IsServing(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& service, absl::Duration timeout) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(ToGrpcDeadline(absl::Now() + timeout));
  grpc::health::v1::HealthCheckRequest question;
  question.set_service(service);
  grpc::health::v1::HealthCheckResponse answer;
  const grpc::Status status = AskHealth(stub, context, question, answer);
  if (!status.ok()) return FromGrpc(status);
  return answer.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

}  // namespace playlog::rpc
