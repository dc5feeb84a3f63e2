#ifndef PLAYLOG_COMMON_INGEST_NEIGHBOURS_H_
#define PLAYLOG_COMMON_INGEST_NEIGHBOURS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ingest/source.h"
#include "common/rpc/call.h"
#include "playlog/songs/v1/song_store_service.pb.h"

// What an ingest service needs of its neighbours.
namespace playlog::ingest {

// Opens users' keys. Thread-safe.
class KeyVault {
 public:
  virtual ~KeyVault() = default;
  // NOT_FOUND if the user has stored no key for the source.
  virtual absl::StatusOr<Credential> Open(const rpc::Call& call, std::int64_t user_id) = 0;
};

// Takes plays in. Thread-safe.
class PlaySink {
 public:
  virtual ~PlaySink() = default;
  // Stores the plays, each once. After an error some of them may be stored; storing them again
  // does no harm.
  virtual absl::Status Store(const rpc::Call& call, std::int64_t user_id,
                             const std::vector<songs::v1::Play>& plays) = 0;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_NEIGHBOURS_H_
