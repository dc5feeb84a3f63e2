#ifndef PLAYLOG_COMMON_INGEST_SONG_STORE_CLIENT_H_
#define PLAYLOG_COMMON_INGEST_SONG_STORE_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "common/ingest/neighbours.h"

namespace grpc {
class ChannelInterface;
}

namespace playlog::ingest {

// Splits plays, in their order, into requests that the song store takes: at most 1,000 plays and
// less than 1 MiB each. No plays make no request.
std::vector<songs::v1::UpsertSongsRequest> MakeBatches(std::int64_t user_id,
                                                       songs::v1::Source source,
                                                       std::string_view origin,
                                                       const std::vector<songs::v1::Play>& plays);

// Makes the PlaySink that hands plays of one source to the song store. A batch takes at most 3 s.
std::unique_ptr<PlaySink> MakeSongStoreClient(
    const std::shared_ptr<grpc::ChannelInterface>& song_store, songs::v1::Source source);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SONG_STORE_CLIENT_H_
