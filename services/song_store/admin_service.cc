#include "services/song_store/admin_service.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "services/song_store/list_export.h"
#include "services/song_store/listing_filler.h"
#include "services/song_store/plays.h"

namespace playlog::song_store {
namespace {

using google::protobuf::util::TimeUtil;
using songs::v1::CountListedSongsByPeriodRequest;
using songs::v1::CountListedSongsByPeriodResponse;
using songs::v1::CountListedSongsRequest;
using songs::v1::CountListedSongsResponse;
using songs::v1::CountSongsOfUsersRequest;
using songs::v1::CountSongsOfUsersResponse;
using songs::v1::ExportListedSongsRequest;
using songs::v1::ExportListedSongsResponse;
using songs::v1::GetSongRequest;
using songs::v1::GetSongResponse;
using songs::v1::ListBatchesRequest;
using songs::v1::ListBatchesResponse;
using songs::v1::ListSongsRequest;
using songs::v1::ListSongsResponse;

constexpr int kPageSizeMax = 200;
constexpr int kPageSizeDefault = 100;
constexpr int kUsersMax = 100;
constexpr char kOrderDefault[] = "-played_at";
// A listing that is filled in the background is always a little behind.
constexpr absl::Duration kLagTold = absl::Seconds(5);

template <class Request>
absl::StatusOr<int> ReadLimit(const Request& request) {
  if (!request.has_limit()) return kPageSizeDefault;
  if (request.limit() < 1 || request.limit() > kPageSizeMax) {
    return InvalidField("limit", absl::StrCat("an integer from 1 to ", kPageSizeMax));
  }
  return request.limit();
}

template <class Request>
absl::StatusOr<ListOrder> ReadOrder(const Request& request) {
  return ReadListOrder(request.has_order_by() ? request.order_by() : kOrderDefault);
}

// What a cursor is bound to.
std::string ScopeOf(const ListSongsRequest& request) {
  return absl::StrCat(request.has_order_by() ? request.order_by() : kOrderDefault, "\n",
                      request.filter().SerializeAsString());
}

absl::Status InvalidId(std::string_view field) {
  return InvalidField(field, "an integer greater than 0");
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

}  // namespace

grpc::ServerUnaryReactor* SongAdminService::ListSongs(grpc::CallbackServerContext* context,
                                                      const ListSongsRequest* request,
                                                      ListSongsResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const ListSongsRequest& r) { return ListSongs(call, r); });
}

grpc::ServerUnaryReactor* SongAdminService::CountListedSongs(grpc::CallbackServerContext* context,
                                                             const CountListedSongsRequest* request,
                                                             CountListedSongsResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const CountListedSongsRequest& r) {
                             return CountListedSongs(call, r);
                           });
}

grpc::ServerUnaryReactor* SongAdminService::CountListedSongsByPeriod(
    grpc::CallbackServerContext* context, const CountListedSongsByPeriodRequest* request,
    CountListedSongsByPeriodResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const CountListedSongsByPeriodRequest& r) {
                             return CountListedSongsByPeriod(call, r);
                           });
}

grpc::ServerUnaryReactor* SongAdminService::GetSong(grpc::CallbackServerContext* context,
                                                    const GetSongRequest* request,
                                                    GetSongResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const GetSongRequest& r) { return GetSong(call, r); });
}

grpc::ServerWriteReactor<ExportListedSongsResponse>* SongAdminService::ExportListedSongs(
    grpc::CallbackServerContext* context, const ExportListedSongsRequest* request) {
  return dispatcher_.Serve<ExportListedSongsResponse>(
      context, request, [this](rpc::Call& call, const ExportListedSongsRequest& r) {
        return ExportListedSongs(call, r);
      });
}

grpc::ServerUnaryReactor* SongAdminService::ListBatches(grpc::CallbackServerContext* context,
                                                        const ListBatchesRequest* request,
                                                        ListBatchesResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const ListBatchesRequest& r) { return ListBatches(call, r); });
}

grpc::ServerUnaryReactor* SongAdminService::CountSongsOfUsers(
    grpc::CallbackServerContext* context, const CountSongsOfUsersRequest* request,
    CountSongsOfUsersResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const CountSongsOfUsersRequest& r) {
                             return CountSongsOfUsers(call, r);
                           });
}

