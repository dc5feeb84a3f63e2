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
  // Erases all that the other services hold about the user, and lets them refuse what still comes.
  // Tells each of them, whatever the others say, and is OK only if each has done it; after an error
  // a further try finishes the work. Takes 14 s at most.
  virtual absl::Status EraseUser(const rpc::Call& call, std::int64_t user_id) = 0;
};

// The channels to the services that hold something about users.
struct EraserChannels {
  std::shared_ptr<grpc::Channel> spotify_ingest;
  std::shared_ptr<grpc::Channel> lastfm_ingest;
  std::shared_ptr<grpc::Channel> song_store;
};

// The erasers that ask over gRPC.
std::unique_ptr<Erasers> MakeErasers(const EraserChannels& channels);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_ERASERS_H_
