#include "tests/end_to_end/rpc_caller.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status.h"
#include "tests/harness/child_process.h"

namespace playlog::harness {
namespace {

constexpr int kPartsMax = 100;
constexpr absl::Duration kCallTime = absl::Seconds(20);

std::shared_ptr<grpc::ChannelCredentials> CredentialsFrom(const std::string& tls_directory) {
  if (tls_directory.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ReadFile(tls_directory + "/ca.pem");
  options.pem_cert_chain = ReadFile(tls_directory + "/cert.pem");
  options.pem_private_key = ReadFile(tls_directory + "/key.pem");
  return grpc::SslCredentials(options);
}

// One call, whose steps are waited for one after another.
class GenericCall {
 public:
  GenericCall(grpc::GenericStub& stub, const std::string& method, const std::string& token) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kCallTime));
    if (!token.empty()) {
      rpc::AddMetadata(context_, rpc::kAuthorizationKey, absl::StrCat("Bearer ", token));
    }
    stream_ = stub.PrepareCall(&context_, method, &queue_);
  }

  grpc::Status Run(const std::string& request) {
    const grpc::Slice slice(request);
    const grpc::ByteBuffer buffer(&slice, 1);
    stream_->StartCall(this);
    if (Wait()) {
      stream_->WriteLast(buffer, grpc::WriteOptions(), this);
      Wait();
      ReadParts();
    }
    grpc::Status status;
    stream_->Finish(&status, this);
    Wait();
    queue_.Shutdown();
    return status;
  }

 private:
  void ReadParts() {
    grpc::ByteBuffer part;
    for (int parts = 0; parts < kPartsMax; ++parts) {
      stream_->Read(&part, this);
      if (!Wait()) return;
    }
    context_.TryCancel();
  }

  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

}  // namespace

RpcCaller::RpcCaller(const std::string& server, const std::string& address,
                     const std::string& tls_directory) {
  grpc::ChannelArguments arguments;
  if (!tls_directory.empty()) arguments.SetSslTargetNameOverride(rpc::DnsNameOf(server));
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A refused connection is tried again for each call, so that each cell is one of its own.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1);
  channel_ = grpc::CreateCustomChannel(address, CredentialsFrom(tls_directory), arguments);
}

absl::Status RpcCaller::Call(const std::string& method, const std::string& request,
                             const std::string& token) const {
  grpc::GenericStub stub(channel_);
  return rpc::FromGrpc(GenericCall(stub, method, token).Run(request));
}

}  // namespace playlog::harness
