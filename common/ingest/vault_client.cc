#include "common/ingest/vault_client.h"

#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"

namespace playlog::ingest {
namespace {

using auth::v1::KeyVaultService;

constexpr absl::Duration kTimeout = absl::Seconds(2);

class VaultClient final : public KeyVault {
 public:
  VaultClient(const std::shared_ptr<grpc::ChannelInterface>& channel, songs::v1::Source source)
      : stub_(KeyVaultService::NewStub(channel)), source_(source) {}

  absl::StatusOr<Credential> Open(const rpc::Call& call, std::int64_t user_id) override {
    auth::v1::OpenKeyRequest request;
    request.set_user_id(user_id);
    request.set_service_name(source_);
    PLAYLOG_ASSIGN_OR_RETURN(
        auth::v1::OpenKeyResponse response,
        rpc::Invoke(*stub_, &KeyVaultService::Stub::OpenKey, call, request, kTimeout));
    return Credential{.key = Secret(std::move(*response.mutable_api_key())),
                      .account = response.service_user_id(),
                      .version = response.version()};
  }

 private:
  const std::unique_ptr<KeyVaultService::Stub> stub_;
  const songs::v1::Source source_;
};

}  // namespace

std::unique_ptr<KeyVault> MakeVaultClient(const std::shared_ptr<grpc::ChannelInterface>& auth,
                                          songs::v1::Source source) {
  return std::make_unique<VaultClient>(auth, source);
}

}  // namespace playlog::ingest
