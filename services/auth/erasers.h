#ifndef PLAYLOG_SERVICES_AUTH_ERASERS_H_
#define PLAYLOG_SERVICES_AUTH_ERASERS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/rpc/call.h"

namespace grpc {
class Channel;
}

namespace playlog::auth {

// What makes the other services forget a user. Thread-safe.
class Erasers {
 public:
  virtual ~Erasers() = default;
  // Erases all that the other services hold about the user. OK only if each of them said so;
  // UNAVAILABLE if one could not be reached: then some may have erased it, and a further try
  // finishes the work.
  virtual absl::Status EraseUser(const rpc::Call& call, std::int64_t user_id) = 0;
};

// The channels to the services that hold something about users.
struct EraserChannels {
  std::shared_ptr<grpc::Channel> spotify_ingest;
  std::shared_ptr<grpc::Channel> lastfm_ingest;
  std::shared_ptr<grpc::Channel> song_store;
};

// The erasers that ask over gRPC: first the ingest services, which bring plays, then the song
// store.
std::unique_ptr<Erasers> MakeErasers(const EraserChannels& channels);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_ERASERS_H_
