#ifndef PLAYLOG_SERVICES_SONG_STORE_LISTING_FILTER_H_
#define PLAYLOG_SERVICES_SONG_STORE_LISTING_FILTER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "playlog/songs/v1/song_admin_service.pb.h"

namespace playlog::song_store {

// The MusicBrainz ids of a play, in the order of listed_tracks.mbids.
enum class Mbid { kTrack, kArtist, kAlbum };
inline constexpr int kMbids = 3;

// A word that a play must have somewhere.
struct ListWord {
  std::string text;
  // The users whose names have it.
  std::vector<std::int64_t> user_ids = {};
};

// Which plays of the listing are meant; every field that is set must hold.
struct ListFilter {
  std::vector<ListWord> words = {};
  std::optional<songs::v1::Source> source = std::nullopt;
  std::optional<bool> loved = std::nullopt;
  std::optional<bool> streamable = std::nullopt;
  std::optional<std::int64_t> user_id = std::nullopt;
  std::optional<std::int64_t> batch_id = std::nullopt;
  // The first moment of a span of played_at, and the moment after its last.
  std::optional<absl::Time> from = std::nullopt;
  std::optional<absl::Time> until = std::nullopt;
  std::array<std::optional<std::string>, kMbids> mbids = {};

  bool HasText() const;
};

// Reads what a request says, but for the users of the words, which somebody else knows.
// INVALID_FIELD names the field as `filter.q`.
absl::StatusOr<ListFilter> ReadListFilter(const songs::v1::SongFilter& filter);

enum class ListColumn {
  kId,
  kPlayedAt,
  kUserId,
  kTitle,
  kArtist,
  kAlbum,
  kSource,
  kLoved,
  kStreamable,
  kDurationMs,
  kBatchId,
  kTrackMbid,
  kArtistMbid,
  kAlbumMbid,
};

// What plays are ordered by. Those that are equal in it are ordered by played_at and id in the same
// direction; of a column of the track, by the track first.
struct ListOrder {
  ListColumn column = ListColumn::kPlayedAt;
  bool is_descending = true;
};

// Reads `title`, `-played_at` and so on. INVALID_FIELD names the field `order_by`.
absl::StatusOr<ListOrder> ReadListOrder(std::string_view text);

// A place in a list: just behind a play, or, where `is_whole_track`, behind a track's last.
struct ListPosition {
  // Of the values of `source`, `loved` and `streamable`, which one the list is at, from 0.
  std::int64_t run = 0;
  std::string key;  // The value of the track's column by which the list is ordered.
  std::int64_t track_id = 0;
  bool is_whole_track = false;
  std::int64_t user_id = 0;
  std::int64_t batch_id = 0;
  std::int64_t played_at_us = 0;
  std::int64_t id = 0;
  bool operator==(const ListPosition&) const = default;
};

// The position as bytes for a cursor, and back; nothing for bytes that are none.
std::string EncodeListPosition(const ListPosition& position);
std::optional<ListPosition> DecodeListPosition(std::string_view bytes);

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_LISTING_FILTER_H_