absl::StatusOr<Search> SongAdminService::Find(rpc::Call& call, const songs::v1::SongFilter& given,
                                              std::vector<std::string>* unnamed) {
  PLAYLOG_ASSIGN_OR_RETURN(ListFilter filter, ReadListFilter(given));
  std::vector<std::string> ignored;
  PLAYLOG_RETURN_IF_ERROR(
      FindUsers(look_up_, call, filter, unnamed == nullptr ? ignored : *unnamed));
  return listing_.Find(std::move(filter), call.deadline);
}

absl::Status SongAdminService::AddLag(rpc::Call& call, ListSongsResponse& response) {
  PLAYLOG_ASSIGN_OR_RETURN(const ListingLag lag, ReadListingLag(pool_, call.deadline));
  if (lag.batches == 0 || absl::Now() - lag.since <= kLagTold) return absl::OkStatus();
  response.mutable_behind()->set_batches(lag.batches);
  *response.mutable_behind()->mutable_since() = ToTimestamp(lag.since);
  return absl::OkStatus();
}

absl::StatusOr<ListSongsResponse> SongAdminService::ListSongs(rpc::Call& call,
                                                              const ListSongsRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const int limit, ReadLimit(request));
  PLAYLOG_ASSIGN_OR_RETURN(const ListOrder order, ReadOrder(request));
  const std::string scope = ScopeOf(request);
  std::optional<ListPosition> after;
  if (request.has_cursor()) {
    const std::optional<std::string> place = cursors_.DecodePlace(scope, request.cursor());
    if (place.has_value()) after = DecodeListPosition(*place);
    if (!after.has_value()) {
      return InvalidField("cursor", "the `next` of an answer to the same filter and order");
    }
  }
  std::vector<std::string> unnamed;
  PLAYLOG_ASSIGN_OR_RETURN(const Search search, Find(call, request.filter(), &unnamed));
  PLAYLOG_ASSIGN_OR_RETURN(ListPage page,
                           listing_.Page(search, order, after, limit, call.deadline));
  PLAYLOG_RETURN_IF_ERROR(Usernames(look_up_).AddTo(call, page.songs));
  ListSongsResponse response;
  response.mutable_results()->Swap(&page.songs);
  if (page.next.has_value()) {
    response.set_next(cursors_.EncodePlace(scope, EncodeListPosition(*page.next)));
  }
  for (std::string& word : unnamed) response.add_words_not_in_names(std::move(word));
  PLAYLOG_RETURN_IF_ERROR(AddLag(call, response));
  return response;
}

absl::StatusOr<CountListedSongsResponse> SongAdminService::CountListedSongs(
    rpc::Call& call, const CountListedSongsRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const Search search, Find(call, request.filter()));
  CountListedSongsResponse response;
  PLAYLOG_ASSIGN_OR_RETURN(*response.mutable_total(), listing_.Count(search, call.deadline));
  // The count of a value that the filter has is the total's.
  const auto count = [&](auto ListFilter::*field, auto value) {
    if (search.filter.*field == value)
      return absl::StatusOr<songs::v1::CappedCount>(response.total());
    Search other = search;
    other.filter.*field = value;
    return listing_.Count(other, call.deadline);
  };
  for (const songs::v1::Source source : {songs::v1::SOURCE_SPOTIFY, songs::v1::SOURCE_LASTFM}) {
    songs::v1::SourceCount& of_source = *response.add_by_source();
    of_source.set_source(source);
    PLAYLOG_ASSIGN_OR_RETURN(*of_source.mutable_songs(), count(&ListFilter::source, source));
  }
  for (const bool value : {true, false}) {
    songs::v1::FlagCount& loved = *response.add_by_loved();
    loved.set_value(value);
    PLAYLOG_ASSIGN_OR_RETURN(*loved.mutable_songs(), count(&ListFilter::loved, value));
    songs::v1::FlagCount& streamable = *response.add_by_streamable();
    streamable.set_value(value);
    PLAYLOG_ASSIGN_OR_RETURN(*streamable.mutable_songs(), count(&ListFilter::streamable, value));
  }
  return response;
}

