#include "services/song_store/song_row.h"

#include <string>

namespace playlog::song_store {
namespace {

using songs::v1::Song;

void Assign(const db::Row& row, std::size_t column, std::string* text) {
  const std::string_view value = row.Text(column);
  text->assign(value.data(), value.size());
}

// A text that is not known is unset in the fields that can be unset.
void AssignIfKnown(const db::Row& row, std::size_t column, Song& song,
                   std::string* (Song::*field)()) {
  if (!row.Text(column).empty()) Assign(row, column, (song.*field)());
}

}  // namespace

void ReadSong(const db::Row& row, Song& song) {
  song.set_id(row.Int64(0));
  Assign(row, 1, song.mutable_title());
  Assign(row, 2, song.mutable_artist());
  Assign(row, 3, song.mutable_album());
  const std::int64_t micros = absl::ToUnixMicros(row.Time(4));
  const std::int64_t micros_of_second = ((micros % 1'000'000) + 1'000'000) % 1'000'000;
  song.mutable_played_at()->set_seconds((micros - micros_of_second) / 1'000'000);
  song.mutable_played_at()->set_nanos(static_cast<std::int32_t>(micros_of_second * 1'000));
  Assign(row, 5, song.mutable_album_thumbnail());
  Assign(row, 6, song.mutable_track_url());
  Assign(row, 7, song.mutable_artists_url());
  song.set_duration_ms(row.Int32(8));
  song.set_source(static_cast<songs::v1::Source>(row.Int32(9)));
  AssignIfKnown(row, 10, song, &Song::mutable_artist_lastfm_url);
  AssignIfKnown(row, 11, song, &Song::mutable_track_mbid);
  AssignIfKnown(row, 12, song, &Song::mutable_artist_mbid);
  AssignIfKnown(row, 13, song, &Song::mutable_album_mbid);
  song.set_loved(row.Bool(14));
  song.set_streamable(row.Bool(15));
  AssignIfKnown(row, 16, song, &Song::mutable_album_thumbnail_small);
  AssignIfKnown(row, 17, song, &Song::mutable_album_thumbnail_medium);
  AssignIfKnown(row, 18, song, &Song::mutable_album_thumbnail_large);
  AssignIfKnown(row, 19, song, &Song::mutable_album_thumbnail_extralarge);
}

}  // namespace playlog::song_store
