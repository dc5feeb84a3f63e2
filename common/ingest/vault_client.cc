#include "common/ingest/vault_client.h"

#include <google/protobuf/util/time_util.h>

#include <string>
#include <utility>

#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"

namespace playlog::ingest {
namespace {

using auth::v1::KeyVaultService;

constexpr absl::Duration kTimeout = absl::Seconds(2);
// A fetch waits for no longer than this to tell how the key fared.
constexpr absl::Duration kReportTimeout = absl::Milliseconds(500);

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixMicros(google::protobuf::util::TimeUtil::TimestampToMicroseconds(time));
}

auth::v1::KeyOutcome OutcomeOf(KeyUse use) {
  switch (use) {
    case KeyUse::kAccepted:
      return auth::v1::KEY_OUTCOME_ACCEPTED;
    case KeyUse::kRejected:
      return auth::v1::KEY_OUTCOME_REJECTED;
    case KeyUse::kGrantRejected:
      return auth::v1::KEY_OUTCOME_GRANT_REJECTED;
  }
  return auth::v1::KEY_OUTCOME_UNSPECIFIED;
}

Credential CredentialOf(auth::v1::OpenKeyResponse& response) {
  Credential credential{
      .key = Secret(std::move(*response.mutable_api_key())),
      .account = response.service_user_id(),
      .version = response.version(),
      .refresh_token = Secret(std::move(*response.mutable_refresh_token())),
      .previous_refresh_token = Secret(std::move(*response.mutable_previous_refresh_token()))};
  if (response.has_expires_at()) credential.expires_at = FromProto(response.expires_at());
  if (response.has_last_success_at()) {
    credential.last_success_at = FromProto(response.last_success_at());
  }
  credential.known_good = response.state() == auth::v1::KEY_STATE_OK ||
                          response.state() == auth::v1::KEY_STATE_EXPIRING;
  return credential;
}

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
    return CredentialOf(response);
  }

  absl::StatusOr<std::int64_t> SaveTokens(const rpc::Call& call, std::int64_t user_id,
                                          std::int64_t expected_version,
                                          const Tokens& tokens) override {
    auth::v1::SaveTokensRequest request;
    request.set_user_id(user_id);
    request.set_service_name(source_);
    request.set_expected_version(expected_version);
    request.set_access_token(std::string(tokens.key.Reveal()));
    request.set_refresh_token(std::string(tokens.refresh_token.Reveal()));
    request.set_previous_refresh_token(std::string(tokens.previous_refresh_token.Reveal()));
    *request.mutable_expires_at() = ToProto(tokens.expires_at);
    PLAYLOG_ASSIGN_OR_RETURN(
        const auth::v1::SaveTokensResponse response,
        rpc::Invoke(*stub_, &KeyVaultService::Stub::SaveTokens, call, request, kTimeout));
    return response.version();
  }

  absl::Status ReportUse(const rpc::Call& call, std::int64_t user_id, std::int64_t version,
                         KeyUse use) override {
    auth::v1::ReportKeyUseRequest request;
    request.set_user_id(user_id);
    request.set_service_name(source_);
    request.set_version(version);
    request.set_outcome(OutcomeOf(use));
    return rpc::Invoke(*stub_, &KeyVaultService::Stub::ReportKeyUse, call, request, kReportTimeout)
        .status();
  }

  absl::StatusOr<std::vector<ListedKey>> List(const rpc::Call& call, std::int64_t after_user_id,
                                              int limit) override {
    auth::v1::ListKeysRequest request;
    request.set_service_name(source_);
    request.set_after_user_id(after_user_id);
    request.set_limit(limit);
    PLAYLOG_ASSIGN_OR_RETURN(
        const auth::v1::ListKeysResponse response,
        rpc::Invoke(*stub_, &KeyVaultService::Stub::ListKeys, call, request, kTimeout));
    std::vector<ListedKey> keys;
    for (const auth::v1::StoredKey& key : response.keys()) {
      keys.push_back({.user_id = key.user_id(), .version = key.version(), .state = key.state()});
    }
    return keys;
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