absl::StatusOr<CountListedSongsByPeriodResponse> SongAdminService::CountListedSongsByPeriod(
    rpc::Call& call, const CountListedSongsByPeriodRequest& request) {
  if (request.period() == songs::v1::PERIOD_UNSPECIFIED ||
      !songs::v1::Period_IsValid(request.period())) {
    return InvalidField("period", "year, month or day");
  }
  PLAYLOG_ASSIGN_OR_RETURN(const Search search, Find(call, request.filter()));
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<PeriodPlays> periods,
                           listing_.CountByPeriod(search, request.period(), call.deadline));
  CountListedSongsByPeriodResponse response;
  for (const PeriodPlays& period : periods) {
    songs::v1::PeriodCount& count = *response.add_results();
    *count.mutable_from() = ToTimestamp(period.from);
    *count.mutable_until() = ToTimestamp(period.until);
    *count.mutable_songs() = period.plays;
  }
  return response;
}

absl::StatusOr<GetSongResponse> SongAdminService::GetSong(rpc::Call& call,
                                                          const GetSongRequest& request) {
  if (request.id() <= 0) return InvalidId("id");
  PLAYLOG_ASSIGN_OR_RETURN(std::optional<GetSongResponse> found,
                           listing_.Get(request.id(), call.deadline));
  if (!found.has_value()) {
    return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such song",
                 "Check the id; a song that was stored just now comes within seconds.");
  }
  Usernames usernames(look_up_);
  google::protobuf::RepeatedPtrField<songs::v1::ListedSong> songs;
  songs.Add()->Swap(found->mutable_result());
  PLAYLOG_RETURN_IF_ERROR(usernames.AddTo(call, songs));
  found->mutable_result()->Swap(songs.Mutable(0));
  if (found->has_batch() && found->result().has_username()) {
    found->mutable_batch()->set_username(found->result().username());
  }
  return *std::move(found);
}

absl::StatusOr<std::unique_ptr<rpc::Stream<ExportListedSongsResponse>>>
SongAdminService::ExportListedSongs(rpc::Call& call, const ExportListedSongsRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const ListOrder order, ReadOrder(request));
  PLAYLOG_ASSIGN_OR_RETURN(Search search, Find(call, request.filter()));
  return std::make_unique<ListExport>(listing_, look_up_, call, std::move(search), order);
}

absl::StatusOr<ListBatchesResponse> SongAdminService::ListBatches(
    rpc::Call& call, const ListBatchesRequest& request) {
  BatchQuery query;
  PLAYLOG_ASSIGN_OR_RETURN(query.limit, ReadLimit(request));
  if (request.has_user_id()) query.user_id = request.user_id();
  if (request.has_before()) query.before = request.before();
  if (request.has_origin()) query.origin = request.origin();
  if (query.user_id.value_or(1) <= 0) return InvalidId("user_id");
  if (query.before.value_or(1) <= 0) return InvalidId("before");
  if (request.has_source()) {
    if (!IsSource(request.source())) return InvalidField("source", "spotify or lastfm");
    query.source = request.source();
  }
  PLAYLOG_ASSIGN_OR_RETURN(BatchPage page, listing_.Batches(query, call.deadline));
  PLAYLOG_RETURN_IF_ERROR(Usernames(look_up_).AddTo(call, page.batches));
  ListBatchesResponse response;
  response.mutable_results()->Swap(&page.batches);
  if (page.next.has_value()) response.set_next(*page.next);
  return response;
}

absl::StatusOr<CountSongsOfUsersResponse> SongAdminService::CountSongsOfUsers(
    rpc::Call& call, const CountSongsOfUsersRequest& request) {
  if (request.user_ids().empty() || request.user_ids_size() > kUsersMax) {
    return InvalidField("user_ids", absl::StrCat("1 to ", kUsersMax, " users"));
  }
  for (const std::int64_t user_id : request.user_ids()) {
    if (user_id <= 0) return InvalidField("user_ids", "integers greater than 0");
  }
  CountSongsOfUsersResponse response;
  PLAYLOG_ASSIGN_OR_RETURN(
      *response.mutable_results(),
      listing_.CountOfUsers(
          std::span(request.user_ids().data(), static_cast<std::size_t>(request.user_ids_size())),
          call.deadline));
  return response;
}

}  // namespace playlog::song_store
