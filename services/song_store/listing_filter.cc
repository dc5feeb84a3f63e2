#include "services/song_store/listing_filter.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/song_store/plays.h"

namespace playlog::song_store {
namespace {

using google::protobuf::util::TimeUtil;
using songs::v1::SongFilter;

constexpr std::size_t kWordsMax = 10;
constexpr std::size_t kTextCharactersMax = 200;

absl::StatusOr<std::optional<absl::Time>> ReadTime(bool is_set,
                                                   const google::protobuf::Timestamp& time,
                                                   std::string_view field) {
  if (!is_set) return std::optional<absl::Time>();
  if (time.seconds() < TimeUtil::kTimestampMinSeconds ||
      time.seconds() > TimeUtil::kTimestampMaxSeconds || time.nanos() < 0 ||
      time.nanos() >= 1'000'000'000) {
    return InvalidField(field, "a time in the years 1 to 9999");
  }
  return std::optional(absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(time)));
}

absl::StatusOr<std::vector<ListWord>> ReadWords(const std::string& text) {
  if (CountCodePoints(text) > kTextCharactersMax) {
    return InvalidField("filter.q", "at most 200 characters");
  }
  std::vector<ListWord> words;
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \t\n\v\f\r"), absl::SkipEmpty())) {
    words.push_back({std::string(word.data(), word.size())});
  }
  if (words.size() > kWordsMax) return InvalidField("filter.q", "at most 10 words");
  return words;
}

absl::Status ReadMbid(bool is_set, const std::string& given, std::string_view field,
                      std::optional<std::string>& mbid) {
  if (!is_set) return absl::OkStatus();
  if (given.empty() || given.size() > kTextCharactersMax) {
    return InvalidField(field, "1 to 200 bytes");
  }
  mbid = given;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::int64_t>> ReadId(bool is_set, std::int64_t id,
                                                   std::string_view field) {
  if (!is_set) return std::optional<std::int64_t>();
  if (id <= 0) return InvalidField(field, "an integer greater than 0");
  return std::optional(id);
}

void AppendNumber(std::string& bytes, std::int64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift));
  }
}

std::int64_t ReadNumber(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(number);
}

constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kNumbers = 7;

}  // namespace

bool ListFilter::HasText() const {
  return !words.empty() ||
         std::any_of(mbids.begin(), mbids.end(), [](const auto& mbid) { return mbid.has_value(); });
}

absl::StatusOr<ListFilter> ReadListFilter(const SongFilter& given) {
  ListFilter filter;
  PLAYLOG_ASSIGN_OR_RETURN(filter.words, ReadWords(given.q()));
  if (given.has_source()) {
    if (!IsSource(given.source())) return InvalidField("filter.source", "spotify or lastfm");
    filter.source = given.source();
  }
  if (given.has_loved()) filter.loved = given.loved();
  if (given.has_streamable()) filter.streamable = given.streamable();
  PLAYLOG_ASSIGN_OR_RETURN(filter.user_id,
                           ReadId(given.has_user_id(), given.user_id(), "filter.user_id"));
  PLAYLOG_ASSIGN_OR_RETURN(filter.batch_id,
                           ReadId(given.has_batch_id(), given.batch_id(), "filter.batch_id"));
  PLAYLOG_ASSIGN_OR_RETURN(filter.from, ReadTime(given.has_from(), given.from(), "filter.from"));
  PLAYLOG_ASSIGN_OR_RETURN(filter.until,
                           ReadTime(given.has_until(), given.until(), "filter.until"));
  PLAYLOG_RETURN_IF_ERROR(ReadMbid(given.has_track_mbid(), given.track_mbid(), "filter.track_mbid",
                                   filter.mbids[static_cast<int>(Mbid::kTrack)]));
  PLAYLOG_RETURN_IF_ERROR(ReadMbid(given.has_artist_mbid(), given.artist_mbid(),
                                   "filter.artist_mbid",
                                   filter.mbids[static_cast<int>(Mbid::kArtist)]));
  PLAYLOG_RETURN_IF_ERROR(ReadMbid(given.has_album_mbid(), given.album_mbid(), "filter.album_mbid",
                                   filter.mbids[static_cast<int>(Mbid::kAlbum)]));
  return filter;
}

absl::StatusOr<ListOrder> ReadListOrder(std::string_view text) {
  static const auto& columns =
      *new std::map<std::string, ListColumn, std::less<>>{{"id", ListColumn::kId},
                                                          {"played_at", ListColumn::kPlayedAt},
                                                          {"user_id", ListColumn::kUserId},
                                                          {"title", ListColumn::kTitle},
                                                          {"artist", ListColumn::kArtist},
                                                          {"album", ListColumn::kAlbum},
                                                          {"source", ListColumn::kSource},
                                                          {"loved", ListColumn::kLoved},
                                                          {"streamable", ListColumn::kStreamable},
                                                          {"duration_ms", ListColumn::kDurationMs},
                                                          {"batch_id", ListColumn::kBatchId},
                                                          {"track_mbid", ListColumn::kTrackMbid},
                                                          {"artist_mbid", ListColumn::kArtistMbid},
                                                          {"album_mbid", ListColumn::kAlbumMbid}};
  const bool is_descending = text.starts_with('-');
  const auto column = columns.find(text.substr(is_descending ? 1 : 0));
  if (column == columns.end()) {
    return InvalidField("order_by",
                        "id, played_at, user_id, title, artist, album, source, loved, streamable, "
                        "duration_ms, batch_id, track_mbid, artist_mbid or album_mbid, with or "
                        "without - before it");
  }
  return ListOrder{column->second, is_descending};
}

std::string EncodeListPosition(const ListPosition& position) {
  std::string bytes;
  for (const std::int64_t number :
       {position.run, position.track_id, std::int64_t{position.is_whole_track}, position.user_id,
        position.batch_id, position.played_at_us, position.id}) {
    AppendNumber(bytes, number);
  }
  bytes.append(position.key);
  return bytes;
}

std::optional<ListPosition> DecodeListPosition(std::string_view bytes) {
  if (bytes.size() < kNumbers * kNumberBytes) return std::nullopt;
  const auto number = [bytes](std::size_t index) {
    return ReadNumber(bytes.substr(index * kNumberBytes, kNumberBytes));
  };
  return ListPosition{.run = number(0),
                      .key = std::string(bytes.substr(kNumbers * kNumberBytes)),
                      .track_id = number(1),
                      .is_whole_track = number(2) != 0,
                      .user_id = number(3),
                      .batch_id = number(4),
                      .played_at_us = number(5),
                      .id = number(6)};
}

}  // namespace playlog::song_store
