#include "services/auth/key_trier.h"

#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/rpc/client.h"
#include "playlog/ingest/v1/ingest_service.grpc.pb.h"

namespace playlog::auth {
namespace {

using Stub = ingest::v1::IngestService::Stub;

class GrpcKeyTrier final : public KeyTrier {
 public:
  explicit GrpcKeyTrier(const KeyTrierChannels& channels)
      : spotify_(ingest::v1::IngestService::NewStub(channels.spotify_ingest)),
        lastfm_(ingest::v1::IngestService::NewStub(channels.lastfm_ingest)) {}

  std::optional<bool> Try(const rpc::Call& call, std::int64_t user_id,
                          songs::v1::Source service) override {
    const absl::Cleanup leave = [this] { --trying_; };
    if (++trying_ > kAtOnceMax) return std::nullopt;
    rpc::Call trial;
    trial.deadline = call.deadline;
    trial.request_id = call.request_id;
    ingest::v1::TryKeyRequest request;
    request.set_user_id(user_id);
    const auto response = rpc::Invoke(StubOf(service), &Stub::TryKey, trial, request, kTime);
    if (!response.ok()) {
      Log(Severity::kWarning, "key_not_tried",
          {{"request_id", call.request_id}, {"code", NameOf(CodeOf(response.status()))}});
      return std::nullopt;
    }
    return response->has_accepted() ? std::optional<bool>(response->accepted()) : std::nullopt;
  }

 private:
  Stub& StubOf(songs::v1::Source service) const {
    return service == songs::v1::SOURCE_SPOTIFY ? *spotify_ : *lastfm_;
  }

  std::unique_ptr<Stub> spotify_;
  std::unique_ptr<Stub> lastfm_;
  std::atomic<int> trying_ = 0;
};

}  // namespace

std::unique_ptr<KeyTrier> MakeKeyTrier(const KeyTrierChannels& channels) {
  return std::make_unique<GrpcKeyTrier>(channels);
}

}  // namespace playlog::auth
