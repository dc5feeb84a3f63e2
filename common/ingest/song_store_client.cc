#include "common/ingest/song_store_client.h"

#include <algorithm>
#include <cstddef>
#include <future>
#include <span>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/jwt/jwt.h"
#include "common/rpc/client.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::ingest {
namespace {

using songs::v1::SongStoreService;
using songs::v1::UpsertSongsRequest;
using songs::v1::UpsertSongsResponse;

constexpr absl::Duration kTimeout = absl::Seconds(3);
constexpr int kMaxBatchPlays = 1000;
// While one batch is in the database, the next is written, read and checked: the whole past of a
// listener is stored a third faster than one after the other.
constexpr std::size_t kBatchesAtOnce = 2;
// Leaves room for the few bytes around the plays.
constexpr std::size_t kMaxBatchBytes = (1 << 20) - 4096;
// A play costs its own bytes and at most this much of tag and length.
constexpr std::size_t kPlayOverhead = 8;

class SongStoreClient final : public PlaySink {
 public:
  SongStoreClient(const std::shared_ptr<grpc::ChannelInterface>& channel, songs::v1::Source source)
      : stub_(SongStoreService::NewStub(channel)), source_(source) {}

  absl::StatusOr<StoreCounts> Store(const rpc::Call& call, std::int64_t user_id,
                                    std::string_view origin,
                                    const std::vector<songs::v1::Play>& plays) override {
    const std::vector<UpsertSongsRequest> batches = MakeBatches(user_id, source_, origin, plays);
    StoreCounts counts;
    for (std::size_t i = 0; i < batches.size(); i += kBatchesAtOnce) {
      PLAYLOG_RETURN_IF_ERROR(StoreSome(
          call, std::span(batches).subspan(i, std::min(kBatchesAtOnce, batches.size() - i)),
          counts));
    }
    return counts;
  }

  absl::StatusOr<std::int64_t> Count(const rpc::Call& call, std::int64_t user_id,
                                     const Span& span) override {
    songs::v1::CountSongsRequest request;
    request.set_user_id(user_id);
    request.set_source(source_);
    if (span.from != absl::InfinitePast()) {
      request.mutable_from()->set_seconds(absl::ToUnixSeconds(span.from));
    }
    // A span has its last second in it.
    if (span.to != absl::InfiniteFuture()) {
      request.mutable_until()->set_seconds(absl::ToUnixSeconds(span.to) + 1);
    }
    PLAYLOG_ASSIGN_OR_RETURN(
        const songs::v1::CountSongsResponse response,
        rpc::Invoke(*stub_, &SongStoreService::Stub::CountSongs, call, request, kTimeout));
    return response.count();
  }

 private:
  // Stores batches side by side, and adds up what came of them unless one failed.
  absl::Status StoreSome(const rpc::Call& call, std::span<const UpsertSongsRequest> batches,
                         StoreCounts& counts) {
    std::vector<std::future<absl::StatusOr<UpsertSongsResponse>>> others;
    for (const UpsertSongsRequest& batch : batches.subspan(1)) {
      others.push_back(
          std::async(std::launch::async, [this, &call, &batch] { return StoreOne(call, batch); }));
    }
    std::vector<absl::StatusOr<UpsertSongsResponse>> answers;
    answers.push_back(StoreOne(call, batches.front()));
    for (auto& other : others) answers.push_back(other.get());
    for (const absl::StatusOr<UpsertSongsResponse>& answer : answers) {
      PLAYLOG_RETURN_IF_ERROR(answer.status());
      counts.inserted += answer->inserted();
      counts.updated += answer->updated();
      counts.unchanged += answer->unchanged();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<UpsertSongsResponse> StoreOne(const rpc::Call& call,
                                               const UpsertSongsRequest& batch) {
    auto answer = rpc::Invoke(*stub_, &SongStoreService::Stub::UpsertSongs, call, batch, kTimeout);
    const absl::Status& status = answer.status();
    if (absl::IsInvalidArgument(status)) {
      // The plays were checked here, so a refusal is a bug of ours and not the client's.
      return InternalError(absl::StrCat("the song store refused a batch: ", status.message()));
    }
    // The user was deleted while its plays were fetched, and its token ended with it.
    if (absl::IsNotFound(status)) return jwt::InvalidTokenError();
    return answer;
  }

  const std::unique_ptr<SongStoreService::Stub> stub_;
  const songs::v1::Source source_;
};

}  // namespace

std::vector<songs::v1::UpsertSongsRequest> MakeBatches(std::int64_t user_id,
                                                       songs::v1::Source source,
                                                       std::string_view origin,
                                                       const std::vector<songs::v1::Play>& plays) {
  std::vector<songs::v1::UpsertSongsRequest> batches;
  std::size_t bytes = 0;
  for (const songs::v1::Play& play : plays) {
    const std::size_t size = play.ByteSizeLong() + kPlayOverhead;
    if (batches.empty() || batches.back().plays_size() == kMaxBatchPlays ||
        bytes + size > kMaxBatchBytes) {
      songs::v1::UpsertSongsRequest& batch = batches.emplace_back();
      batch.set_user_id(user_id);
      batch.set_source(source);
      batch.set_origin(origin.data(), origin.size());
      bytes = 0;
    }
    *batches.back().add_plays() = play;
    bytes += size;
  }
  return batches;
}

std::unique_ptr<PlaySink> MakeSongStoreClient(
    const std::shared_ptr<grpc::ChannelInterface>& song_store, songs::v1::Source source) {
  return std::make_unique<SongStoreClient>(song_store, source);
}

}  // namespace playlog::ingest
