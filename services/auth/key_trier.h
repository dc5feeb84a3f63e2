#ifndef PLAYLOG_SERVICES_AUTH_KEY_TRIER_H_
#define PLAYLOG_SERVICES_AUTH_KEY_TRIER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "playlog/songs/v1/song.pb.h"

namespace grpc {
class Channel;
}

namespace playlog::auth {

// Tries stored keys at their services. Thread-safe.
class KeyTrier {
 public:
  // How long one try takes at most.
  static constexpr absl::Duration kTime = absl::Seconds(2);
  // Keys that are tried at once; a further one is not tried, rather than wait.
  static constexpr int kAtOnceMax = 8;

  virtual ~KeyTrier() = default;

  // Returns whether the service takes the key that the user has stored for it; nothing if that
  // could not be found out in time. Blocks.
  virtual std::optional<bool> Try(const rpc::Call& call, std::int64_t user_id,
                                  songs::v1::Source service) = 0;
};

// The channels to the services that know how to try a key.
struct KeyTrierChannels {
  std::shared_ptr<grpc::Channel> spotify_ingest;
  std::shared_ptr<grpc::Channel> lastfm_ingest;
};

// The trier that asks the ingest services over gRPC.
std::unique_ptr<KeyTrier> MakeKeyTrier(const KeyTrierChannels& channels);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_TRIER_H_
