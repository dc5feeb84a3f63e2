#include "services/song_store/service.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/rpc/row_export_stream.h"
#include "services/song_store/plays.h"
#include "services/song_store/song_stream.h"

namespace playlog::song_store {
namespace {

using google::protobuf::util::TimeUtil;
using songs::v1::CountSongsRequest;
using songs::v1::CountSongsResponse;
using songs::v1::EraseSongsRequest;
using songs::v1::EraseSongsResponse;
using songs::v1::ExportSongsRequest;
using songs::v1::ExportSongsResponse;
using songs::v1::GetStoredSongsRequest;
using songs::v1::UpsertSongsRequest;
using songs::v1::UpsertSongsResponse;

constexpr int kPageSizeMax = 1000;
constexpr int kPageSizeDefault = 50;
constexpr int kEraseRun = 2000;
constexpr absl::Duration kCountTimeout = absl::Seconds(1);

// Reads a time that may be unset into `time`; false if it is no time that the store can hold.
bool ReadTime(bool is_set, const google::protobuf::Timestamp& given,
              std::optional<absl::Time>& time) {
  if (!is_set) return true;
  if (given.seconds() < TimeUtil::kTimestampMinSeconds ||
      given.seconds() > TimeUtil::kTimestampMaxSeconds || given.nanos() < 0 ||
      given.nanos() >= 1'000'000'000) {
    return false;
  }
  time = absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(given));
  return true;
}

}  // namespace

grpc::ServerUnaryReactor* SongStoreService::UpsertSongs(grpc::CallbackServerContext* context,
                                                        const UpsertSongsRequest* request,
                                                        UpsertSongsResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const UpsertSongsRequest& r) { return UpsertSongs(call, r); });
}

grpc::ServerUnaryReactor* SongStoreService::CountSongs(grpc::CallbackServerContext* context,
                                                       const CountSongsRequest* request,
                                                       CountSongsResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const CountSongsRequest& r) { return CountSongs(call, r); });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* SongStoreService::GetStoredSongs(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  return dispatcher_.ServeBytes<GetStoredSongsRequest>(
      context, request,
      [this](rpc::Call& call, const GetStoredSongsRequest& r) { return GetStoredSongs(call, r); });
}

grpc::ServerWriteReactor<ExportSongsResponse>* SongStoreService::ExportSongs(
    grpc::CallbackServerContext* context, const ExportSongsRequest* request) {
  return dispatcher_.Serve<ExportSongsResponse>(
      context, request,
      [this](rpc::Call& call, const ExportSongsRequest& r) { return ExportSongs(call, r); });
}

grpc::ServerUnaryReactor* SongStoreService::EraseSongs(grpc::CallbackServerContext* context,
                                                       const EraseSongsRequest* request,
                                                       EraseSongsResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const EraseSongsRequest& r) { return EraseSongs(call, r); });
}

absl::StatusOr<UpsertSongsResponse> SongStoreService::UpsertSongs(
    rpc::Call& call, const UpsertSongsRequest& request) {
  PLAYLOG_CRASH_POINT("batch_received");
  ++upserts_;
  PLAYLOG_ASSIGN_OR_RETURN(const Batch batch, MakeBatch(request));
  PLAYLOG_ASSIGN_OR_RETURN(const UpsertCounts counts, store_.Upsert(batch, call.deadline));
  PLAYLOG_CRASH_POINT("batch_committed");
  UpsertSongsResponse response;
  response.set_inserted(counts.inserted);
  response.set_updated(counts.updated);
  response.set_unchanged(counts.unchanged);
  return response;
}

absl::StatusOr<CountSongsResponse> SongStoreService::CountSongs(rpc::Call& call,
                                                                const CountSongsRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  if (!IsSource(request.source())) return InvalidField("source", "spotify or lastfm");
  CountQuery query{.user_id = request.user_id(), .source = request.source()};
  if (!ReadTime(request.has_from(), request.from(), query.from)) {
    return InvalidField("from", "a time in the years 1 to 9999");
  }
  if (!ReadTime(request.has_until(), request.until(), query.until)) {
    return InvalidField("until", "a time in the years 1 to 9999");
  }
  CountSongsResponse response;
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::int64_t count,
      store_.Count(query, std::min(call.deadline, absl::Now() + kCountTimeout)));
  response.set_count(count);
  return response;
}

absl::StatusOr<std::unique_ptr<rpc::Stream<grpc::ByteBuffer>>> SongStoreService::GetStoredSongs(
    rpc::Call& call, const GetStoredSongsRequest& request) {
  if (request.has_source() && !IsSource(request.source())) {
    return InvalidField("source", "spotify or lastfm");
  }
  if (request.has_limit() && (request.limit() < 1 || request.limit() > kPageSizeMax)) {
    return InvalidField("limit", "an integer from 1 to 1000");
  }
  SongStream::Options options{
      .user_id = call.user_id, .source = request.source(), .first_deadline = call.deadline};
  if (request.has_limit()) options.page_size = request.limit();
  if (request.has_cursor()) {
    options.after = cursors_.Decode(call.user_id, request.source(), request.cursor());
    if (!options.after.has_value()) {
      return InvalidField("cursor", "the `next` of an answer to the same request");
    }
    if (!options.page_size.has_value()) options.page_size = kPageSizeDefault;
  }
  return std::make_unique<SongStream>(store_, cursors_, options);
}

absl::StatusOr<std::unique_ptr<rpc::Stream<ExportSongsResponse>>> SongStoreService::ExportSongs(
    rpc::Call& call, const ExportSongsRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  return std::make_unique<rpc::RowExportStream<ExportSongsResponse>>(
      call, store_.Export(request.user_id()));
}

absl::StatusOr<EraseSongsResponse> SongStoreService::EraseSongs(rpc::Call& call,
                                                                const EraseSongsRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  PLAYLOG_RETURN_IF_ERROR(store_.MarkErased(request.user_id(), call.deadline));
  EraseSongsResponse response;
  while (true) {
    PLAYLOG_ASSIGN_OR_RETURN(const std::int64_t erased,
                             store_.Erase(request.user_id(), kEraseRun, call.deadline));
    response.set_erased(response.erased() + erased);
    if (erased < kEraseRun) return response;
    // A caller that has gone asks again, and what is erased stays erased.
    if (call.IsCancelled()) return absl::CancelledError("the caller has gone");
  }
}

}  // namespace playlog::song_store
